//! The provider that test keys reach: it behaves, and nothing leaves the process.
//!
//! The worker asks [`answer`] instead of making a call, and feeds what [`receipts`] returns to the path that webhooks take.
//! What happens is decided by the last four digits of the address (see `docs/providers/sandbox.md`), so every ending can be
//! had on purpose and again. Deliberately absent: webhooks, since nobody outside can call.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::{Method, Request, Response};
use postroad_core::{
    account::{Channel, Pace, Spacing},
    message::Content,
    phone,
    provider::{
        BuildError, Capabilities, Connection, CredentialField, Credentials, Echo, Effect, Event, EventKind, Fault,
        FaultClass, Forged, Hook, Idempotency, Outbound, Outcome, Provider, Receipt, Told, Unreadable,
    },
    send::{Correlation, SendState},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A name that never resolves (RFC 6761), should anybody carry a request after all.
const NOWHERE: &str = "https://sandbox.invalid";
/// Characters of an address that is no telephone number.
const ADDRESS_CHARS_MAX: usize = 128;
/// How long a limited message waits.
const LIMITED: Duration = Duration::from_secs(2);
/// Between two receipts of one message.
const STEP: TimeDelta = TimeDelta::seconds(1);

pub struct Sandbox;

/// What an address makes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    /// …0001: refused.
    Rejected,
    /// …0002: no answer, and no receipt either.
    Lost,
    /// …0003: one "too fast", then delivered.
    LimitedOnce,
    /// …0004: accepted, and reported as failed.
    FailsLater,
    /// …0005: no answer, and yet delivered: the receipts are the evidence.
    LostButDelivered,
    /// …0006: delivered, never read.
    Unread,
    /// …0007: accepted, then the person turns out to have opted out.
    OptedOut,
    Read,
}

impl Script {
    fn of(address: &str) -> Self {
        match address.get(address.len().saturating_sub(4)..) {
            Some("0001") => Self::Rejected,
            Some("0002") => Self::Lost,
            Some("0003") => Self::LimitedOnce,
            Some("0004") => Self::FailsLater,
            Some("0005") => Self::LostButDelivered,
            Some("0006") => Self::Unread,
            Some("0007") => Self::OptedOut,
            _ => Self::Read,
        }
    }

    const fn receipts(self) -> &'static [SendState] {
        match self {
            Self::Rejected | Self::Lost => &[],
            Self::FailsLater | Self::OptedOut => &[SendState::Sent, SendState::Failed],
            Self::Unread => &[SendState::Sent, SendState::Delivered],
            Self::LimitedOnce | Self::LostButDelivered | Self::Read => {
                &[SendState::Sent, SendState::Delivered, SendState::Read]
            }
        }
    }

    const fn failure(self) -> FaultClass {
        match self {
            Self::OptedOut => FaultClass::OptedOut,
            _ => FaultClass::PermanentRecipient,
        }
    }
}

/// How a call would have ended. The same message, attempt and seed always end the same way.
pub fn answer(outbound: &Outbound<'_>, seed: u64) -> Outcome {
    match Script::of(outbound.to) {
        Script::Rejected => Outcome::Rejected { fault: fault(FaultClass::PermanentRecipient) },
        Script::Lost | Script::LostButDelivered => Outcome::Unknown { fault: fault(FaultClass::NoAnswer) },
        Script::LimitedOnce if outbound.correlation.attempt <= 1 => {
            Outcome::Retry { fault: fault(FaultClass::RateThroughput), after: Some(LIMITED) }
        }
        _ => Outcome::Accepted { provider_ref: provider_ref(outbound.correlation, seed) },
    }
}

/// What is reported afterwards about a message that was answered at `at`: one event a second. Empty for messages that were
/// refused, limited or lost.
pub fn receipts(account_ref: &str, outbound: &Outbound<'_>, seed: u64, at: DateTime<Utc>) -> Vec<Event> {
    if matches!(answer(outbound, seed), Outcome::Retry { .. }) {
        return Vec::new();
    }
    let script = Script::of(outbound.to);
    let provider_ref = provider_ref(outbound.correlation, seed);
    let mut reported_at = at;
    let mut report = |state: SendState| {
        reported_at = reported_at.checked_add_signed(STEP).unwrap_or(at);
        Event {
            account_ref: account_ref.to_owned(),
            key: format!("{provider_ref}|{state}"),
            at: reported_at,
            kind: EventKind::Receipt(Receipt {
                provider_ref: provider_ref.clone(),
                correlation: Some(outbound.correlation),
                state,
                fault: (state == SendState::Failed).then(|| fault(script.failure())),
                price_category: None,
            }),
        }
    };
    script.receipts().iter().map(|state| report(*state)).collect()
}

