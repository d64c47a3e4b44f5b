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

/// Reads a value, or says that it is none.
type Read = fn(&str) -> Result<String, ()>;

/// What makes an account of a provider.
struct Kind {
    provider: &'static str,
    external_id: (Spec, Read),
    credentials: &'static [(Spec, &'static str)],
    /// Given, it is wanted, and the others are needed with it.
    wanted_by: Spec,
}

/// The first that is wanted is made.
const KINDS: &[Kind] = &[
    Kind {
        provider: "whatsapp_cloud",
        external_id: (specs::WHATSAPP_PHONE_NUMBER_ID, digits),
        credentials: &[
            (specs::WHATSAPP_TOKEN, "access_token"),
            (specs::META_APP_SECRET, "app_secret"),
            (specs::META_VERIFY_TOKEN, "verify_token"),
            (specs::WHATSAPP_BUSINESS_ACCOUNT_ID, "waba_id"),
        ],
        wanted_by: specs::WHATSAPP_TOKEN,
    },
    Kind {
        provider: "twilio_whatsapp",
        external_id: (specs::TWILIO_WHATSAPP_FROM, sender),
        credentials: &[(specs::TWILIO_ACCOUNT_SID, "account_sid"), (specs::TWILIO_AUTH_TOKEN, "auth_token")],
        wanted_by: specs::TWILIO_WHATSAPP_FROM,
    },
];

/// Every kind is read, so that its mistakes are told.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<FirstAccount> {
    let found: Vec<FirstAccount> = KINDS.iter().filter_map(|kind| kind.read(reader)).collect();
    found.into_iter().next()
}

impl Kind {
    fn read(&self, reader: &mut Reader<'_>) -> Option<FirstAccount> {
        let (name, parse) = &self.external_id;
        let external_id = reader.read(name, *parse);
        let is_wanted = reader.is_given(&self.wanted_by);
        let mut credentials = Vec::new();
        for (spec, name) in self.credentials {
            match reader.read(spec, parse::secret) {
                Some(value) => credentials.push((*name, value)),
                None if is_wanted => self.missing(reader, spec),
                None => {}
            }
        }
        if is_wanted && !reader.is_given(name) {
            self.missing(reader, name);
        }
        let external_id = external_id.filter(|_| is_wanted)?;
        Some(FirstAccount { provider: self.provider, external_id, credentials })
    }

    fn missing(&self, reader: &mut Reader<'_>, spec: &Spec) {
        let given = self.wanted_by.name;
        reader.object(format!("{} is not set, and {given} is; expected {}", spec.name, spec.expects));
    }
}

fn digits(text: &str) -> Result<String, ()> {
    let is_id = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if is_id { Ok(text.to_owned()) } else { Err(()) }
}

/// With or without the prefix that Twilio writes before WhatsApp numbers.
fn sender(text: &str) -> Result<String, ()> {
    let name = text.strip_prefix("whatsapp:").unwrap_or(text);
    let digits = name.strip_prefix('+').unwrap_or_default();
    let is_number = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let is_service = name.len() == 34 && name.starts_with("MG") && name.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_number || is_service { Ok(name.to_owned()) } else { Err(()) }
}
