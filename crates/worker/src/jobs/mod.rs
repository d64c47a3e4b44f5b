//! What jobs do, one file each. A handler can run twice; most find nothing to do the second time.
//!
//! To add one: the payload in the core's `jobs.rs`, a file here with its [`Handle`], and its line in the monitor.

mod automate;
mod deliver;
mod fetch_media;
mod lost;
mod maintain;
mod plan_campaign;
mod quotas;
mod read_import;
mod read_journal;
mod reads;
mod send_mail;
mod tend_templates;
mod wake_lane;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use postroad_app::App;
use postroad_core::jobs::Job;
use tokio::sync::Semaphore;

use crate::{BaseUrls, Egress, Transport, inbox::Inbox, mail::Post};

/// How a job ends when nothing went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    Completed,
    /// Nothing to do: done already, or no longer wanted.
    Skipped {
        why: &'static str,
    },
    /// Not yet. Costs no attempt.
    Snoozed {
        until: DateTime<Utc>,
    },
}

/// How it ends otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Try again with backoff, until attempts run out.
    #[error("{0}")]
    Retry(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No attempt can succeed. Goes to the dead letters, where a person looks.
    #[error("{0}")]
    GiveUp(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<postroad_store::Error> for Failure {
    fn from(error: postroad_store::Error) -> Self {
        Self::Retry(error.into())
    }
}

/// What handlers may use.
#[derive(Clone)]
pub struct Ctx {
    pub app: App,
    pub(crate) inbox: Arc<Inbox>,
    /// For calls that are no messages.
    pub(crate) transport: Transport,
    /// For addresses that tenants named.
    pub(crate) egress: Egress,
    /// None: this process sends no mail.
    pub(crate) post: Option<Arc<Post>>,
    pub(crate) base_urls: Arc<BaseUrls>,
    /// Mebibytes for files that are on their way.
    pub(crate) room: Arc<Semaphore>,
}

/// A payload with its handler.
pub trait Handle: Job + Clone {
    fn run(self, ctx: Ctx) -> impl Future<Output = Result<Done, Failure>> + Send;
}
