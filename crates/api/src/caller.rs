//! Who calls. A handler that names a [`Caller`] with the scope it needs gets the tenant; there is no other way to one.

use std::{marker::PhantomData, net::IpAddr, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use postroad_app::requests::Call;
use postroad_core::{
    actor::Actor,
    ids::{ClientId, TenantId},
    scope::Scope,
};

use crate::{metrics::AuthFailure, problem::Problem};

/// A caller whose signature holds, and what the call is known by.
#[derive(Debug)]
pub(crate) struct Principal {
    pub(crate) call: Call,
    pub(crate) scopes: Vec<Scope>,
    /// By which key, and from where: for whoever stays so long that it must be asked again.
    pub(crate) key_id: String,
    pub(crate) ip: IpAddr,
}

/// A scope as a type.
pub trait Needs: Send + Sync {
    const SCOPE: Scope;
}

macro_rules! needs {
    ($($name:ident),+ $(,)?) => {$(
        #[derive(Debug)]
        pub struct $name;

        impl Needs for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )+};
}

needs!(
    MessagesSend,
    MessagesRead,
    ContactsRead,
    ContactsWrite,
    CampaignsRead,
    CampaignsWrite,
    AccountsRead,
    AccountsWrite,
    TemplatesRead,
    TemplatesWrite,
    ConversationsRead,
    ConversationsWrite,
    AutomationsRead,
    AutomationsWrite,
    WebhooksRead,
    WebhooksWrite,
    MembersRead,
    MembersWrite,
    TenantRead,
    TenantWrite,
    ClientsRead,
    ClientsWrite,
);

/// A caller that has the scope `S`.
pub struct Caller<S> {
    principal: Arc<Principal>,
    has: PhantomData<S>,
}

impl<S> Caller<S> {
    pub fn tenant(&self) -> TenantId {
        self.principal.call.tenant
    }

    pub fn client(&self) -> ClientId {
        self.principal.call.client
    }

    /// As histories name it.
    pub fn actor(&self) -> Actor {
        Actor::Client(self.client())
    }

    /// Who calls and under which request id: what an action that happens once needs.
    pub fn call(&self) -> &Call {
        &self.principal.call
    }

    /// A further scope, for a part of what the route does.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.principal.scopes.contains(&scope) {
            return Ok(());
        }
        AuthFailure::MissingScope.count();
        Err(missing(scope))
    }

    pub(crate) fn principal(&self) -> Arc<Principal> {
        self.principal.clone()
    }

    /// What the caller may do: it can give no more to others.
    pub fn scopes(&self) -> &[Scope] {
        &self.principal.scopes
    }
}

impl<S: Needs, State: Send + Sync> FromRequestParts<State> for Caller<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Problem> {
        let principal = parts.extensions.get::<Arc<Principal>>().cloned().ok_or_else(unauthorized)?;
        let caller = Self { principal, has: PhantomData };
        caller.require(S::SCOPE)?;
        Ok(caller)
    }
}

/// The one answer to everybody who is not believed, whatever the reason.
pub(crate) fn unauthorized() -> Problem {
    let title = "The caller is not known";
    let detail = "the request is not signed by a key that may call from here now";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", title, detail)
}

fn missing(scope: Scope) -> Problem {
    let title = "The client lacks a scope";
    Problem::new(StatusCode::FORBIDDEN, "missing_scope", title, format_args!("this needs the scope {scope}"))
}
