//! How Meta names a person: a telephone number, or an id that only this business knows.

use postroad_core::phone::{self, Phone};

/// Characters after the prefix of a business-scoped id.
const SCOPED_ID_CHARS_MAX: usize = 128;

/// Whom a message goes to. Meta wants the two in different fields: an id in `to` is answered with success and dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recipient<'a> {
    /// E.164 with `+`. Without it Meta prepends the country code of the business.
    Phone(&'a str),
    ScopedId(&'a str),
}

impl<'a> Recipient<'a> {
    pub(super) fn parse(address: &'a str) -> Option<Self> {
        if is_e164(address) {
            Some(Self::Phone(address))
        } else if is_scoped_id(address) {
            Some(Self::ScopedId(address))
        } else {
            None
        }
    }

    /// The name of the request's field.
    pub(super) const fn field(self) -> &'static str {
        match self {
            Self::Phone(_) => "to",
            Self::ScopedId(_) => "recipient",
        }
    }

    pub(super) const fn as_str(self) -> &'a str {
        match self {
            Self::Phone(text) | Self::ScopedId(text) => text,
        }
    }
}

/// One spelling per person: E.164, or the business-scoped id as it is.
pub(super) fn normalise(address: &str) -> Option<String> {
    let address = address.trim();
    if is_scoped_id(address) {
        return Some(address.to_owned());
    }
    phone::normalise(address, None).ok().map(String::from)
}

/// Meta's `wa_id` is E.164 without the plus. It need not be the number that was dialled (Brazil, Mexico).
pub(super) fn phone_of_wa_id(wa_id: &str) -> Option<String> {
    Phone::try_from(format!("+{}", wa_id.strip_prefix('+').unwrap_or(wa_id))).ok().map(String::from)
}

fn is_e164(text: &str) -> bool {
    Phone::try_from(text.to_owned()).is_ok()
}

/// `US.13491208655302741918`, or `US.ENT.11815799212886844830` across linked portfolios.
pub(super) fn is_scoped_id(text: &str) -> bool {
    let Some((country, id)) = text.split_once('.') else { return false };
    let id = id.strip_prefix("ENT.").unwrap_or(id);
    country.len() == 2
        && country.bytes().all(|b| b.is_ascii_uppercase())
        && (1..=SCOPED_ID_CHARS_MAX).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_scoped_ids_are_told_apart() {
        let longest = format!("US.{}", "1".repeat(128));
        let too_long = format!("US.{}", "1".repeat(129));
        let cases = [
            ("+12025550123", Some("to")),
            ("US.13491208655302741918", Some("recipient")),
            ("US.ENT.11815799212886844830", Some("recipient")),
            (&longest, Some("recipient")),
            (&too_long, None),
            ("12025550123", None),
            ("+02025550123", None),
            ("+1234567890123456", None),
            ("+1202555012x", None),
            ("US.", None),
            ("USA.1", None),
            ("us.1", None),
            ("US.1.2", None),
            ("", None),
        ];
        for (address, field) in cases {
            assert_eq!(Recipient::parse(address).map(Recipient::field), field, "{address}");
        }
    }

    #[test]
    fn a_wa_id_gets_its_plus() {
        assert_eq!(phone_of_wa_id("12025550123").as_deref(), Some("+12025550123"));
        assert_eq!(phone_of_wa_id("+12025550123").as_deref(), Some("+12025550123"));
        assert_eq!(phone_of_wa_id("fowefinoewcnw"), None);
    }
}
