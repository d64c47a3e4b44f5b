//! Accounts and providers as callers see them. Never printed: an account may hold a telephone number.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use postroad_app::accounts;
use postroad_core::{inbound::Silence, provider};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use utoipa::ToSchema;

use super::new::Limits;
use crate::{
    schema::{AccountStatusWord, ChannelWord, SilenceWord},
    state::{Api, adapter},
};

/// A connected account, without its secrets.
#[derive(Serialize, ToSchema)]
pub(super) struct Account {
    #[schema(pattern = "^acc_[0-9a-f]{32}$")]
    id: String,
    provider: String,
    #[schema(value_type = ChannelWord)]
    channel: &'static str,
    external_id: String,
    display_name: String,
    #[schema(value_type = AccountStatusWord)]
    status: &'static str,
    /// Why it does not send.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_reason: Option<String>,
    settings: BTreeMap<String, String>,
    limits: Limits,
    portfolio: Portfolio,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$")]
    quiet_hours: Option<String>,
    primary: bool,
    /// Whether people are told, where the channel can, that what they said was read.
    tell_read: bool,
    webhook: Webhook,
    /// When the provider last took a message from it, to a few seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_ok_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Account {
    pub(super) fn of(api: &Api, account: accounts::Account) -> Self {
        Self {
            webhook: Webhook::of(account.pulse, webhook_url(api, &account)),
            id: account.id.to_string(),
            provider: account.provider,
            channel: account.channel.as_str(),
            external_id: account.external_id,
            display_name: account.display_name,
            status: account.status.as_str(),
            status_reason: account.status_reason,
            settings: account.settings,
            limits: Limits::of(account.limits),
            portfolio: Portfolio::of(account.portfolio),
            time_zone: account.time_zone,
            quiet_hours: account.quiet_hours.map(|hours| hours.to_string()),
            primary: account.is_primary,
            tell_read: account.tell_read,
            last_ok_at: account.pulse.accepted_at,
            created_at: account.created_at,
            updated_at: account.updated_at,
        }
    }

    /// In the answer that connects it, and in no other.
    pub(super) fn with_secret(mut self, secret: Option<&SecretString>) -> Self {
        self.webhook.secret = secret.map(|secret| secret.expose_secret().to_owned());
        self
    }
}

/// Where the platform posts to, of an account with an address of its own.
pub(super) fn webhook_url(api: &Api, account: &accounts::Account) -> Option<String> {
    let path = adapter(&account.provider)?
        .webhook_path(&account.id.to_string(), &|name| account.settings.get(name).cloned())?;
    Some(format!("{}{path}", api.settings.public_url))
}

/// The provider's business portfolio, whose accounts share one limit.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountPortfolio)]
struct Portfolio {
    /// Absent: not known, and the account is a portfolio by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// People it may write to within 24 hours, outside the windows that they open. Absent: as many as there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    people_max: Option<u32>,
    /// Whom it wrote to within 24 hours, a few minutes behind. Nobody is counted without a limit.
    people: u32,
}

impl Portfolio {
    fn of(portfolio: accounts::Portfolio) -> Self {
        Self { id: portfolio.id, people_max: portfolio.people_max, people: portfolio.people }
    }
}

/// Whether the provider tells us what becomes of messages, and what people say.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountWebhook)]
struct Webhook {
    /// The address that is this account's alone. Absent: the provider's page names the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// That its platform signs with, where we make it: in the answer that connects the account, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    state: WebhookState,
    /// When the last one came, to a few seconds. Absent: none ever did.
    #[serde(skip_serializing_if = "Option::is_none")]
    heard_at: Option<DateTime<Utc>>,
    /// The next webhook ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    silent_since: Option<DateTime<Utc>>,
    /// Why it is silent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<SilenceWord>)]
    reason: Option<&'static str>,
    /// The same for people, with what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WebhookState {
    /// None came yet, and none is owed.
    Unheard,
    Heard,
    /// The provider took messages, and told nothing of them for more than 15 minutes.
    Silent,
}

impl Webhook {
    fn of(pulse: accounts::Pulse, url: Option<String>) -> Self {
        let state = match (pulse.silent, pulse.heard_at) {
            (Some(_), _) => WebhookState::Silent,
            (None, Some(_)) => WebhookState::Heard,
            (None, None) => WebhookState::Unheard,
        };
        let silence = pulse.silent.map(|(_, silence)| silence);
        Self {
            url,
            secret: None,
            state,
            heard_at: pulse.heard_at,
            silent_since: pulse.silent.map(|(since, _)| since),
            reason: silence.map(Silence::as_str),
            detail: silence.map(in_words),
        }
    }
}

const fn in_words(silence: Silence) -> &'static str {
    match silence {
        Silence::NeverHeard => {
            "the provider took messages of this account, and no webhook of it ever came: enter our address at the provider, \
             and check the secret that it signs with"
        }
        Silence::WentSilent => {
            "the provider took messages of this account, and told nothing of them for more than 15 minutes: look at the \
             provider whether webhooks are still sent to our address"
        }
    }
}

/// What can be connected, and with what.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Provider {
    name: &'static str,
    #[schema(value_type = ChannelWord)]
    channel: &'static str,
    fields: Vec<Field>,
    /// What a new account starts with.
    limits: Limits,
}

/// One field of the form that connects an account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProviderField)]
struct Field {
    name: &'static str,
    label: &'static str,
    /// It is sealed, and never shown again.
    secret: bool,
    required: bool,
}

impl Provider {
    pub(super) fn of(provider: &dyn provider::Provider) -> Self {
        let limits = accounts::Limits { pace: provider.pace(), spacing: provider.spacing(), shared: None };
        let field = |field: &provider::CredentialField| Field {
            name: field.name,
            label: field.label,
            secret: field.secret,
            required: field.required,
        };
        Self {
            name: provider.name(),
            channel: provider.channel().as_str(),
            fields: provider.credential_fields().iter().map(field).collect(),
            limits: Limits::of(limits),
        }
    }
}
