//! Gates decide whether a message may leave now.
//!
//! A gate is a pure function of [`Facts`]: it cannot query, wait or read a clock. So each rule is tested as a table, and
//! the explain page replays a stored decision and says why.
//!
//! To add a gate: write `gates/<name>.rs` with a `check` function, then add its line to [`GATES`]; a new fact stops the
//! store compiling until it is read.

pub mod account_health;
pub mod consent;
pub mod credit;
pub mod expiry;
pub mod explain;
pub mod frequency_cap;
pub mod quiet_hours;
pub mod rate;
#[cfg(test)]
pub(crate) mod sendable;
pub mod session_window;
pub mod spacing;
pub mod suppression;
pub mod template;
#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::{
    account::{AccountStatus, Channel},
    consent::{Consent, Purpose, SuppressionReason},
    message::{Class, Source},
    quiet_hours::QuietHours,
    send::SendState,
    template::{TemplateCategory, TemplateStatus},
    words::words,
};

/// Raised when the meaning of a gate changes; stored with every verdict.
pub const GATE_SET: i16 = 2;

words! {
    /// In the order in which a reason is shown when several hold.
    GateName {
        AccountHealth = "account_health",
        Expiry = "expiry",
        Suppression = "suppression",
        Consent = "consent",
        Template = "template",
        SessionWindow = "session_window",
        QuietHours = "quiet_hours",
        FrequencyCap = "frequency_cap",
        Spacing = "spacing",
        Credit = "credit",
        Rate = "rate",
    }
}

words! {
    /// Why a message waits or is refused. A contract of the public API: words are added, never changed.
    Reason {
        AccountPaused = "account_paused",
        AccountDisconnected = "account_disconnected",
        AccountRestricted = "account_restricted",
        SendingPaused = "sending_paused",
        CampaignPaused = "campaign_paused",
        RestoreHold = "restore_hold",
        ProviderOff = "provider_off",
        NotAfterPassed = "not_after_passed",
        Suppressed = "suppressed",
        NoConsent = "no_consent",
        OptedOut = "opted_out",
        TemplateMissing = "template_missing",
        TemplateNotApproved = "template_not_approved",
        TemplatePaused = "template_paused",
        TemplateRejected = "template_rejected",
        TemplateCategoryMismatch = "template_category_mismatch",
        TemplateParameters = "template_parameters",
        WindowClosed = "window_closed",
        QuietHours = "quiet_hours",
        FrequencyCap = "frequency_cap",
        PairLimit = "pair_limit",
        NoCredit = "no_credit",
        QuotaUsed = "quota_used",
        RateLimit = "rate_limit",
        Throttled = "throttled",
        ProviderBackoff = "provider_backoff",
        RecipientBackoff = "recipient_backoff",
        Retry = "retry",
        ResendAfterUnknown = "resend_after_unknown",
    }
}

impl Reason {
    /// The final state of a send that is refused for this reason.
    pub const fn final_state(self) -> SendState {
        match self {
            Self::NotAfterPassed => SendState::Expired,
            _ => SendState::Refused,
        }
    }

    /// Time alone does not lift it: somebody must do something.
    pub const fn needs_a_person(self) -> bool {
        matches!(
            self,
            Self::AccountPaused
                | Self::AccountDisconnected
                | Self::AccountRestricted
                | Self::SendingPaused
                | Self::CampaignPaused
                | Self::RestoreHold
                | Self::ProviderOff
                | Self::TemplateNotApproved
                | Self::TemplatePaused
                | Self::NoCredit
        )
    }
}

words! {
    /// What quiet hours mean for one source of messages.
    QuietPolicy {
        /// Wait for the end of quiet hours.
        Hold = "hold",
        /// Do not send at all.
        Skip = "skip",
        /// Wait, unless `not_after` comes first: then it has expired already.
        Expire = "expire",
        Exempt = "exempt",
    }
}

impl QuietPolicy {
    /// Campaigns and automations hold, agent replies and one-time codes are exempt, API sends hold unless they choose.
    pub const fn default_for(source: Source, class: Class) -> Self {
        match (source, class) {
            (_, Class::Auth) | (Source::Agent, _) => Self::Exempt,
            _ => Self::Hold,
        }
    }
}

words! {
    /// Whose zone it is.
    ZoneOf { Contact = "contact", Account = "account", Tenant = "tenant" }
}

#[expect(clippy::struct_excessive_bools, reason = "switches of different people, any of them on at once")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFacts {
    pub status: AccountStatus,
    /// The switch of the whole tenant or installation is off.
    pub sending_paused: bool,
    pub campaign_paused: bool,
    /// The database is a copy, and an operator has not released it.
    pub restore_hold: bool,
    /// The operator switched the provider off.
    pub provider_off: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateFacts {
    /// None: no template of that name and language is known for this account.
    pub found: Option<TemplateStanding>,
    /// Values the message brings.
    pub parameters: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateStanding {
    pub status: TemplateStatus,
    pub category: TemplateCategory,
    /// Placeholders the body has.
    pub placeholders: usize,
}

/// The provider's 24-hour rule, where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowFacts {
    /// The content may go outside the window: a template, or a reaction.
    pub content_is_free: bool,
    /// When the window of this account and address closes; none if the person never wrote.
    pub closes_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietFacts {
    pub hours: QuietHours,
    pub zone: Tz,
    pub zone_of: ZoneOf,
    pub policy: QuietPolicy,
}

words! {
    /// How a frequency cap counts.
    CapKind {
        /// Within the last `window_s` seconds.
        Rolling = "rolling",
        /// Within the person's local day, or the last `window_s / 86,400` local days including today.
        Calendar = "calendar",
    }
}

/// At most `max` marketing messages to one person in a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    pub kind: CapKind,
    /// Seconds; for [`CapKind::Calendar`] a multiple of 86,400.
    pub window_s: u32,
    /// 1 to 100.
    pub max: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapFacts {
    pub caps: Vec<Cap>,
    /// The zone that calendar caps count in.
    pub zone: Tz,
    /// Instants at which counted messages to this person were reserved, oldest first, at most 100.
    pub uses: Vec<DateTime<Utc>>,
}

/// A token bucket between this account and this person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpacingFacts {
    /// The earliest instant at which the bucket has a token again.
    pub free_at: Option<DateTime<Utc>>,
    /// The provider refused this person for pace until then.
    pub backoff_until: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditFacts {
    /// The tenant pays from a wallet.
    pub enforced: bool,
    /// Cover is reserved for this message, or the wallet has some.
    pub covered: bool,
    /// The quota of the account's portfolio, where the provider has one (a tier).
    pub quota: Option<QuotaFacts>,
}

/// So many people may be written to within 24 hours, outside the windows that they open by writing first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaFacts {
    pub people_max: u32,
    /// This person is one of them until then.
    pub counted_until: Option<DateTime<Utc>>,
    /// When there is a place for somebody else. None: there is one.
    pub free_at: Option<DateTime<Utc>>,
}

