//! Whom a campaign is for: its audience and whom it leaves out, made into one filter; and what a filter would mean now.
//!
//! A campaign keeps that filter from its start on, so that nobody changes its audience by editing a segment. Contacts are
//! looked at while it is planned: who loses a tag in these seconds may be in it or not, but in it once.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    consent::Purpose,
    ids::{CampaignId, ContactId, GroupId, ImportId, SegmentId, TenantId},
    limits::{EXCLUSIONS_MAX, PREVIEW_SAMPLES},
    segment::{Filter, FilterError, References, Standing},
};
use postroad_store::{
    Error, TenantTx, accounts,
    audiences::{self, Meant, Sampled, Use},
    campaigns::{self, Audience, Campaign, Exclusion},
    segments,
};

use crate::App;

/// Why nobody can be meant.
#[derive(Debug, thiserror::Error)]
pub enum AudienceError {
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error("there is no segment {0}")]
    UnknownSegment(SegmentId),
    #[error("there is no group {0}")]
    UnknownGroup(GroupId),
    #[error("there is no campaign {0}")]
    UnknownCampaign(CampaignId),
    #[error("there is no import {0}")]
    UnknownImport(ImportId),
    #[error("{count} exclusions are named, and {EXCLUSIONS_MAX} is the most")]
    TooManyExclusions { count: usize },
    #[error("a preview is for marketing or transactional messages")]
    Purpose,
    #[error(transparent)]
    Store(#[from] Error),
}

impl AudienceError {
    /// The stable word for it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Filter(_) => "invalid_filter",
            Self::UnknownSegment(_) => "unknown_segment",
            Self::UnknownGroup(_) => "unknown_group",
            Self::UnknownCampaign(_) => "unknown_campaign",
            Self::UnknownImport(_) => "unknown_import",
            Self::TooManyExclusions { .. } => "too_many_exclusions",
            Self::Purpose => "invalid_purpose",
            Self::Store(_) => "internal",
        }
    }
}

/// Who is meant, as one filter. None: the audience is no filter and leaves nobody out.
pub(crate) async fn resolve(
    tx: &mut TenantTx,
    audience: &Audience,
    exclude: &[Exclusion],
) -> Result<Option<Filter>, AudienceError> {
    if exclude.len() > EXCLUSIONS_MAX {
        return Err(AudienceError::TooManyExclusions { count: exclude.len() });
    }
    let mut left_out = Vec::with_capacity(exclude.len());
    for exclusion in exclude {
        left_out.push(excluded(tx, exclusion).await?);
    }
    let filter = match (included(tx, audience).await?, audience) {
        (Some(filter), _) => filter.except(left_out),
        _ if left_out.is_empty() => return Ok(None),
        (None, Audience::Import { import }) => Filter::Import(ImportId::from_uuid(*import)).except(left_out),
        (None, _) => Filter::nobody_of(left_out),
    };
    check_references(tx, &filter).await?;
    Ok(Some(filter))
}

async fn included(tx: &mut TenantTx, audience: &Audience) -> Result<Option<Filter>, AudienceError> {
    match audience {
        Audience::Segment { segment } => Ok(Some(filter_of(tx, *segment).await?)),
        Audience::Group { group } => Ok(Some(Filter::Group(*group))),
        Audience::Filter { filter } => Ok(Some(checked(filter)?)),
        Audience::All { .. } | Audience::Contacts { .. } | Audience::Import { .. } | Audience::Fallback { .. } => {
            Ok(None)
        }
    }
}

async fn excluded(tx: &mut TenantTx, exclusion: &Exclusion) -> Result<Filter, AudienceError> {
    match exclusion {
        Exclusion::Segment { segment } => filter_of(tx, *segment).await,
        Exclusion::Group { group } => Ok(Filter::Group(*group)),
        Exclusion::Filter { filter } => Ok(checked(filter)?),
    }
}

fn checked(filter: &Filter) -> Result<Filter, FilterError> {
    filter.check().map(|()| filter.clone())
}

