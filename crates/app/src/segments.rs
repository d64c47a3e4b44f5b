//! Segments: filters with a name. What they mean is asked in [`crate::audiences`].

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{SegmentId, TenantId},
    segment::Filter,
};
pub use postroad_store::segments::Segment;
use postroad_store::{Error, Json, TenantTx, segments};
use serde::Serialize;

use crate::{
    App,
    audiences::{self, AudienceError},
    requests::{self, Answer, Call, OnceError, Opened},
    text,
};

/// A segment to be made.
#[derive(Debug, Clone)]
pub struct NewSegment {
    /// 1 to 100 characters, unique whatever its case.
    pub name: String,
    pub filter: Filter,
}

/// What changes of one.
#[derive(Debug, Clone, Default)]
pub struct SegmentChange {
    pub name: Option<String>,
    pub filter: Option<Filter>,
}

#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    #[error("there is no such segment")]
    NotFound,
    #[error("the name does not have 1 to 100 characters")]
    Name,
    #[error("another segment has this name")]
    NameTaken,
    #[error("a campaign that has not ended its planning is for it; cancel that first")]
    InUse,
    #[error(transparent)]
    Audience(#[from] AudienceError),
    #[error(transparent)]
    Once(#[from] OnceError),
    #[error(transparent)]
    Store(Error),
}

impl From<Error> for SegmentError {
    fn from(error: Error) -> Self {
        match error {
            Error::Taken { constraint } if constraint == "segments_by_name" => Self::NameTaken,
            error => Self::Store(error),
        }
    }
}

/// Makes a segment once per request id.
pub async fn create_once<A: Serialize>(
    app: &App,
    call: &Call,
    new: NewSegment,
    answer: impl FnOnce(Segment) -> A + Send,
) -> Result<Answer, SegmentError> {
    let mut open = match requests::open(app, call).await? {
        Opened::Answered(answer) => return Ok(answer),
        Opened::New(open) => open,
    };
    let segment = write(&mut open.tx, new, open.now).await?;
    Ok(open.close(CREATED, &answer(segment)).await?)
}

/// Of HTTP.
const CREATED: u16 = 201;

pub async fn create(app: &App, tenant: TenantId, new: NewSegment) -> Result<Segment, SegmentError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let segment = write(&mut tx, new, app.clock.now()).await?;
    tx.commit().await?;
    Ok(segment)
}

async fn write(tx: &mut TenantTx, new: NewSegment, now: DateTime<Utc>) -> Result<Segment, SegmentError> {
    let segment = Segment {
        id: SegmentId::new(now),
        name: new.name.trim().to_owned(),
        filter: Json(new.filter),
        created_at: now,
        updated_at: now,
    };
    check(tx, &segment).await?;
    segments::insert(tx, &segment).await?;
    Ok(segment)
}

async fn check(tx: &mut TenantTx, segment: &Segment) -> Result<(), SegmentError> {
    if !text::fits(&segment.name, 1..=100) {
        return Err(SegmentError::Name);
    }
    segment.filter.0.check().map_err(AudienceError::from)?;
    Ok(audiences::check_references(tx, &segment.filter.0).await?)
}

pub async fn get(app: &App, tenant: TenantId, id: SegmentId) -> Result<Segment, SegmentError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    segments::find(&mut tx, id).await?.ok_or(SegmentError::NotFound)
}

/// A page, oldest first.
pub async fn list(
    app: &App,
    tenant: TenantId,
    after: Option<SegmentId>,
    limit: i64,
) -> Result<Vec<Segment>, SegmentError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(segments::list(&mut tx, after, limit).await?)
}

/// Changes what is named. Campaigns that have begun keep the filter as it was.
pub async fn update(
    app: &App,
    tenant: TenantId,
    id: SegmentId,
    change: SegmentChange,
) -> Result<Segment, SegmentError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    segments::lock(&mut tx, id).await?;
    let mut segment = segments::find(&mut tx, id).await?.ok_or(SegmentError::NotFound)?;
    if let Some(name) = change.name {
        name.trim().clone_into(&mut segment.name);
    }
    if let Some(filter) = change.filter {
        segment.filter = Json(filter);
    }
    check(&mut tx, &segment).await?;
    if !segments::update(&mut tx, &segment, app.clock.now()).await? {
        return Err(SegmentError::NotFound);
    }
    let segment = segments::find(&mut tx, id).await?.ok_or(SegmentError::NotFound)?;
    tx.commit().await?;
    Ok(segment)
}

/// Takes a segment away, unless a campaign would not find it at its start.
pub async fn delete(app: &App, tenant: TenantId, id: SegmentId) -> Result<(), SegmentError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if segments::is_named(&mut tx, &id.to_string()).await? {
        return Err(SegmentError::InUse);
    }
    if !segments::delete(&mut tx, id).await? {
        return Err(SegmentError::NotFound);
    }
    Ok(tx.commit().await?)
}
