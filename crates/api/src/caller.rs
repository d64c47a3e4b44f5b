//! Who calls. A handler that names a [`Caller`] with the scope it needs gets the tenant; there is no other way to one.

use std::{marker::PhantomData, net::IpAddr, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use postroad_app::requests::Call;
use postroad_core::{
    actor::Actor,
    conversation::Role,
    ids::{ClientId, MemberId, TenantId},
    scope::Scope,
    sight::Sight,
    sign_in::TokenHash,
};
use postroad_store::Doer;

use crate::{metrics::AuthFailure, problem::Problem};

/// A caller whose signature holds, and what the call is known by.
#[derive(Debug)]
pub(crate) struct Principal {
    pub(crate) call: Call,
    pub(crate) scopes: Vec<Scope>,
    /// Of a person who sees a part of what the tenant has. None: everything.
    pub(crate) sight: Option<Sight>,
    /// By what, and from where: for whoever stays so long that it must be asked again.
    pub(crate) by: By,
    pub(crate) ip: IpAddr,
}

impl Principal {
    /// As the audit names them.
    pub(crate) fn doer(&self) -> Doer {
        Doer {
            actor: self.call.actor().to_string(),
            ip: Some(self.ip.to_string()),
            request_id: Some(self.call.request_id.clone()),
        }
    }
}

/// What a caller was known by.
#[derive(Debug, Clone)]
pub(crate) enum By {
    /// Its id.
    Key(String),
    Session(TokenHash, Role),
}

/// What a route needs, as a type.
pub trait Needs: Send + Sync {
    /// One of them is enough; whoever has none is told the first.
    const ANY_OF: &'static [Scope];
    /// Whoever sees a part only may call it: it tells nothing of people, or only of those in sight.
    const IN_PART: bool = false;
}

/// The same for whoever sees a part only. Everything that the route reads is read in its own task, in transactions of the tenant: there
/// the rest is kept back.
#[derive(Debug)]
pub struct InPart<S>(PhantomData<S>);

impl<S: Needs> Needs for InPart<S> {
    const ANY_OF: &'static [Scope] = S::ANY_OF;
    const IN_PART: bool = true;
}

macro_rules! needs {
    ($in_part:literal: $($name:ident),+ $(,)?) => {$(
        #[derive(Debug)]
        pub struct $name;

        impl Needs for $name {
            const ANY_OF: &'static [Scope] = &[Scope::$name];
            const IN_PART: bool = $in_part;
        }
    )+};
}

needs!(
    false: MessagesSend,
    AccountsWrite,
    MessagesRead,
    ContactsRead,
    ContactsWrite,
    CampaignsRead,
    CampaignsWrite,
    CampaignsSend,
    ConversationsRead,
    ConversationsWrite,
    AutomationsRead,
    AutomationsWrite,
    WebhooksRead,
    WebhooksWrite,
    MembersWrite,
    TenantWrite,
    ClientsRead,
    ClientsWrite,
    AuditRead,
);
// Of what the tenant works with, and of whom.
needs!(true: AccountsRead, TemplatesRead, TemplatesWrite, MembersRead, TenantRead);

/// Whoever sends, and whoever answers, attaches files.
#[derive(Debug)]
pub struct Attaches;

impl Needs for Attaches {
    const ANY_OF: &'static [Scope] = &[Scope::MessagesSend, Scope::ConversationsWrite];
    const IN_PART: bool = true;
}

/// Whoever sends takes back what was not sent yet, and so does whoever answers.
#[derive(Debug)]
pub struct Cancels;

impl Needs for Cancels {
    const ANY_OF: &'static [Scope] = &[Scope::MessagesSend, Scope::ConversationsWrite];
    const IN_PART: bool = true;
}

/// A caller that has what `S` needs.
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
        self.principal.call.actor()
    }

    /// The role of a person; none of a program.
    pub(crate) fn role(&self) -> Option<Role> {
        match self.principal.by {
            By::Key(_) => None,
            By::Session(_, role) => Some(role),
        }
    }

    /// In whose name: a program may speak for any member, a person for nobody but themselves.
    pub fn speaks_for(&self, named: Option<MemberId>) -> Result<Option<MemberId>, Problem> {
        match (self.principal.call.member, named) {
            (None, named) => Ok(named),
            (Some(me), None) => Ok(Some(me)),
            (Some(me), Some(named)) if me == named => Ok(Some(me)),
            (Some(_), Some(_)) => Err(somebody_else()),
        }
    }

    /// The same where somebody must be named.
    pub fn speaks_as(&self, named: MemberId) -> Result<MemberId, Problem> {
        Ok(self.speaks_for(Some(named))?.unwrap_or(named))
    }

    /// Who calls and under which request id: what an action that happens once needs.
    pub fn call(&self) -> &Call {
        &self.principal.call
    }

    /// A further scope, for a part of what the route does.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        self.has(scope).then_some(()).ok_or_else(|| missing(scope))
    }

    fn has(&self, scope: Scope) -> bool {
        self.principal.scopes.contains(&scope)
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
        match S::ANY_OF.iter().any(|scope| caller.has(*scope)) {
            false => Err(missing(S::ANY_OF[0])),
            true if caller.principal.sight.is_some() && !S::IN_PART => Err(sees_a_part()),
            true => Ok(caller),
        }
    }
}

fn somebody_else() -> Problem {
    let title = "This is somebody else";
    let detail = "whoever is signed in speaks for themselves: leave the member out, or name yourself";
    Problem::new(StatusCode::FORBIDDEN, "not_yourself", title, detail)
}

/// The one answer to everybody who is not believed, whatever the reason.
pub(crate) fn unauthorized() -> Problem {
    let title = "The caller is not known";
    let detail = "the request is not signed by a key that may call from here now";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", title, detail)
}

fn sees_a_part() -> Problem {
    AuthFailure::SeesAPart.count();
    let title = "This is about everybody";
    let detail = "you see the conversations of your department, of your accounts or your own; this is for whoever sees all of them";
    Problem::new(StatusCode::FORBIDDEN, "sees_a_part", title, detail)
}

fn missing(scope: Scope) -> Problem {
    AuthFailure::MissingScope.count();
    let title = "The caller lacks a scope";
    Problem::new(StatusCode::FORBIDDEN, "missing_scope", title, format_args!("this needs the scope {scope}"))
}
