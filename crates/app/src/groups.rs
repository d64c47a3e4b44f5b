//! Groups: people whom somebody put together by hand, or a segment did at one moment.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{ContactId, GroupId, SegmentId, TenantId},
    limits::{BATCH_MAX, GROUP_FROM_SEGMENT_MAX},
    segment::Filter,
};
pub use postroad_store::groups::{Group, Member};
use postroad_store::{
    Error, TenantTx,
    audiences::{self as stored, Meant},
    groups, segments,
};
use serde::Serialize;

use crate::{
    App,
    audiences::{self, AudienceError},
    requests::{self, Answer, Call, OnceError, Opened},
    text,
};

#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    #[error("there is no such group")]
    NotFound,
    #[error("the name does not have 1 to 100 characters")]
    Name,
    #[error("another group has this name")]
    NameTaken,
    #[error("a segment, or a campaign that has not ended its planning, names it; change or cancel that first")]
    InUse,
    #[error("there are more than {BATCH_MAX} contacts; take them in several calls, or a segment")]
    TooMany,
    #[error("the segment means {count} people, and {GROUP_FROM_SEGMENT_MAX} is the most; use the segment itself")]
    SegmentTooLarge { count: i64 },
    #[error(transparent)]
    Audience(#[from] AudienceError),
    #[error(transparent)]
    Once(#[from] OnceError),
    #[error(transparent)]
    Store(Error),
}

impl From<Error> for GroupError {
    fn from(error: Error) -> Self {
        match error {
            Error::Taken { constraint } if constraint == "groups_by_name" => Self::NameTaken,
            error => Self::Store(error),
        }
    }
}

/// Makes an empty group once per request id.
pub async fn create_once<A: Serialize>(
    app: &App,
    call: &Call,
    name: &str,
    answer: impl FnOnce(Group) -> A + Send,
) -> Result<Answer, GroupError> {
    let mut open = match requests::open(app, call).await? {
        Opened::Answered(answer) => return Ok(answer),
        Opened::New(open) => open,
    };
    let group = write(&mut open.tx, name, open.now).await?;
    Ok(open.close(CREATED, &answer(group)).await?)
}

/// Of HTTP.
const CREATED: u16 = 201;

pub async fn create(app: &App, tenant: TenantId, name: &str) -> Result<Group, GroupError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let group = write(&mut tx, name, app.clock.now()).await?;
    tx.commit().await?;
    Ok(group)
}

async fn write(tx: &mut TenantTx, name: &str, now: DateTime<Utc>) -> Result<Group, GroupError> {
    let name = checked(name)?.to_owned();
    let group = Group { id: GroupId::new(now), name, members: 0, created_at: now, updated_at: now };
    groups::insert(tx, &group).await?;
    Ok(group)
}

fn checked(name: &str) -> Result<&str, GroupError> {
    Some(name.trim()).filter(|name| text::fits(name, 1..=100)).ok_or(GroupError::Name)
}

pub async fn get(app: &App, tenant: TenantId, id: GroupId) -> Result<Group, GroupError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    groups::find(&mut tx, id).await?.ok_or(GroupError::NotFound)
}

/// A page, oldest first.
pub async fn list(app: &App, tenant: TenantId, after: Option<GroupId>, limit: i64) -> Result<Vec<Group>, GroupError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(groups::list(&mut tx, after, limit).await?)
}

pub async fn rename(app: &App, tenant: TenantId, id: GroupId, name: &str) -> Result<Group, GroupError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if !groups::rename(&mut tx, id, checked(name)?, app.clock.now()).await? {
        return Err(GroupError::NotFound);
    }
    let group = groups::find(&mut tx, id).await?.ok_or(GroupError::NotFound)?;
    tx.commit().await?;
    Ok(group)
}

/// Takes a group away, unless something means its members, or everybody but them.
pub async fn delete(app: &App, tenant: TenantId, id: GroupId) -> Result<(), GroupError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if !groups::lock(&mut tx, id).await? {
        return Err(GroupError::NotFound);
    }
    if segments::is_named(&mut tx, &id.to_string()).await? {
        return Err(GroupError::InUse);
    }
    groups::delete(&mut tx, id).await?;
    Ok(tx.commit().await?)
}

/// Which people join or leave.
#[derive(Debug, Clone)]
pub enum People {
    /// Up to 1,000. Who does not exist is left out.
    Contacts(Vec<ContactId>),
    /// Whom it means now, up to 100,000.
    Segment(SegmentId),
}

/// Makes people members; returns how many were none before.
pub async fn add(app: &App, tenant: TenantId, id: GroupId, people: &People) -> Result<u64, GroupError> {
    let now = app.clock.now();
    let mut tx = begin(app, tenant, id).await?;
    let added = match people {
        People::Contacts(contacts) => groups::add(&mut tx, id, bounded(contacts)?, now).await?,
        People::Segment(segment) => {
            let filter = filter(&mut tx, *segment, now).await?;
            stored::join_group(&mut tx, Meant { filter: &filter, at: now }, id).await?
        }
    };
    tx.commit().await?;
    Ok(added)
}

/// Ends memberships; returns how many there were.
pub async fn remove(app: &App, tenant: TenantId, id: GroupId, people: &People) -> Result<u64, GroupError> {
    let now = app.clock.now();
    let mut tx = begin(app, tenant, id).await?;
    let removed = match people {
        People::Contacts(contacts) => groups::remove(&mut tx, id, bounded(contacts)?).await?,
        People::Segment(segment) => {
            let filter = filter(&mut tx, *segment, now).await?;
            stored::leave_group(&mut tx, Meant { filter: &filter, at: now }, id).await?
        }
    };
    tx.commit().await?;
    Ok(removed)
}

async fn begin(app: &App, tenant: TenantId, id: GroupId) -> Result<TenantTx, GroupError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if !groups::exists(&mut tx, id).await? {
        return Err(GroupError::NotFound);
    }
    Ok(tx)
}

fn bounded(contacts: &[ContactId]) -> Result<&[ContactId], GroupError> {
    if contacts.len() > BATCH_MAX { Err(GroupError::TooMany) } else { Ok(contacts) }
}

async fn filter(tx: &mut TenantTx, segment: SegmentId, at: DateTime<Utc>) -> Result<Filter, GroupError> {
    let filter = audiences::filter_of(tx, segment).await?;
    audiences::check_references(tx, &filter).await?;
    let count = stored::count(tx, Meant { filter: &filter, at }).await?;
    if count > GROUP_FROM_SEGMENT_MAX { Err(GroupError::SegmentTooLarge { count }) } else { Ok(filter) }
}

/// A page, by the ids of the contacts.
pub async fn members(
    app: &App,
    tenant: TenantId,
    id: GroupId,
    after: Option<ContactId>,
    limit: i64,
) -> Result<Vec<Member>, GroupError> {
    let mut tx = begin(app, tenant, id).await?;
    Ok(groups::members(&mut tx, id, after, limit).await?)
}
