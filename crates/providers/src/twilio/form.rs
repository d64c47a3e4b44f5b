//! The form of a webhook. Twilio adds fields without notice: what is not known is kept for the signature and read by nobody.
//! Every text that is read has a bound.

use postroad_core::provider::Unreadable;
use url::form_urlencoded;

/// Fields of one form; Twilio sends about forty.
const FIELDS_MAX: usize = 500;
/// Bytes of an id, an address, a link.
const ID_BYTES_MAX: usize = 1_000;
/// Characters of what a person wrote. Twilio sends 1,600 of an SMS and 4,096 from WhatsApp.
const SAID_CHARS_MAX: usize = 65_536;
const LINE_CHARS_MAX: usize = 500;

#[derive(Debug)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().take(FIELDS_MAX + 1).collect();
        if fields.len() > FIELDS_MAX {
            return Err(Unreadable(format!("more than {FIELDS_MAX} fields")));
        }
        Ok(Self(fields))
    }

    fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A non-empty text that names something, whole or not at all.
    pub(super) fn id(&self, name: &str) -> Option<&str> {
        self.raw(name).filter(|text| is_id(text))
    }

    /// What a person wrote.
    pub(super) fn said(&self, name: &str) -> Option<String> {
        cut(self.raw(name)?, SAID_CHARS_MAX)
    }

    /// A short text that is shown and never compared.
    pub(super) fn line(&self, name: &str) -> Option<String> {
        cut(self.raw(name)?, LINE_CHARS_MAX)
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.raw(name)?.parse().ok()
    }
}

pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= ID_BYTES_MAX && !text.contains('\0')
}

fn cut(text: &str, chars_max: usize) -> Option<String> {
    // U+0000 cannot be stored in a text column.
    let kept: String = text.chars().filter(|c| *c != '\0').take(chars_max).collect();
    (!kept.is_empty()).then_some(kept)
}