/// What the lane itself is waiting for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateFacts {
    /// The provider told the whole lane to rest until then.
    pub rests_until: Option<DateTime<Utc>>,
}

/// Everything a decision may depend on, as read at one instant. Stored with every changed decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub now: DateTime<Utc>,
    pub class: Class,
    pub source: Source,
    pub purpose: Purpose,
    pub channel: Channel,
    pub not_after: Option<DateTime<Utc>>,
    pub account: AccountFacts,
    pub suppressed: Option<SuppressionReason>,
    /// The newest entry for this address and the message's purpose.
    pub consent: Option<Consent>,
    pub template: Option<TemplateFacts>,
    pub window: Option<WindowFacts>,
    pub quiet: Option<QuietFacts>,
    pub caps: Option<CapFacts>,
    pub spacing: Option<SpacingFacts>,
    pub credit: CreditFacts,
    pub rate: RateFacts,
}

/// What one gate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    /// Check again at `until`.
    Wait {
        until: DateTime<Utc>,
        reason: Reason,
    },
    /// Never.
    Refuse {
        reason: Reason,
    },
}

/// What all gates say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    Send,
    Wait { gate: GateName, until: DateTime<Utc>, reason: Reason },
    Refuse { gate: GateName, reason: Reason },
}

/// A decision, and which gates let it pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    #[serde(flatten)]
    pub decision: Decision,
    /// Bit `n` is set when gate `n` of [`GATES`] passed.
    pub passes: i32,
}

#[derive(Debug)]
pub struct Gate {
    pub name: GateName,
    pub check: fn(&Facts) -> Verdict,
}

/// In the order in which a reason is shown.
pub const GATES: &[Gate] = &[
    Gate { name: GateName::AccountHealth, check: account_health::check },
    Gate { name: GateName::Expiry, check: expiry::check },
    Gate { name: GateName::Suppression, check: suppression::check },
    Gate { name: GateName::Consent, check: consent::check },
    Gate { name: GateName::Template, check: template::check },
    Gate { name: GateName::SessionWindow, check: session_window::check },
    Gate { name: GateName::QuietHours, check: quiet_hours::check },
    Gate { name: GateName::FrequencyCap, check: frequency_cap::check },
    Gate { name: GateName::Spacing, check: spacing::check },
    Gate { name: GateName::Credit, check: credit::check },
    Gate { name: GateName::Rate, check: rate::check },
];

/// All gates over one set of facts.
pub fn decide(facts: &Facts) -> Ruling {
    combine(GATES.iter().map(|gate| (gate.name, (gate.check)(facts))))
}

/// Any refusal wins, else the longest wait, else send; of equals the first. Apart from [`GATES`], so that it is tested
/// with any verdicts.
pub fn combine(verdicts: impl IntoIterator<Item = (GateName, Verdict)>) -> Ruling {
    let mut ruling = Ruling { decision: Decision::Send, passes: 0 };
    for (position, (gate, verdict)) in verdicts.into_iter().enumerate() {
        match (&ruling.decision, verdict) {
            (_, Verdict::Pass) => ruling.passes |= 1 << position,
            (Decision::Refuse { .. }, _) => {}
            (_, Verdict::Refuse { reason }) => ruling.decision = Decision::Refuse { gate, reason },
            (Decision::Wait { until: longest, .. }, Verdict::Wait { until, .. }) if until <= *longest => {}
            (_, Verdict::Wait { until, reason }) => ruling.decision = Decision::Wait { gate, until, reason },
        }
    }
    ruling
}

/// When to look again at a wait that only an event lifts.
pub fn recheck(now: DateTime<Utc>) -> DateTime<Utc> {
    now + crate::limits::RECHECK
}

/// A wait never ends in the past, and never lies further ahead than a year: a broken rule shows up as a check, not as
/// silence.
pub fn bounded(now: DateTime<Utc>, until: DateTime<Utc>) -> DateTime<Utc> {
    until.clamp(now, now + TimeDelta::days(366))
}

/// The longest of the waits that are not over yet; of equals the first.
fn later<const N: usize>(now: DateTime<Utc>, waits: [(Option<DateTime<Utc>>, Reason); N]) -> Verdict {
    let mut verdict = Verdict::Pass;
    let mut longest = now;
    for (until, reason) in waits {
        if let Some(until) = until.filter(|until| *until > longest) {
            longest = until;
            verdict = Verdict::Wait { until: bounded(now, until), reason };
        }
    }
    verdict
}
