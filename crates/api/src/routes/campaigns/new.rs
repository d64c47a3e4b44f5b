//! What a caller writes to have a campaign.

use chrono::{DateTime, Utc};
use postroad_app::{
    campaigns::{self, Guards},
    patch::Patch,
};
use postroad_core::{
    consent::Purpose,
    gates::QuietPolicy,
    ids::{AccountId, TemplateId},
    message::Class,
    send::weight_of,
};
use postroad_store::campaigns as stored;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audience::{Exclusion, NewAudience};
use crate::{
    problem::Problem,
    schema::{PurposeWord, QuietPolicyWord, variable::Variable},
};

/// A campaign to be written as a draft.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "Spring", "account_id": "acc_019f2b00000070008000000000000001",
    "template_id": "tpl_019f2b00000070008000000000000002",
    "variables": [{"attribute": "first_name", "fallback": "there"}, {"value": "20 %"}], "audience": {"all": true}})))]
pub(super) struct NewCampaign {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    #[schema(value_type = String, pattern = "^acc_[0-9a-f]{32}$")]
    account_id: AccountId,
    /// Of the same account.
    #[schema(value_type = String, pattern = "^tpl_[0-9a-f]{32}$")]
    template_id: TemplateId,
    /// `marketing` or `transactional`. Absent: `marketing`.
    #[schema(value_type = Option<PurposeWord>)]
    purpose: Option<Purpose>,
    /// One per placeholder of the template, the first for `{{1}}`.
    #[serde(default)]
    #[schema(max_items = 10)]
    variables: Vec<Variable>,
    audience: NewAudience,
    /// Who gets nothing, though the audience has them.
    #[serde(default)]
    #[schema(max_items = 10)]
    exclude: Vec<Exclusion>,
    /// What quiet hours mean for it. Absent: `hold`.
    #[schema(value_type = Option<QuietPolicyWord>)]
    quiet_policy: Option<QuietPolicy>,
    /// Its share of the account when several campaigns have something to send. Absent: 4.
    #[schema(minimum = 1, maximum = 100)]
    weight: Option<i16>,
    /// What has not left by then does not leave.
    not_after: Option<DateTime<Utc>>,
    /// Messages per minute at most. Absent: as fast as the account.
    #[schema(minimum = 1, maximum = 600_000)]
    throttle_per_minute: Option<i32>,
    /// It pauses when this percentage of its messages ends without success. Absent: 20; null: never.
    #[serde(default)]
    #[schema(value_type = Option<i16>, minimum = 1, maximum = 100)]
    pause_at_failures: Patch<i16>,
    /// A scheduled start that is later than this many seconds does not happen. Absent: 3,600.
    #[schema(minimum = 60, maximum = 604_800)]
    start_delay_max_s: Option<i32>,
    /// Each recipient gets the template of the same name that speaks their language, where there is an approved one.
    #[serde(default)]
    in_own_language: bool,
    /// Another way to whom it does not reach: a campaign of its own, which begins with it.
    fallback: Option<Fallback>,
}

/// By which account, and with what, people get it whom the provider refused or reported as failed.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CampaignFallback)]
pub(super) struct Fallback {
    /// Another account, of any channel. Its consent counts.
    #[schema(value_type = String, pattern = "^acc_[0-9a-f]{32}$")]
    account_id: AccountId,
    /// Of that account.
    #[schema(value_type = String, pattern = "^tpl_[0-9a-f]{32}$")]
    template_id: TemplateId,
    /// One per placeholder.
    #[serde(default)]
    #[schema(max_items = 10)]
    variables: Vec<Variable>,
    /// Failures that are reported so many seconds after the campaign's end still count.
    #[serde(default = "within_s")]
    #[schema(minimum = 60, maximum = 86_400, default = 3_600)]
    within_s: i32,
}

const fn within_s() -> i32 {
    3_600
}

impl Fallback {
    fn into_stored(self) -> Result<stored::Fallback, Problem> {
        let variables = self.variables.into_iter().map(Variable::into_stored).collect::<Result<_, _>>()?;
        let Self { account_id, template_id, within_s, .. } = self;
        Ok(stored::Fallback { account: account_id, template: template_id, variables, within_s })
    }

    pub(super) fn of(fallback: stored::Fallback) -> Self {
        Self {
            account_id: fallback.account,
            template_id: fallback.template,
            variables: fallback.variables.into_iter().map(Variable::of).collect(),
            within_s: fallback.within_s,
        }
    }
}

impl NewCampaign {
    pub(super) fn into_new(self) -> Result<campaigns::NewCampaign, Problem> {
        Ok(campaigns::NewCampaign {
            name: self.name,
            account: self.account_id,
            template: self.template_id,
            purpose: self.purpose.unwrap_or(Purpose::Marketing),
            variables: self.variables.into_iter().map(Variable::into_stored).collect::<Result<_, _>>()?,
            audience: self.audience.into_stored()?,
            exclude: self.exclude.into_iter().map(Exclusion::into_stored).collect::<Result<_, _>>()?,
            quiet_policy: self.quiet_policy.unwrap_or(QuietPolicy::Hold),
            weight: self.weight.unwrap_or_else(|| weight_of(Class::Campaign)),
            not_after: self.not_after,
            in_own_language: self.in_own_language,
            fallback: self.fallback.map(Fallback::into_stored).transpose()?,
            guards: guards(self.throttle_per_minute, self.pause_at_failures, self.start_delay_max_s),
        })
    }
}

fn guards(throttle_per_minute: Option<i32>, failures: Patch<i16>, delay: Option<i32>) -> Guards {
    let mut guards = Guards { throttle_per_minute, ..Guards::default() };
    failures.apply(&mut guards.pause_at_failures);
    guards.start_delay_max_s = delay.unwrap_or(guards.start_delay_max_s);
    guards
}
