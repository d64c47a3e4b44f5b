//! The account that an empty installation starts with, from the variables that other programs use for the same things.

use secrecy::SecretString;

use super::{
    parse,
    reader::Reader,
    specs::{self, Spec},
};

/// An account to connect when there is none yet.
#[derive(Debug, Clone)]
pub struct FirstAccount {
    pub provider: &'static str,
    /// The provider's id of it.
    pub external_id: String,
    /// By the names that the adapter gives them.
    pub credentials: Vec<(&'static str, SecretString)>,
}

/// What a WhatsApp Cloud account needs.
const WHATSAPP: &[(Spec, &str)] = &[
    (specs::WHATSAPP_TOKEN, "access_token"),
    (specs::META_APP_SECRET, "app_secret"),
    (specs::META_VERIFY_TOKEN, "verify_token"),
    (specs::WHATSAPP_BUSINESS_ACCOUNT_ID, "waba_id"),
];

/// The token makes an account; the others are needed with it.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<FirstAccount> {
    let external_id = reader.read(&specs::WHATSAPP_PHONE_NUMBER_ID, digits);
    let mut credentials = Vec::new();
    let is_wanted = reader.is_given(&specs::WHATSAPP_TOKEN);
    for (spec, name) in WHATSAPP {
        match reader.read(spec, parse::secret) {
            Some(value) => credentials.push((*name, value)),
            None if is_wanted => missing(reader, spec),
            None => {}
        }
    }
    if is_wanted && !reader.is_given(&specs::WHATSAPP_PHONE_NUMBER_ID) {
        missing(reader, &specs::WHATSAPP_PHONE_NUMBER_ID);
    }
    let external_id = external_id.filter(|_| is_wanted)?;
    Some(FirstAccount { provider: "whatsapp_cloud", external_id, credentials })
}

fn missing(reader: &mut Reader<'_>, spec: &Spec) {
    let token = specs::WHATSAPP_TOKEN.name;
    reader.object(format!("{} is not set, and {token} is; expected {}", spec.name, spec.expects));
}

fn digits(text: &str) -> Result<String, ()> {
    let is_id = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if is_id { Ok(text.to_owned()) } else { Err(()) }
}
