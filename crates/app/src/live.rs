//! Live updates: what happened to a tenant, handed to every stream of this process that follows it.
//!
//! The numbered events of the database are the truth, and a stream can always read them. The hub spares it that: it reads
//! the news of all tenants that somebody follows in one statement, writes each event once as it goes over the wire, and
//! keeps some seconds of them per tenant. What a stream takes from there must follow the number that it had last;
//! otherwise it reads the table. So nothing is missed or told twice, whatever wake-up gets lost.
//!
//! Deliberately absent: streams, which are the API's, and what members may see of what is kept.

mod hub;
mod link;
pub mod metrics;
mod passing;
mod topic;
mod wire;

use std::sync::Arc;

use postroad_core::ids::{MemberId, TenantId};
use postroad_store::{
    Result, TenantTx,
    events::{self, Bounds},
};
use uuid::Uuid;

pub use passing::{PassingError, Present, Typing, be_present, present, typing};
pub use topic::{Follower, Taken};
pub use wire::{Line, comment, told_to_one};

use crate::App;

/// The hub of this process, and its way to those of others. Cheap to clone.
#[derive(Clone)]
pub struct Live(Arc<hub::Hub>);

impl Live {
    /// Other processes are seen by looking at the database.
    pub fn local() -> Self {
        Self(Arc::new(hub::Hub::new(None)))
    }

    /// Other processes tell through Redis that there is something to see. Does not wait for it.
    pub fn redis(url: &str) -> Result<Self, redis::RedisError> {
        Ok(Self(Arc::new(hub::Hub::new(Some(link::Link::open(url, Uuid::new_v4())?)))))
    }

    /// After the commit that told something of these tenants. Losing it costs a moment, nothing else.
    pub fn told(&self, tenants: impl IntoIterator<Item = TenantId>) {
        self.0.told(tenants.into_iter().collect());
    }

    /// What happens to a tenant from here on. `last`: the newest number that the caller knows to be committed.
    pub fn follow(&self, app: &App, tenant: TenantId, last: i64) -> Follower {
        self.0.follow(app, tenant, last)
    }
}

/// What of a tenant's events there is to read.
pub async fn bounds(app: &App, tenant: TenantId) -> Result<Bounds> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    events::bounds(&mut tx).await
}

/// A page of what a stream has missed.
#[derive(Debug)]
pub struct Missed {
    /// In the order of their numbers, without gaps unless `bounds` says that something was taken away.
    pub lines: Vec<Line>,
    /// As they were after the page was read.
    pub bounds: Bounds,
}

/// What happened behind a number, at most `limit` of it: all of it, and the stream leaves out what it may not show.
pub async fn missed(app: &App, tenant: TenantId, after: i64, limit: i64) -> Result<Missed> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    tx.lift().await?;
    let told = events::page(&mut tx, after, limit).await?;
    let bounds = events::bounds(&mut tx).await?;
    Ok(Missed { lines: told.iter().map(Line::of_told).collect(), bounds })
}

/// Whether this is a member who works.
pub async fn works(app: &App, tenant: TenantId, member: MemberId) -> Result<bool> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(postroad_store::members::count_active(&mut tx, &[member]).await? == 1)
}
