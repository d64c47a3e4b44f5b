//! WhatsApp through Meta's Cloud API, Graph v25.0.
//!
//! One `POST …/messages` per message; outcomes are told by Meta's code and never by the HTTP status alone; receipts
//! carry our correlation in `biz_opaque_callback_data`. Deliberately absent: uploads of media, groups, calls. Facts: <https://developers.facebook.com/documentation/business-messaging/whatsapp>.
//!
//! To learn a new error code, add its row in `faults.rs`; a new webhook field, its arm in `webhook.rs`.

use postroad_core::{
    account::{Channel, Pace, Spacing},
    provider::{
        BuildError, Capabilities, Connection, CredentialField, Credentials, Echo, Effect, Event, Fault, Forged, Hook,
        Idempotency, Outbound, Outcome, Provider, Quota, Told, Unreadable, desk::TemplateDesk, media::MediaDesk,
    },
};

mod address;
mod content;
mod desk;
mod faults;
mod field;
mod inbound;
mod media;
mod notices;
mod outcome;
mod quota;
mod request;
mod signature;
mod statuses;
mod webhook;

/// What requests are written for. Meta keeps a version for about two years.
pub const GRAPH_VERSION: &str = "v25.0";

const ACCESS_TOKEN: &str = "access_token";
const APP_SECRET: &str = "app_secret";
const VERIFY_TOKEN: &str = "verify_token";
const WABA_ID: &str = "waba_id";

pub struct WhatsappCloud;

impl Provider for WhatsappCloud {
    fn name(&self) -> &'static str {
        "whatsapp_cloud"
    }

    fn channel(&self) -> Channel {
        Channel::Whatsapp
    }

    fn base_url(&self) -> &'static str {
        "https://graph.facebook.com"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            idempotency: Idempotency::None,
            echo: Echo::Opaque,
            receipts: true,
            session_window: true,
            look_up: false,
        }
    }

    /// 80 messages per second and number; Meta raises it to 1,000 by itself, and fixes it at 20 for numbers that are also
    /// used in the WhatsApp Business app.
    fn pace(&self) -> Pace {
        Pace { per_s: 80.0, burst: 1 }
    }

    fn spacing(&self) -> Option<Spacing> {
        Some(Spacing { every_s: 6, burst: 45 })
    }

    fn credential_fields(&self) -> &'static [CredentialField] {
        const {
            &[
                CredentialField { name: ACCESS_TOKEN, label: "System user access token", secret: true, required: true },
                CredentialField { name: APP_SECRET, label: "App secret", secret: true, required: true },
                CredentialField {
                    name: VERIFY_TOKEN,
                    label: "Verify token, chosen by you",
                    secret: true,
                    required: true,
                },
                CredentialField { name: WABA_ID, label: "WhatsApp Business account id", secret: false, required: true },
            ]
        }
    }

    fn request(&self, connection: &Connection, outbound: &Outbound<'_>) -> Result<http::Request<Vec<u8>>, BuildError> {
        request::send(connection, outbound)
    }

    fn mark_read(
        &self,
        connection: &Connection,
        provider_ref: &str,
        typing: bool,
    ) -> Option<Result<http::Request<Vec<u8>>, BuildError>> {
        Some(request::mark_read(connection, provider_ref, typing))
    }

    fn carries_reactions(&self) -> bool {
        true
    }

    fn probe(&self, connection: &Connection) -> Result<http::Request<Vec<u8>>, BuildError> {
        request::probe(connection)
    }

    fn ask_quota(&self, connection: &Connection) -> Option<Result<http::Request<Vec<u8>>, BuildError>> {
        Some(quota::ask(connection))
    }

    fn quota(&self, response: &http::Response<Vec<u8>>) -> Option<Quota> {
        quota::read(response)
    }

    fn outcome(&self, response: &http::Response<Vec<u8>>) -> Outcome {
        outcome::read(response)
    }

    fn effect(&self, fault: &Fault) -> Effect {
        faults::effect(fault)
    }

    fn handshake(&self, query: &str, credentials: &Credentials) -> Option<String> {
        signature::handshake(query, credentials)
    }

    fn accounts_in(&self, hook: &Hook<'_>) -> Result<Vec<String>, Unreadable> {
        webhook::accounts_in(hook.body)
    }

    fn verify(&self, hook: &Hook<'_>, credentials: &Credentials) -> Result<(), Forged> {
        signature::verify(hook, credentials)
    }

    fn events(&self, told: &Told<'_>) -> Result<Vec<Event>, Unreadable> {
        webhook::events(told.body, told.received_at)
    }

    fn templates(&self) -> Option<&dyn TemplateDesk> {
        Some(&desk::Desk)
    }

    fn media(&self) -> Option<&dyn MediaDesk> {
        Some(&media::Desk)
    }

    fn normalise(&self, address: &str) -> Option<String> {
        address::normalise(address)
    }
}
