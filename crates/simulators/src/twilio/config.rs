//! Everything about the simulator that can be chosen, at the start or while it runs. All of it has a default, is JSON, and
//! refuses names it does not know.

use serde::{Deserialize, Serialize};

use crate::meta::{Receipts, SessionWindow, limits::Mode};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TwilioConfig {
    /// On 127.0.0.1; 0 takes any free one. Read at the start only.
    pub port: u16,
    /// Everything left to chance follows from it.
    pub seed: u64,
    pub account_sid: String,
    /// Opens the API with the account SID, and signs callbacks.
    pub auth_token: String,
    /// A key that opens the API too: `["SK…", "secret"]`.
    pub api_key: Option<(String, String)>,
    /// Signs callbacks with SHA-256 instead, and says so.
    pub shared_key: Option<String>,
    /// `+12025550100`, `whatsapp:+12025550100`, `MG…`.
    pub senders: Vec<String>,
    /// Takes senders that are not listed.
    pub any_sender: bool,
    /// Takes content templates that nobody made.
    pub any_content: bool,
    /// Where SMS and MMS of people go.
    pub sms_url: Option<String>,
    /// Where messages of people on WhatsApp go.
    pub whatsapp_url: Option<String>,
    /// Sends per second of one sender.
    pub rate_per_s: u32,
    /// Beyond it: 20429, or only counted, since Twilio itself would queue.
    pub rate: Mode,
    /// What free text meets on WhatsApp when its recipient did not write for 24 hours.
    pub session_window: SessionWindow,
    pub receipts: Receipts,
    pub callbacks: Callbacks,
}

impl Default for TwilioConfig {
    fn default() -> Self {
        Self {
            port: 0,
            seed: 1,
            account_sid: "AC00000000000000000000000000000001".to_owned(),
            auth_token: "simulated-auth-token".to_owned(),
            api_key: None,
            shared_key: None,
            senders: Vec::new(),
            any_sender: false,
            any_content: false,
            sms_url: None,
            whatsapp_url: None,
            rate_per_s: 100,
            rate: Mode::CountOnly,
            session_window: SessionWindow::Off,
            receipts: Receipts { failed_code: 30_005, ..Receipts::default() },
            callbacks: Callbacks::default(),
        }
    }
}

/// How callbacks travel. Source: www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Callbacks {
    /// How often each is made although it was acknowledged.
    pub repeat: u32,
    /// Further tries after one that was not answered with 2xx. Twilio makes one, at once.
    pub retries: u32,
    pub retry_after_ms: u64,
    pub timeout_ms: u64,
    /// Statuses happen, and nobody is told: as after an outage that outlasts the retries.
    pub lost: bool,
}

impl Default for Callbacks {
    fn default() -> Self {
        Self { repeat: 1, retries: 1, retry_after_ms: 100, timeout_ms: 15_000, lost: false }
    }
}
