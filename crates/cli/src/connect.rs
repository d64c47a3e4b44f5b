//! What a provider wants to know of an account, sorted into secrets and settings, with the provider's own limits.

use std::collections::BTreeMap;

use anyhow::Result;
use postroad_app::accounts::{Limits, NewAccount, PortfolioChange};
use postroad_core::provider::{CredentialField, Provider};
use secrecy::{ExposeSecret, SecretString};

use crate::exit::usage;

/// The provider of WhatsApp Cloud accounts.
pub const WHATSAPP: &str = "whatsapp_cloud";

/// A provider by the name that accounts store.
pub fn provider(name: &str) -> Result<&'static dyn Provider> {
    postroad_providers::find(name).ok_or_else(|| {
        let known: Vec<&str> = postroad_providers::all().iter().map(|provider| provider.name()).collect();
        usage(format!("no provider is called {name}; there are {}", known.join(", ")))
    })
}

/// An account as its provider starts one. `values` go by the names of the provider's form; all that it needs must be
/// there, and nothing that it does not know.
pub fn new_account(
    provider: &dyn Provider,
    external_id: &str,
    values: Vec<(String, SecretString)>,
) -> Result<NewAccount> {
    let fields = provider.credential_fields();
    check(provider.name(), fields, &values)?;
    let is_secret = |name: &str| fields.iter().any(|field| field.name == name && field.secret);
    let (secrets, settings): (Vec<_>, Vec<_>) = values.into_iter().partition(|(name, _)| is_secret(name));
    let settings: BTreeMap<String, String> =
        settings.into_iter().map(|(name, value)| (name, value.expose_secret().to_owned())).collect();
    provider.check_settings(&|name| settings.get(name).cloned()).map_err(usage)?;
    Ok(NewAccount {
        provider: provider.name().to_owned(),
        channel: provider.channel(),
        external_id: external_id.to_owned(),
        display_name: format!("{} {external_id}", provider.channel()),
        credentials: secrets,
        settings,
        limits: Limits { pace: provider.pace(), spacing: provider.spacing(), shared: None },
        portfolio: PortfolioChange::default(),
        time_zone: None,
        quiet_hours: None,
        is_primary: false,
    })
}

fn check(provider: &str, fields: &[CredentialField], values: &[(String, SecretString)]) -> Result<()> {
    let is_given = |name: &str| values.iter().any(|(given, value)| given == name && !value.expose_secret().is_empty());
    let missing: Vec<&str> =
        fields.iter().filter(|field| field.required && !is_given(field.name)).map(|field| field.name).collect();
    if !missing.is_empty() {
        return Err(usage(format!("{provider} needs {}", missing.join(", "))));
    }
    let known = |name: &str| fields.iter().any(|field| field.name == name);
    match values.iter().find(|(name, _)| !known(name)) {
        Some((name, _)) => Err(usage(format!("{provider} knows no {name}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(named: &[(&str, &str)]) -> Vec<(String, SecretString)> {
        named.iter().map(|(name, value)| ((*name).to_owned(), SecretString::from(*value))).collect()
    }

    const WHOLE: &[(&str, &str)] =
        &[("access_token", "t"), ("app_secret", "s"), ("verify_token", "v"), ("waba_id", "200000000000001")];

    #[test]
    fn secrets_are_sealed_and_the_rest_is_settings() {
        let account = new_account(provider("whatsapp_cloud").unwrap(), "100000000000001", values(WHOLE)).unwrap();
        let secrets: Vec<_> = account.credentials.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(secrets, ["access_token", "app_secret", "verify_token"]);
        assert_eq!(account.settings, BTreeMap::from([("waba_id".to_owned(), "200000000000001".to_owned())]));
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let told = |named: &[(&str, &str)]| {
            new_account(provider("whatsapp_cloud").unwrap(), "1", values(named)).err().unwrap().to_string()
        };
        assert_eq!(told(&WHOLE[2..]), "whatsapp_cloud needs access_token, app_secret");
        assert_eq!(told(&[WHOLE, &[("colour", "red")]].concat()), "whatsapp_cloud knows no colour");
        assert!(
            provider("pigeon")
                .err()
                .unwrap()
                .to_string()
                .contains("there are whatsapp_cloud, twilio_sms, twilio_whatsapp, generic, sandbox")
        );
    }
}
