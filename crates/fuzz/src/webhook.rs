//! What is asked of every webhook, whoever sent it.

use chrono::DateTime;
use http::{HeaderMap, HeaderName, HeaderValue};
use postroad_core::{
    limits::WEBHOOK_EVENTS_MAX,
    provider::{Credentials, Event, Hook, Provider, Told},
};

const KEY_CHARS_MAX: usize = 1_100;

pub(crate) fn credentials(named: &[(&str, &str)]) -> Credentials {
    Credentials::new(named.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned().into())).collect())
}

/// Bytes that are no value of a header cannot arrive as one.
pub(crate) fn headers<const N: usize>(names: [&'static str; N], values: [&[u8]; N]) -> HeaderMap {
    let header = |(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_bytes(value).ok()?));
    names.into_iter().zip(values).filter_map(header).collect()
}

/// Whether it is believed. Whoever is believed is not believed with one byte more.
pub(crate) fn is_believed(provider: &dyn Provider, hook: &Hook<'_>, credentials: &Credentials) -> bool {
    if provider.verify(hook, credentials).is_err() {
        return false;
    }
    let longer = [hook.body, b"1"].concat();
    let forged = Hook { headers: hook.headers, url: hook.url, body: &longer, received_at: hook.received_at };
    assert!(provider.verify(&forged, credentials).is_err(), "{} believes what nobody signed", provider.name());
    true
}

/// Whether it says anything.
pub(crate) fn is_sound(provider: &dyn Provider, account: &str, hook: &Hook<'_>) -> bool {
    let told = Told { account, url: hook.url, body: hook.body, received_at: hook.received_at };
    let events = provider.events(&told);
    assert_eq!(events, provider.events(&told), "the same body means the same twice");
    let events = events.unwrap_or_default();
    events.iter().for_each(assert_storable);
    let accounts = provider.accounts_in(hook);
    assert!(accounts.is_ok() || events.is_empty(), "what says something says for whom");
    let accounts = accounts.unwrap_or_default();
    assert!(events.len() <= WEBHOOK_EVENTS_MAX && accounts.len() <= WEBHOOK_EVENTS_MAX);
    assert!(events.iter().all(|event| event.account_ref == account || accounts.contains(&event.account_ref)));
    !events.is_empty()
}

fn assert_storable(event: &Event) {
    assert!(!event.key.is_empty() && event.key.chars().count() <= KEY_CHARS_MAX, "{:?}", event.key);
    // What lies ahead counts as now, by whoever stores it.
    assert!(event.at > DateTime::UNIX_EPOCH, "{}", event.at);
    let shown = format!("{event:?}").replace(r"\\", "");
    assert!(!shown.contains(r"\0"), "U+0000 cannot be stored: {shown}");
}
