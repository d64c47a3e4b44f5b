//! The address that Twilio reports a message to. It carries whose message it is and which attempt, so a receipt names its
//! attempt even when the answer to the call was lost. Twilio signs the whole address: nobody else can make one up.

use postroad_core::{provider::Connection, send::Correlation};
use url::form_urlencoded::{self, Serializer};

use super::form::is_id;

/// Behind our public address; the API serves it.
const PATH: &str = "/webhooks/twilio/status";
const ACCOUNT: &str = "account";
const MESSAGE: &str = "message";

/// The plus of a number stays out: whoever decodes an address once too often turns it into a blank.
pub(super) fn address(connection: &Connection, correlation: Correlation) -> String {
    let base = connection.public_url.trim_end_matches('/');
    let account = connection.external_id.trim_start_matches('+');
    let mut query = Serializer::new(String::new());
    query.append_pair(ACCOUNT, account).append_pair(MESSAGE, &correlation.to_string());
    format!("{base}{PATH}?{}", query.finish())
}

/// What the address may mean: a short code and a number look alike without the plus.
pub(super) fn accounts(url: &str) -> Vec<String> {
    let Some(account) = parameter(url, ACCOUNT) else { return Vec::new() };
    let is_digits = account.bytes().all(|b| b.is_ascii_digit());
    let number = is_digits.then(|| format!("+{account}"));
    number.into_iter().chain([account]).collect()
}

pub(super) fn correlation(url: &str) -> Option<Correlation> {
    Correlation::parse(&parameter(url, MESSAGE)?)
}

/// Whole or not at all, as a name in the form is.
fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1.split('#').next()?;
    let named =
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    named.filter(|value| is_id(value))
}