fn fault(class: FaultClass) -> Fault {
    Fault { code: format!("sandbox_{class}"), class }
}

/// `sbx.` and 16 hex digits.
fn provider_ref(correlation: Correlation, seed: u64) -> String {
    let digest = Sha256::digest(format!("{seed}\n{correlation}").as_bytes());
    format!("sbx.{}", data_encoding::HEXLOWER.encode(&digest[..8]))
}

impl Provider for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn channel(&self) -> Channel {
        Channel::Sandbox
    }

    fn base_url(&self) -> &'static str {
        NOWHERE
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            idempotency: Idempotency::None,
            echo: Echo::Opaque,
            receipts: true,
            session_window: false,
            look_up: false,
        }
    }

    fn pace(&self) -> Pace {
        Pace { per_s: 1_000.0, burst: 1_000 }
    }

    fn spacing(&self) -> Option<Spacing> {
        None
    }

    fn credential_fields(&self) -> &'static [CredentialField] {
        &[]
    }

    fn request(&self, _connection: &Connection, outbound: &Outbound<'_>) -> Result<Request<Vec<u8>>, BuildError> {
        if let Content::Reply { .. } | Content::InboundMedia(_) | Content::Other { .. } = outbound.content {
            return Err(BuildError::Unsupported { provider: "sandbox", kind: outbound.content.kind() });
        }
        let body = json!({
            "to": outbound.to,
            "content": outbound.content,
            "correlation": outbound.correlation.to_string(),
            "reply_to": outbound.reply_to,
        });
        call(Method::POST, body.to_string().into_bytes())
    }

    fn probe(&self, _connection: &Connection) -> Result<Request<Vec<u8>>, BuildError> {
        call(Method::GET, Vec::new())
    }

    /// Reads `{"id": "…"}`, so that a stand-in server can play the sandbox too.
    fn outcome(&self, response: &Response<Vec<u8>>) -> Outcome {
        let answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        match answer["id"].as_str() {
            Some(id) if response.status().is_success() && !id.is_empty() => {
                Outcome::Accepted { provider_ref: id.to_owned() }
            }
            _ => Outcome::Unknown { fault: fault(FaultClass::NoAnswer) },
        }
    }

    fn effect(&self, fault: &Fault) -> Effect {
        match fault.class {
            FaultClass::RateThroughput => Effect::SlowDown,
            FaultClass::OptedOut => Effect::OptOut,
            _ => Effect::None,
        }
    }

    fn accounts_in(&self, _hook: &Hook<'_>) -> Result<Vec<String>, Unreadable> {
        Err(no_webhook())
    }

    fn verify(&self, _hook: &Hook<'_>, _credentials: &Credentials) -> Result<(), Forged> {
        Err(Forged)
    }

    fn events(&self, _told: &Told<'_>) -> Result<Vec<Event>, Unreadable> {
        Err(no_webhook())
    }

    /// A telephone number, or any plain word: the sandbox stands in for every channel.
    fn normalise(&self, address: &str) -> Option<String> {
        let address = address.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '_' | '-' | '+');
        let word = (1..=ADDRESS_CHARS_MAX).contains(&address.len()) && address.chars().all(plain);
        phone::normalise(address, None).ok().map(String::from).or_else(|| word.then(|| address.to_lowercase()))
    }
}

fn call(method: Method, body: Vec<u8>) -> Result<Request<Vec<u8>>, BuildError> {
    Request::builder()
        .method(method)
        .uri(format!("{NOWHERE}/messages"))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(|error| BuildError::Malformed(error.to_string()))
}

fn no_webhook() -> Unreadable {
    Unreadable("the sandbox has no webhook".to_owned())
}
