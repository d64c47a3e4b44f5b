//! Platforms that have no adapter of their own: they, or a bridge that somebody wrote for them, post to a webhook in our words.
//!
//! Posts are signed by Standard Webhooks (<https://www.standardwebhooks.com>) under a secret that we make. Deliberately absent:
//! sending. There is no address to call, and a file would have to be fetched from wherever a stranger says.

use chrono::DateTime;
use http::{Request, Response};
use postroad_core::{
    account::{Channel, Pace, Spacing},
    provider::{
        BuildError, Capabilities, Connection, CredentialField, Credentials, Echo, Effect, Event, Fault, FaultClass,
        Forged, Hook, Idempotency, Outbound, Outcome, OwnSecret, Provider, Told, Unreadable,
    },
};
use secrecy::ExposeSecret;

mod event;
mod place;
mod signature;

use place::Place;

pub struct Generic;

const NAME: &str = "generic";
/// A name that never resolves (RFC 6761), should anybody carry a request after all.
const NOWHERE: &str = "https://generic.invalid";
const PLATFORM: &str = "platform";

const FIELDS: &[CredentialField] = &[CredentialField {
    name: PLATFORM,
    label: "Platform: 1 to 40 of a-z, 0-9, _ and -",
    secret: false,
    required: true,
}];

const OWN_SECRET: OwnSecret =
    OwnSecret { name: "webhook_secret", former: "former_webhook_secret", former_until: "former_webhook_secret_until" };

impl Provider for Generic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn channel(&self) -> Channel {
        Channel::Generic
    }

    fn base_url(&self) -> &'static str {
        NOWHERE
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            idempotency: Idempotency::None,
            echo: Echo::None,
            receipts: false,
            session_window: false,
            look_up: false,
        }
    }

    fn pace(&self) -> Pace {
        Pace { per_s: 1.0, burst: 1 }
    }

    fn spacing(&self) -> Option<Spacing> {
        None
    }

    fn credential_fields(&self) -> &'static [CredentialField] {
        FIELDS
    }

    fn check_settings(&self, setting: &dyn Fn(&str) -> Option<String>) -> Result<(), &'static str> {
        let platform = setting(PLATFORM).unwrap_or_default();
        if place::is_platform(&platform) { Ok(()) } else { Err("a platform has 1 to 40 of a-z, 0-9, _ and -") }
    }

    fn request(&self, _connection: &Connection, outbound: &Outbound<'_>) -> Result<Request<Vec<u8>>, BuildError> {
        Err(BuildError::Unsupported { provider: NAME, kind: outbound.content.kind() })
    }

    fn probe(&self, _connection: &Connection) -> Result<Request<Vec<u8>>, BuildError> {
        Err(BuildError::Unsupported { provider: NAME, kind: "a call" })
    }

    fn outcome(&self, _response: &Response<Vec<u8>>) -> Outcome {
        Outcome::Unknown { fault: Fault { code: "generic".to_owned(), class: FaultClass::NoAnswer } }
    }

    fn effect(&self, _fault: &Fault) -> Effect {
        Effect::None
    }

    fn own_secret(&self) -> Option<&'static OwnSecret> {
        Some(&OWN_SECRET)
    }

    fn webhook_path(&self, account: &str, setting: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        Some(Place { platform: &setting(PLATFORM)?, account }.path())
    }

    fn accounts_in(&self, hook: &Hook<'_>) -> Result<Vec<String>, Unreadable> {
        Ok(vec![Place::of(hook.url)?.account.to_owned()])
    }

    /// The signature does not cover the address, so the platform in it must be the account's own.
    fn verify(&self, hook: &Hook<'_>, credentials: &Credentials) -> Result<(), Forged> {
        let place = Place::of(hook.url).map_err(|_| Forged)?;
        let platform = credentials.get(PLATFORM).ok_or(Forged)?;
        if platform.expose_secret() != place.platform {
            return Err(Forged);
        }
        let former_until = credentials.get(OWN_SECRET.former_until);
        let former_until = former_until.and_then(|at| DateTime::parse_from_rfc3339(at.expose_secret()).ok());
        let is_former_alive = former_until.is_some_and(|until| hook.received_at < until);
        let former = credentials.get(OWN_SECRET.former).filter(|_| is_former_alive);
        let secrets = credentials.get(OWN_SECRET.name).into_iter().chain(former);
        signature::verify(hook, secrets.map(ExposeSecret::expose_secret))
    }

    fn delivery<'a>(&self, hook: &Hook<'a>) -> Option<&'a str> {
        signature::id(hook)
    }

    fn events(&self, told: &Told<'_>) -> Result<Vec<Event>, Unreadable> {
        let place = Place::of(told.url)?;
        Ok(vec![event::read(told, place.platform)?])
    }

    fn normalise(&self, address: &str) -> Option<String> {
        place::normalise(address.trim())
    }
}
