//! SMS and WhatsApp through Twilio's Messages API of 2010-04-01.
//!
//! One `POST …/Messages.json` per message. Twilio has no idempotency key, so our correlation stands in the address that it
//! reports to (`callback.rs`), and a call without an answer is looked for in its list (`lost.rs`). Both channels are one
//! code: they differ in how addresses are written and in what may be said. Deliberately absent: voice, verification, buying
//! numbers. Facts: <https://www.twilio.com/docs/messaging>.
//!
//! To learn a new error code, add its row in `faults.rs`; a new field of a webhook, its line in `inbound.rs`.

use postroad_core::{
    account::{Channel, Pace, Spacing},
    provider::{
        BuildError, Capabilities, Connection, CredentialField, Credentials, Echo, Effect, Event, Fault, Forged, Hook,
        Idempotency, Lost, Outbound, Outcome, Provider, Told, Trace, Unreadable, media::MediaDesk,
    },
};

mod address;
mod callback;
mod content;
mod faults;
mod form;
mod inbound;
mod lost;
mod media;
mod outcome;
mod request;
mod signature;
mod webhook;

use address::Medium;

/// What requests are written for. It has not changed since 2010.
pub const API_VERSION: &str = "2010-04-01";

const ACCOUNT_SID: &str = "account_sid";
const AUTH_TOKEN: &str = "auth_token";
const API_KEY_SID: &str = "api_key_sid";
const API_KEY_SECRET: &str = "api_key_secret";
const WEBHOOK_SECRET: &str = "webhook_secret";

/// One of the channels.
pub struct Twilio(Medium);

/// Telephone numbers, short codes, alphanumeric senders, messaging services.
pub const SMS: Twilio = Twilio(Medium::Sms);
/// WhatsApp senders of a Twilio account, and messaging services that have one.
pub const WHATSAPP: Twilio = Twilio(Medium::Whatsapp);

impl Provider for Twilio {
    fn name(&self) -> &'static str {
        self.0.provider()
    }

    fn channel(&self) -> Channel {
        match self.0 {
            Medium::Sms => Channel::Sms,
            Medium::Whatsapp => Channel::Whatsapp,
        }
    }

    fn base_url(&self) -> &'static str {
        "https://api.twilio.com"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            idempotency: Idempotency::None,
            echo: Echo::CallbackUrl,
            receipts: true,
            session_window: self.0 == Medium::Whatsapp,
            look_up: true,
        }
    }

    /// A long code of the USA sends one segment per second; toll-free numbers and short codes more. A WhatsApp sender has
    /// Meta's 80 messages per second.
    fn pace(&self) -> Pace {
        match self.0 {
            Medium::Sms => Pace { per_s: 1.0, burst: 1 },
            Medium::Whatsapp => Pace { per_s: 80.0, burst: 1 },
        }
    }

    /// Meta's, which hold for whoever speaks to it.
    fn spacing(&self) -> Option<Spacing> {
        (self.0 == Medium::Whatsapp).then_some(Spacing { every_s: 6, burst: 45 })
    }

    fn credential_fields(&self) -> &'static [CredentialField] {
        const {
            &[
                CredentialField { name: ACCOUNT_SID, label: "Account SID", secret: false, required: true },
                CredentialField { name: AUTH_TOKEN, label: "Auth token", secret: true, required: true },
                CredentialField { name: API_KEY_SID, label: "API key SID", secret: false, required: false },
                CredentialField { name: API_KEY_SECRET, label: "API key secret", secret: true, required: false },
                CredentialField {
                    name: WEBHOOK_SECRET,
                    label: "Shared key that signs webhooks with SHA-256",
                    secret: true,
                    required: false,
                },
            ]
        }
    }

    fn request(&self, connection: &Connection, outbound: &Outbound<'_>) -> Result<http::Request<Vec<u8>>, BuildError> {
        request::send(self.0, connection, outbound)
    }

    fn probe(&self, connection: &Connection) -> Result<http::Request<Vec<u8>>, BuildError> {
        request::probe(connection)
    }

    fn outcome(&self, response: &http::Response<Vec<u8>>) -> Outcome {
        outcome::read(response)
    }

    fn look_up(&self, connection: &Connection, lost: &Lost<'_>) -> Option<Result<http::Request<Vec<u8>>, BuildError>> {
        Some(lost::look_up(self.0, connection, lost))
    }

    fn traces(
        &self,
        response: &http::Response<Vec<u8>>,
        connection: &Connection,
        lost: &Lost<'_>,
    ) -> Option<Vec<Trace>> {
        lost::traces(self.0, response, connection, lost)
    }

    fn effect(&self, fault: &Fault) -> Effect {
        faults::effect(fault)
    }

    fn accounts_in(&self, hook: &Hook<'_>) -> Result<Vec<String>, Unreadable> {
        webhook::accounts_in(self.0, hook)
    }

    fn verify(&self, hook: &Hook<'_>, credentials: &Credentials) -> Result<(), Forged> {
        signature::verify(hook, credentials)
    }

    fn events(&self, told: &Told<'_>) -> Result<Vec<Event>, Unreadable> {
        webhook::events(self.0, told)
    }

    fn media(&self) -> Option<&dyn MediaDesk> {
        Some(&media::Desk)
    }

    fn normalise(&self, address: &str) -> Option<String> {
        address::normalise(address)
    }
}
