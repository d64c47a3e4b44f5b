//! What an account must look like before it reaches the database, so that callers hear a sentence and not a constraint.

use super::{AccountChange, AccountError, Limits, NamedSecrets, NewAccount};
use crate::{text, zone};

const NAMED_MAX: usize = 20;
const VALUE_BYTES_MAX: usize = 8_000;

pub(super) fn new_account(new: &NewAccount) -> Result<(), AccountError> {
    if !is_named(&new.external_id) {
        return Err(AccountError::ExternalId);
    }
    display_name(&new.display_name)?;
    limits(&new.limits)?;
    new.portfolio.check()?;
    secrets(&new.credentials)?;
    if new.settings.len() > NAMED_MAX || !new.settings.values().all(|value| text::fits(value, 0..=VALUE_BYTES_MAX)) {
        return Err(AccountError::TooMuch);
    }
    new.time_zone.as_deref().map(zone::parse).transpose()?;
    Ok(())
}

pub(super) fn change(change: &AccountChange) -> Result<(), AccountError> {
    change.display_name.as_deref().map_or(Ok(()), display_name)?;
    change.limits.as_ref().map_or(Ok(()), limits)?;
    change.portfolio.check()?;
    change.time_zone.value().map(|name| zone::parse(name)).transpose()?;
    Ok(())
}

pub(super) fn secrets(secrets: &NamedSecrets) -> Result<(), AccountError> {
    use secrecy::ExposeSecret;
    let long = |(_, secret): &(String, secrecy::SecretString)| secret.expose_secret().len() > VALUE_BYTES_MAX;
    if secrets.len() > NAMED_MAX || secrets.iter().any(long) { Err(AccountError::TooMuch) } else { Ok(()) }
}

pub(super) fn reason(reason: &str) -> Result<(), AccountError> {
    if is_named(reason) { Ok(()) } else { Err(AccountError::Reason) }
}

fn display_name(name: &str) -> Result<(), AccountError> {
    if is_named(name) { Ok(()) } else { Err(AccountError::DisplayName) }
}

fn is_named(name: &str) -> bool {
    text::fits(name, 1..=200)
}

/// The same bounds as the table's.
fn limits(limits: &Limits) -> Result<(), AccountError> {
    let wrong = |what| Err(AccountError::Limits(what));
    if !(0.01..=100_000.0).contains(&limits.pace.per_s) {
        return wrong("the pace is not 0.01 to 10,000 messages per second");
    }
    if !(1..=100_000).contains(&limits.pace.burst) {
        return wrong("the burst is not 1 to 10,000 messages");
    }
    if limits.spacing.is_some_and(|s| !(1..=86_400).contains(&s.every_s) || !(1..=1_000).contains(&s.burst)) {
        return wrong("the spacing is not 1 to 86,400 seconds with 1 to 1,000 messages ahead");
    }
    let shared = limits.shared.as_ref();
    if shared.is_some_and(|s| !is_named(&s.key) || !(0.01..=100_000.0).contains(&s.per_s)) {
        return wrong("a shared limit has a key of 1 to 200 characters and 0.01 to 100,000 calls per second");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use postroad_core::account::{Pace, Spacing};

    use super::*;
    use crate::accounts::SharedLimit;

    fn sound() -> Limits {
        Limits { pace: Pace { per_s: 80.0, burst: 1 }, spacing: None, shared: None }
    }

    #[test]
    fn limits_are_bounded_on_both_sides_and_never_nonsense() {
        let pace = |per_s, burst| Limits { pace: Pace { per_s, burst }, ..sound() };
        let spacing = |every_s, burst| Limits { spacing: Some(Spacing { every_s, burst }), ..sound() };
        let shared = |key: &str, per_s| Limits { shared: Some(SharedLimit { key: key.into(), per_s }), ..sound() };
        let good = [sound(), pace(0.01, 1), pace(100_000.0, 100_000), spacing(6, 45), shared("app:1", 0.5)];
        for limits_ in good {
            assert!(limits(&limits_).is_ok(), "{limits_:?}");
        }
        let bad = [
            pace(0.0, 1),
            pace(f64::NAN, 1),
            pace(f64::INFINITY, 1),
            pace(-1.0, 1),
            pace(1.0, 0),
            spacing(0, 1),
            spacing(1, 0),
            spacing(86_401, 1),
            shared("", 1.0),
            shared("app", 0.0),
        ];
        for limits_ in bad {
            assert!(limits(&limits_).is_err(), "{limits_:?}");
        }
    }
}
