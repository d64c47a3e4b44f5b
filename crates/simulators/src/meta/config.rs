//! Everything about the simulator that can be chosen, at the start or while it runs. All of it has a default,
//! is JSON, and refuses names it does not know.

use serde::{Deserialize, Serialize};

use super::limits::{Mode, PairLimit};

/// Messages per second of a number that was not upgraded.
/// Source: developers.facebook.com/documentation/business-messaging/whatsapp/throughput.
pub const RATE_PER_S: u32 = 80;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetaConfig {
    /// On 127.0.0.1; 0 takes any free port. Read at the start only.
    pub port: u16,
    /// Everything left to chance follows from it.
    pub seed: u64,
    /// Signs webhooks.
    pub app_secret: String,
    /// Sent as `hub.verify_token` when a callback address is verified.
    pub verify_token: String,
    /// Where webhooks go. Without it no receipt is planned.
    pub webhook_url: Option<String>,
    /// The one bearer token that is accepted; `None` accepts any.
    pub access_token: Option<String>,
    pub numbers: Vec<Number>,
    /// Creates unknown phone number ids on first use, with the defaults of [`Number`].
    pub any_number: bool,
    /// Accepts templates nobody registered, with any parameters.
    pub any_template: bool,
    /// Approves a created or edited template after this many milliseconds; `None` leaves it pending.
    pub approve_templates_after_ms: Option<u64>,
    /// Rejects it then instead, for this reason: `INVALID_FORMAT`.
    pub reject_templates_for: Option<String>,
    /// Creations of templates that are carried out and whose connection is reset without an answer; counts down.
    pub cut_template_creations: u32,
    /// Sends per second of all numbers with the same [`Number::app`]; `None` means no such limit.
    pub app_rate_per_s: Option<u32>,
    pub limits: Limits,
    pub session_window: SessionWindow,
    pub receipts: Receipts,
    pub webhooks: Webhooks,
    /// Request bodies kept for `GET /_sim/messages`, the newest ones.
    pub bodies_kept: usize,
}

impl Default for MetaConfig {
    fn default() -> Self {
        Self {
            port: 0,
            seed: 1,
            app_secret: "simulated-app-secret".to_owned(),
            verify_token: "simulated-verify-token".to_owned(),
            webhook_url: None,
            access_token: None,
            numbers: Vec::new(),
            any_number: false,
            any_template: false,
            approve_templates_after_ms: None,
            reject_templates_for: None,
            cut_template_creations: 0,
            app_rate_per_s: None,
            limits: Limits::default(),
            session_window: SessionWindow::Off,
            receipts: Receipts::default(),
            webhooks: Webhooks::default(),
            bodies_kept: 10_000,
        }
    }
}

/// A business phone number. Two numbers with the same `app` share the app's limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Number {
    pub phone_number_id: String,
    pub waba_id: String,
    /// As shown, `+1 555-010-0001`; webhooks carry its digits.
    pub display_phone_number: String,
    pub verified_name: String,
    /// GREEN, YELLOW, RED or NA.
    pub quality_rating: String,
    /// Messages per second: 80, 1,000 after the upgrade, 20 when the WhatsApp Business app uses the number too.
    pub rate_per_s: u32,
    pub app: String,
    /// `TIER_250`, `TIER_2K`, `TIER_10K`, `TIER_100K` or `TIER_UNLIMITED`.
    pub messaging_limit: String,
}

impl Default for Number {
    fn default() -> Self {
        Self {
            phone_number_id: "100000000000001".to_owned(),
            waba_id: "200000000000001".to_owned(),
            display_phone_number: "+1 555-010-0001".to_owned(),
            verified_name: "Simulated Business".to_owned(),
            quality_rating: "GREEN".to_owned(),
            rate_per_s: RATE_PER_S,
            app: "app".to_owned(),
            messaging_limit: "TIER_UNLIMITED".to_owned(),
        }
    }
}

/// What happens beyond a limit. What exceeded it is counted in either mode.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub throughput: Mode,
    pub pair: Mode,
    pub app: Mode,
    pub pair_limit: PairLimit,
    /// HTTP status of 130429: the documents have said both 400 and 429.
    pub throughput_status: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            throughput: Mode::CountOnly,
            pair: Mode::CountOnly,
            app: Mode::CountOnly,
            pair_limit: PairLimit::default(),
            throughput_status: 429,
        }
    }
}

/// What a message that is not a template meets when its recipient did not write for 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionWindow {
    /// Nothing: every session is open.
    #[default]
    Off,
    /// 131047 as the answer.
    Refuse,
    /// Accepted, then a `failed` status with 131047.
    FailLater,
}

/// Which statuses an accepted message gets, and when. Shares are from 0 to 1, each of those that got the status before.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Receipts {
    pub sent: Stage,
    pub delivered: Stage,
    pub read: Stage,
    /// Share that fails instead of being delivered.
    pub failed_share: f64,
    pub failed_code: u32,
    /// Share whose `sent` is delivered (and acknowledged, or given up) before the send is answered.
    pub early_share: f64,
    /// Lets the statuses of one message change places, and those of one flush too.
    pub shuffle: bool,
}

impl Default for Receipts {
    fn default() -> Self {
        Self {
            sent: Stage { share: 1.0, after_ms: [10, 50] },
            delivered: Stage { share: 1.0, after_ms: [50, 300] },
            read: Stage { share: 0.7, after_ms: [200, 1_500] },
            failed_share: 0.0,
            failed_code: 131_026,
            early_share: 0.0,
            shuffle: false,
        }
    }
}

/// One status: how often, and how many milliseconds (from, to) after the one before it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    pub share: f64,
    pub after_ms: [u64; 2],
}

/// How webhooks travel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// How often each POST is made although it was acknowledged: Meta promises at least once.
    pub repeat: u32,
    /// How many of the repetitions leave at the same time; the others follow one by one.
    pub repeat_parallel: u32,
    /// Events in one POST at most.
    pub batch_max: usize,
    /// How long the first event that is due may wait for others, in milliseconds.
    pub flush_ms: u64,
    /// POSTs on the way at the same time.
    pub parallel: usize,
    pub timeout_ms: u64,
    /// The first wait after an answer other than 200; each further one is twice as long.
    pub retry_first_ms: u64,
    pub retry_max_ms: u64,
    /// Seven days at Meta.
    pub retry_for_s: u64,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            repeat: 1,
            repeat_parallel: 1,
            batch_max: 50,
            flush_ms: 5,
            parallel: 8,
            timeout_ms: 10_000,
            retry_first_ms: 500,
            retry_max_ms: 60_000,
            retry_for_s: 7 * 24 * 3_600,
        }
    }
}
