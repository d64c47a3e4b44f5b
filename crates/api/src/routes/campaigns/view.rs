//! Campaigns and their counts as callers see them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use postroad_app::dry_run;
use postroad_store::campaigns::{self as stored, Tally};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    audience::{Audience, Exclusion},
    new::Fallback,
};
use crate::schema::{CampaignStateWord, PurposeWord, QuietPolicyWord, variable::Variable};

/// One message to many people.
#[derive(Serialize, ToSchema)]
pub(super) struct Campaign {
    #[schema(pattern = "^cmp_[0-9a-f]{32}$")]
    id: String,
    name: String,
    #[schema(pattern = "^acc_[0-9a-f]{32}$")]
    account_id: String,
    #[schema(pattern = "^tpl_[0-9a-f]{32}$")]
    template_id: String,
    #[schema(value_type = PurposeWord)]
    purpose: &'static str,
    variables: Vec<Variable>,
    audience: Audience,
    #[schema(max_items = 10)]
    exclude: Vec<Exclusion>,
    #[schema(value_type = QuietPolicyWord)]
    quiet_policy: &'static str,
    #[schema(value_type = CampaignStateWord)]
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_reason: Option<String>,
    weight: i16,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<DateTime<Utc>>,
    /// Why it has not begun though it was due: somebody must act. It is tried again every minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_refused: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<DateTime<Utc>>,
    /// Recipients written so far.
    recipients: i64,
    /// When all of them were written.
    #[serde(skip_serializing_if = "Option::is_none")]
    planned_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    /// The wall clock at which each recipient gets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    local_at: Option<NaiveDateTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repeat: Option<Repeat>,
    /// The series that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^cmp_[0-9a-f]{32}$")]
    series_id: Option<String>,
    /// A scheduled start that is later than this many seconds does not happen.
    start_delay_max_s: i32,
    /// Messages per minute at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    throttle_per_minute: Option<i32>,
    /// It pauses when this percentage of its messages ends without success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pause_at_failures: Option<i16>,
    /// Each recipient gets the variant of the template that speaks their language.
    in_own_language: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<Fallback>,
    /// The campaign whose failures it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^cmp_[0-9a-f]{32}$")]
    fallback_of: Option<String>,
    /// `operator`, `system`, or the id of an API client.
    created_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    archived_at: Option<DateTime<Utc>>,
}

/// When a series fires; `scheduled_at` is the next time.
#[derive(Serialize, ToSchema)]
#[schema(as = CampaignRepeat)]
struct Repeat {
    cron: String,
    zone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<DateTime<Utc>>,
}

impl Campaign {
    pub(super) fn of(campaign: stored::Campaign) -> Self {
        Self {
            id: campaign.id.to_string(),
            name: campaign.name,
            account_id: campaign.account.to_string(),
            template_id: campaign.template.to_string(),
            purpose: campaign.purpose.as_str(),
            variables: campaign.variables.0.into_iter().map(Variable::of).collect(),
            audience: Audience::of(campaign.audience.0),
            exclude: campaign.exclude.0.into_iter().map(Exclusion::of).collect(),
            quiet_policy: campaign.quiet_policy.as_str(),
            state: campaign.state.as_str(),
            paused_reason: campaign.paused_reason,
            weight: campaign.weight,
            scheduled_at: campaign.scheduled_at,
            not_after: campaign.not_after,
            start_refused: campaign.start_refused,
            started_at: campaign.started_at,
            finished_at: campaign.finished_at,
            recipients: campaign.planned,
            planned_at: campaign.planned_at,
            created_at: campaign.created_at,
            local_at: campaign.local_at,
            repeat: campaign.repeat_cron.zip(campaign.repeat_zone).map(|(cron, zone)| Repeat {
                cron,
                zone,
                until: campaign.repeat_until,
            }),
            series_id: campaign.series.map(|id| id.to_string()),
            start_delay_max_s: campaign.start_delay_max_s,
            throttle_per_minute: campaign.throttle_per_minute,
            pause_at_failures: campaign.pause_at_failures,
            in_own_language: campaign.in_own_language,
            fallback: campaign.fallback.map(|fallback| Fallback::of(fallback.0)),
            fallback_of: campaign.fallback_of.map(|id| id.to_string()),
            created_by: campaign.created_by,
            approved_by: campaign.approved_by,
            archived_at: campaign.archived_at,
        }
    }
}

/// How far a campaign got.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = CampaignStats)]
pub(super) struct Stats {
    recipients: i64,
    /// By state.
    states: BTreeMap<String, i64>,
    /// The provider took it, whatever was reported later.
    accepted: i64,
    /// By reason.
    waiting: BTreeMap<String, i64>,
    /// By reason.
    refused: BTreeMap<String, i64>,
    /// May have been carried out; nobody knows.
    unknown: i64,
    /// Not delivered: the provider refused it or reported so, or its time or attempts ran out.
    failed: i64,
}

impl Stats {
    pub(super) fn of(tallies: &[Tally]) -> Self {
        let mut stats = Self::default();
        for tally in tallies {
            stats.add(tally);
        }
        stats
    }

    fn add(&mut self, tally: &Tally) {
        self.recipients += tally.count;
        *self.states.entry(tally.state.clone()).or_default() += tally.count;
        let reason = || tally.reason.clone().unwrap_or_else(|| "unspecified".to_owned());
        match tally.state.as_str() {
            "accepted" | "sent" | "delivered" | "read" => self.accepted += tally.count,
            "failed" => {
                self.accepted += tally.count;
                self.failed += tally.count;
            }
            "waiting" => *self.waiting.entry(reason()).or_default() += tally.count,
            "refused" => *self.refused.entry(reason()).or_default() += tally.count,
            "unknown" => self.unknown += tally.count,
            "rejected" | "dead" | "expired" => self.failed += tally.count,
            _ => {}
        }
    }
}

/// Messages as people would read them.
#[derive(Serialize, ToSchema)]
#[schema(as = CampaignPreview)]
pub(super) struct Preview {
    recipients: i64,
    #[schema(max_items = 5)]
    samples: Vec<Sample>,
}

/// One message: `text`, or `missing` and why there is none.
#[derive(Serialize, ToSchema)]
#[schema(as = CampaignSample)]
struct Sample {
    #[schema(pattern = "^con_[0-9a-f]{32}$")]
    contact_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<String>,
}

impl Preview {
    pub(super) fn of(preview: dry_run::Preview) -> Self {
        let sample = |sample: dry_run::Sample| {
            let (text, missing) = match sample.text {
                Ok(text) => (Some(text), None),
                Err(error) => (None, Some(error.to_string())),
            };
            Sample { contact_id: sample.contact.to_string(), text, missing }
        };
        Self { recipients: preview.recipients, samples: preview.samples.into_iter().map(sample).collect() }
    }
}