pub(crate) async fn filter_of(tx: &mut TenantTx, segment: SegmentId) -> Result<Filter, AudienceError> {
    let found = segments::find(tx, segment).await?.ok_or(AudienceError::UnknownSegment(segment))?;
    Ok(found.filter.0)
}

/// What a filter names must exist: "not in a group that was deleted" would mean everybody.
pub(crate) async fn check_references(tx: &mut TenantTx, filter: &Filter) -> Result<(), AudienceError> {
    let named = filter.references();
    if named == References::default() {
        return Ok(());
    }
    let missing = segments::missing(tx, &named).await?;
    if let Some(id) = missing.groups.first() {
        return Err(AudienceError::UnknownGroup(*id));
    }
    if let Some(id) = missing.campaigns.first() {
        return Err(AudienceError::UnknownCampaign(*id));
    }
    missing.imports.first().map_or(Ok(()), |id| Err(AudienceError::UnknownImport(*id)))
}

/// How many people a campaign has at `at`: contacts with an address on the account's channel.
pub(crate) async fn size(
    tx: &mut TenantTx,
    campaign: &Campaign,
    filter: Option<&Filter>,
    at: DateTime<Utc>,
) -> Result<i64, Error> {
    let (named, import) = match &campaign.audience.0 {
        // Nobody yet: nothing has failed.
        Audience::Fallback { .. } => return Ok(0),
        Audience::Contacts { contact_ids } => (Some(contact_ids.as_slice()), None),
        Audience::Import { import } => (None, Some(*import)),
        _ => (None, None),
    };
    let Some(filter) = filter else { return campaigns::audience_size(tx, campaign, named, import).await };
    let Some(account) = accounts::find(tx, campaign.account).await? else { return Ok(0) };
    audiences::count_reached(tx, Meant { filter, at }, named, account.channel).await
}

/// What a preview is asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub whom: Whom,
    pub channel: Channel,
    pub purpose: Purpose,
}

/// A filter that is stored, or one that is not yet.
#[derive(Debug, Clone)]
pub enum Whom {
    Segment(SegmentId),
    Filter(Filter),
}

/// Whom a filter means at one instant, and what a message would come to.
pub struct Preview {
    pub at: DateTime<Utc>,
    pub matched: i64,
    /// The parts of `matched`; every standing is there.
    pub funnel: BTreeMap<Standing, i64>,
    /// The first of them.
    pub samples: Vec<Sample>,
}

/// Somebody who is meant. Never printed.
pub struct Sample {
    pub contact: ContactId,
    pub display_name: Option<String>,
    pub standing: Standing,
}

/// Counts whom a filter means now, exactly, and how many of them a message would reach.
pub async fn preview(app: &App, tenant: TenantId, asked: &Asked) -> Result<Preview, AudienceError> {
    if asked.purpose == Purpose::Conversational {
        return Err(AudienceError::Purpose);
    }
    let at = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let filter = match &asked.whom {
        Whom::Segment(id) => filter_of(&mut tx, *id).await?,
        Whom::Filter(filter) => checked(filter)?,
    };
    check_references(&mut tx, &filter).await?;
    let (meant, for_what) = (Meant { filter: &filter, at }, Use { channel: asked.channel, purpose: asked.purpose });
    let mut funnel: BTreeMap<Standing, i64> = Standing::ALL.iter().map(|standing| (*standing, 0)).collect();
    for alike in audiences::alike(&mut tx, meant, for_what).await? {
        *funnel.entry(alike.reach.standing()).or_default() += alike.count;
    }
    let samples = audiences::sample(&mut tx, meant, for_what, None, PREVIEW_SAMPLES).await?;
    Ok(Preview { at, matched: funnel.values().sum(), funnel, samples: samples.into_iter().map(sample).collect() })
}

fn sample(sampled: Sampled) -> Sample {
    let Sampled { contact, display_name, reach } = sampled;
    Sample { contact, display_name, standing: reach.standing() }
}
