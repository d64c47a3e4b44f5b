//! Calls about templates: an account's desk at its provider, over the one transport. Holds no database connection.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use http::{Request, Response};
use postroad_app::accounts;
use postroad_core::{
    ids::TenantId,
    limits::TEMPLATE_LANGUAGE_PAGES_MAX,
    provider::{
        BuildError, Connection, Provider, Quota,
        desk::{DeskFault, Listed, Page, Standing, Submission, TemplateDesk},
    },
};
use postroad_store::accounts::Account;

use crate::{Wire, jobs::Ctx, transport::Transport};

/// Why a call did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// No attempt can succeed, in words for a person.
    #[error("{0}")]
    Refused(String),
    /// Another attempt may, not before `after`. It may have been done nevertheless.
    #[error("{words}")]
    Later { words: String, after: Option<Duration> },
    /// The provider has one of this name in this language.
    #[error("{0}")]
    Taken(String),
    /// The provider has no such template.
    #[error("{0}")]
    Missing(String),
}

impl Trouble {
    fn later(words: impl Into<String>) -> Self {
        Self::Later { words: words.into(), after: None }
    }
}

impl From<DeskFault> for Trouble {
    fn from(fault: DeskFault) -> Self {
        let words = fault.to_string();
        match fault {
            DeskFault::Refused { .. } => Self::Refused(words),
            DeskFault::Taken { .. } => Self::Taken(words),
            DeskFault::Missing { .. } => Self::Missing(words),
            DeskFault::Later { after, .. } => Self::Later { words, after },
            DeskFault::Unreadable { .. } => Self::later(words),
        }
    }
}

impl From<BuildError> for Trouble {
    fn from(error: BuildError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<postroad_store::Error> for Trouble {
    fn from(error: postroad_store::Error) -> Self {
        Self::later(error.to_string())
    }
}

/// One account's.
pub(crate) struct Desk {
    provider: &'static dyn Provider,
    adapter: &'static dyn TemplateDesk,
    connection: Connection,
    transport: Transport,
}

type Built = Result<Request<Vec<u8>>, BuildError>;

impl Desk {
    /// Opens the account's secrets.
    pub(crate) async fn open(ctx: &Ctx, tenant: TenantId, account: &Account) -> Result<Self, Trouble> {
        let provider = postroad_providers::find(&account.provider);
        let (Some(provider), Some(adapter)) = (provider, provider.and_then(|provider| provider.templates())) else {
            return Err(Trouble::Refused(format!("{} keeps no templates", account.provider)));
        };
        let opened = accounts::credentials(&ctx.app, &[(tenant, account.id)]).await?.pop();
        let credentials = match opened {
            Some((_, Ok(credentials))) => credentials,
            Some((_, Err(error))) => return Err(Trouble::later(error.to_string())),
            None => return Err(Trouble::Refused("the account is gone".to_owned())),
        };
        let stand_in = ctx.base_urls.get(&account.provider).cloned();
        let base_url = stand_in.unwrap_or_else(|| provider.base_url().to_owned());
        let connection = Connection {
            external_id: account.external_id.clone(),
            base_url,
            public_url: ctx.app.public_url.to_string(),
            credentials,
        };
        Ok(Self { provider, adapter, connection, transport: ctx.transport.clone() })
    }

    pub(crate) async fn create(&self, submission: &Submission<'_>) -> Result<Standing, Trouble> {
        let answer = self.call(|| self.adapter.create(&self.connection, submission)).await?;
        read(|| self.adapter.created(&answer))
    }

    pub(crate) async fn edit(&self, provider_ref: &str, submission: &Submission<'_>) -> Result<(), Trouble> {
        let answer = self.call(|| self.adapter.edit(&self.connection, provider_ref, submission)).await?;
        read(|| self.adapter.done(&answer))
    }

    pub(crate) async fn remove(&self, name: &str, provider_ref: &str) -> Result<(), Trouble> {
        let answer = self.call(|| self.adapter.remove(&self.connection, name, provider_ref)).await?;
        read(|| self.adapter.done(&answer))
    }

    pub(crate) async fn page(&self, name: Option<&str>, after: Option<&str>) -> Result<Page, Trouble> {
        let answer = self.call(|| self.adapter.list(&self.connection, name, after)).await?;
        read(|| self.adapter.page(&answer))
    }

    /// How many people the account's portfolio may write to. None: the provider has no such limit, or does not say.
    pub(crate) async fn quota(&self) -> Result<Option<Quota>, Trouble> {
        let Some(request) = self.provider.ask_quota(&self.connection) else { return Ok(None) };
        let answer = self.call(|| request).await?;
        read(|| Ok(self.provider.quota(&answer)))
    }

    /// The template of exactly this name and language, if the provider has it.
    pub(crate) async fn find(&self, name: &str, language: &str) -> Result<Option<Listed>, Trouble> {
        let mut after = None;
        for _ in 0..TEMPLATE_LANGUAGE_PAGES_MAX {
            let page = self.page(Some(name), after.as_deref()).await?;
            let mut listed = page.templates.into_iter();
            if let Some(found) = listed.find(|listed| listed.name == name && listed.language == language) {
                return Ok(Some(found));
            }
            after = page.next;
            if after.is_none() {
                return Ok(None);
            }
        }
        Err(Trouble::Refused("the provider has more languages of this name than there are".to_owned()))
    }

    async fn call(&self, build: impl FnOnce() -> Built) -> Result<Response<Vec<u8>>, Trouble> {
        let request = catch_unwind(AssertUnwindSafe(build)).map_err(|_| panicked())??;
        match self.transport.send(request).await {
            Wire::Answered(answer) => Ok(answer),
            Wire::NotSent { why } => Err(Trouble::later(format!("the provider could not be reached ({why})"))),
            Wire::Ambiguous { why } => Err(Trouble::later(format!("the provider gave no answer ({why})"))),
        }
    }
}

fn read<T>(read: impl FnOnce() -> Result<T, DeskFault>) -> Result<T, Trouble> {
    Ok(catch_unwind(AssertUnwindSafe(read)).map_err(|_| panicked())??)
}

/// A defect, and no attempt can succeed.
fn panicked() -> Trouble {
    Trouble::Refused("the adapter panicked".to_owned())
}
