//! How Twilio writes senders and people: `+12025550123` for SMS, `whatsapp:+12025550123` for WhatsApp.

use postroad_core::phone::{self, Phone};

const PREFIX: &str = "whatsapp:";
/// Characters of an alphanumeric sender.
const NAME_CHARS_MAX: usize = 11;

/// A channel as Twilio tells it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    Sms,
    Whatsapp,
}

impl Medium {
    pub(super) const fn provider(self) -> &'static str {
        match self {
            Self::Sms => "twilio_sms",
            Self::Whatsapp => "twilio_whatsapp",
        }
    }

    pub(super) fn write(self, address: &str) -> String {
        match self {
            Self::Sms => address.to_owned(),
            Self::Whatsapp => format!("{PREFIX}{address}"),
        }
    }

    /// None: it is an address of another channel.
    pub(super) fn read(self, written: &str) -> Option<&str> {
        match self {
            Self::Sms => (!written.contains(':')).then_some(written),
            Self::Whatsapp => written.strip_prefix(PREFIX),
        }
    }
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender<'a> {
    /// `MG…`: Twilio picks one of the service's numbers.
    Service(&'a str),
    /// A number, a short code, or an alphanumeric sender, which can only speak.
    Own(&'a str),
}

impl<'a> Sender<'a> {
    pub(super) fn parse(medium: Medium, external_id: &'a str) -> Option<Self> {
        let is_name = medium == Medium::Sms && is_name(external_id);
        if is_service(external_id) {
            Some(Self::Service(external_id))
        } else {
            (is_number(external_id) || is_name).then_some(Self::Own(external_id))
        }
    }
}

pub(super) fn is_service(text: &str) -> bool {
    is_sid(text, "MG")
}

/// Two letters and 32 hex digits.
pub(super) fn is_sid(text: &str, kind: &str) -> bool {
    text.strip_prefix(kind).is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// E.164, or the digits of a short code.
pub(super) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (3..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

fn is_name(text: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'&' | b'-' | b'_' | b'+'))
        && text.bytes().any(|b| b.is_ascii_alphabetic())
}

pub(super) fn is_e164(text: &str) -> bool {
    Phone::try_from(text.to_owned()).is_ok()
}

pub(super) fn normalise(address: &str) -> Option<String> {
    phone::normalise(address.trim(), None).ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_are_told_apart() {
        let service = format!("MG{}", "0a".repeat(16));
        let cases = [
            (Medium::Sms, service.as_str(), Some(Sender::Service(&service))),
            (Medium::Whatsapp, &service, Some(Sender::Service(&service))),
            (Medium::Sms, "+12025550123", Some(Sender::Own("+12025550123"))),
            (Medium::Sms, "12345", Some(Sender::Own("12345"))),
            (Medium::Sms, "Acme & Co", Some(Sender::Own("Acme & Co"))),
            (Medium::Whatsapp, "Acme", None),
            (Medium::Sms, "Acme and Sons", None),
            (Medium::Sms, "12", None),
            (Medium::Sms, "+1234567890123456", None),
            (Medium::Sms, "", None),
            (Medium::Sms, "a/b", None),
        ];
        for (medium, external_id, expected) in cases {
            assert_eq!(Sender::parse(medium, external_id), expected, "{external_id}");
        }
    }

    #[test]
    fn an_address_is_read_by_its_own_channel_only() {
        for (medium, other) in [(Medium::Sms, Medium::Whatsapp), (Medium::Whatsapp, Medium::Sms)] {
            let written = medium.write("+12025550123");
            assert_eq!((medium.read(&written), other.read(&written)), (Some("+12025550123"), None));
        }
        assert_eq!(Medium::Sms.read("messenger:1"), None);
    }
}
