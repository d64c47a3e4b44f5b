//! What a caller writes to connect an account. Never printed: it holds secrets.

use std::collections::BTreeMap;

use postroad_app::{
    accounts::{self, NamedSecrets, SharedLimit, own_secret},
    patch::Patch,
};
use postroad_core::{
    account::{Pace, Spacing},
    provider::Provider,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::quiet_hours;
use crate::{problem::Problem, state::adapter};

/// An account to be connected.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"provider": "whatsapp_cloud", "external_id": "100000000000001", "display_name": "Shop",
    "credentials": {"access_token": "…", "app_secret": "…", "verify_token": "…", "waba_id": "200000000000001"}})))]
pub(super) struct NewAccount {
    /// One of `GET /v1/providers`.
    #[schema(min_length = 1, max_length = 60)]
    provider: String,
    /// The provider's id of the number, page, bot or mailbox.
    #[schema(min_length = 1, max_length = 200)]
    external_id: String,
    #[schema(min_length = 1, max_length = 200)]
    display_name: String,
    /// By the names of the provider's form.
    credentials: BTreeMap<String, String>,
    /// Absent: what the provider allows a new account.
    limits: Option<Limits>,
    /// Absent: not known, and the account is a portfolio by itself.
    #[serde(default)]
    portfolio: PortfolioChange,
    /// Of people whose own zone is not known. Absent: that of the tenant.
    #[schema(max_length = 60, example = "Europe/Paris")]
    time_zone: Option<String>,
    /// Local time, start included, end excluded. Absent: those of the tenant.
    #[schema(pattern = "^[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$", example = "21:00-08:00")]
    quiet_hours: Option<String>,
    /// Used on its channel when nobody names an account. The first of a channel is anyway.
    #[serde(default)]
    primary: bool,
}

/// How fast an account may send.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccountLimits)]
pub(super) struct Limits {
    /// Messages per second.
    #[schema(minimum = 0.01, maximum = 100_000)]
    pub(super) per_s: f64,
    /// Messages at once after a silence.
    #[schema(minimum = 1, maximum = 100_000)]
    pub(super) burst: u32,
    /// Between two messages to one person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) spacing: Option<SpacingLimit>,
    /// A limit of the provider that several accounts share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) shared: Option<Shared>,
}

/// The provider's business portfolio of an account; what is absent stays, what is null goes.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PortfolioChange {
    /// As the provider knows it. Accounts that name the same one share its limit. Null: the account is one by itself.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    id: Patch<String>,
    /// People it may write to within 24 hours, outside the windows that they open by writing first. Null: as many as there are.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 10_000_000)]
    people_max: Patch<u32>,
}

impl PortfolioChange {
    pub(super) fn into_change(self) -> accounts::PortfolioChange {
        accounts::PortfolioChange { id: self.id, people_max: self.people_max }
    }
}

/// The least distance between two messages to one person, as a token bucket.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SpacingLimit {
    /// Seconds that one message uses up.
    #[schema(minimum = 1, maximum = 86_400)]
    every_s: u32,
    /// Messages that may be borrowed ahead.
    #[schema(minimum = 1, maximum = 1_000)]
    burst: u32,
}

/// A limit that several accounts share.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SharedLimit)]
pub(super) struct Shared {
    /// All accounts that name it stay below its rate together.
    #[schema(min_length = 1, max_length = 200)]
    key: String,
    /// Calls per second.
    #[schema(minimum = 0.01, maximum = 100_000)]
    per_s: f64,
}

impl Limits {
    pub(super) fn into_limits(self) -> accounts::Limits {
        accounts::Limits {
            pace: Pace { per_s: self.per_s, burst: self.burst },
            spacing: self.spacing.map(|spacing| Spacing { every_s: spacing.every_s, burst: spacing.burst }),
            shared: self.shared.map(|shared| SharedLimit { key: shared.key, per_s: shared.per_s }),
        }
    }

    pub(super) fn of(limits: accounts::Limits) -> Self {
        Self {
            per_s: limits.pace.per_s,
            burst: limits.pace.burst,
            spacing: limits.spacing.map(|spacing| SpacingLimit { every_s: spacing.every_s, burst: spacing.burst }),
            shared: limits.shared.map(|shared| Shared { key: shared.key, per_s: shared.per_s }),
        }
    }
}

impl NewAccount {
    /// With the secret that we made for it, where we do.
    pub(super) fn into_new(self) -> Result<(accounts::NewAccount, Option<SecretString>), Problem> {
        let provider = provider(&self.provider)?;
        let (mut credentials, settings) = secrets_and_settings(&self.provider, self.credentials)?;
        provider
            .check_settings(&|name| settings.get(name).cloned())
            .map_err(|why| Problem::invalid("invalid_setting", why))?;
        let made = provider.own_secret().map(|own| (own.name.to_owned(), own_secret::generate()));
        credentials.extend(made.clone());
        let default = accounts::Limits { pace: provider.pace(), spacing: provider.spacing(), shared: None };
        let new = accounts::NewAccount {
            provider: self.provider,
            channel: provider.channel(),
            external_id: self.external_id,
            display_name: self.display_name,
            credentials,
            settings,
            limits: self.limits.map_or(default, Limits::into_limits),
            portfolio: self.portfolio.into_change(),
            time_zone: self.time_zone,
            quiet_hours: self.quiet_hours.as_deref().map(quiet_hours).transpose()?,
            is_primary: self.primary,
        };
        Ok((new, made.map(|(_, secret)| secret)))
    }
}

fn provider(name: &str) -> Result<&'static dyn Provider, Problem> {
    adapter(name).ok_or_else(|| Problem::invalid("unknown_provider", "no provider has this name; see /v1/providers"))
}

/// What was given by the names of the provider's form, apart: secrets are sealed, the rest is shown. Everything that the
/// provider needs must be there, and nothing that it does not know.
pub(super) fn secrets_and_settings(
    name: &str,
    given: BTreeMap<String, String>,
) -> Result<(NamedSecrets, BTreeMap<String, String>), Problem> {
    let fields = provider(name)?.credential_fields();
    let missing = fields.iter().find(|field| field.required && given.get(field.name).is_none_or(String::is_empty));
    if let Some(field) = missing {
        return Err(Problem::invalid("missing_credential", format_args!("{name} needs {}", field.name)));
    }
    let (mut secrets, mut settings) = (NamedSecrets::new(), BTreeMap::new());
    for (key, value) in given {
        match fields.iter().find(|field| field.name == key) {
            Some(field) if field.secret => secrets.push((key, SecretString::from(value))),
            Some(_) => drop(settings.insert(key, value)),
            None => return Err(Problem::invalid("unknown_credential", format_args!("{name} knows no such field"))),
        }
    }
    Ok((secrets, settings))
}
