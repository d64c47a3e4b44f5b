//! Addresses in the one spelling of their channel, whatever a person typed.

use postroad_core::{
    account::Channel,
    phone::{self, PhoneError},
};

const CHARS_MAX: usize = 320;

/// Text that is no address of its channel. Deliberately without the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error(transparent)]
    Phone(#[from] PhoneError),
    #[error("it is no mail address")]
    Email,
    #[error("an address has 1 to {CHARS_MAX} characters without blanks")]
    Id,
}

/// `default_region`: the two-letter country of telephone numbers without `+`.
pub fn normalise(channel: Channel, text: &str, default_region: Option<&str>) -> Result<String, AddressError> {
    let text = text.trim();
    match channel {
        Channel::Whatsapp if is_scoped_id(text) => Ok(text.to_owned()),
        Channel::Whatsapp | Channel::Sms | Channel::Voice => Ok(phone::normalise(text, default_region)?.into()),
        Channel::Sandbox => sandbox(text, default_region),
        Channel::Email => email(text),
        _ => id(text),
    }
}

/// The spelling of an address whose channel is not named: a number, a mail address, or a provider's id.
pub fn normalise_any(text: &str) -> Result<String, AddressError> {
    let text = text.trim();
    match text.as_bytes() {
        [b'+', ..] => Ok(phone::normalise(text, None)?.into()),
        bytes if bytes.contains(&b'@') => email(text),
        _ => id(text),
    }
}

/// What shows an address to its owner and says little to anybody else: the last two characters, of a mail address the first
/// one and the domain.
pub fn masked(channel: Channel, address: &str) -> String {
    const DOTS: &str = "•••";
    if channel == Channel::Email
        && let Some((local, domain)) = address.rsplit_once('@')
    {
        return local.chars().take(1).chain(DOTS.chars()).chain(['@']).chain(domain.chars()).collect();
    }
    let chars: Vec<char> = address.chars().collect();
    let shown = if chars.len() >= 6 { 2 } else { 0 };
    DOTS.chars().chain(chars[chars.len() - shown..].iter().copied()).collect()
}

/// WhatsApp's id of a person within one business: `US.13491208655302741918`.
fn is_scoped_id(text: &str) -> bool {
    let mut parts = text.splitn(2, '.');
    let country = parts.next().unwrap_or_default();
    let rest = parts.next().unwrap_or_default();
    country.len() == 2
        && country.bytes().all(|b| b.is_ascii_uppercase())
        && (1..=128).contains(&rest.len())
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
}

fn sandbox(text: &str, default_region: Option<&str>) -> Result<String, AddressError> {
    match phone::normalise(text, default_region) {
        Ok(phone) => Ok(phone.into()),
        Err(_) => id(&text.to_lowercase()),
    }
}

/// Lower case throughout: no provider of note tells boxes apart by case, and people do not either.
fn email(text: &str) -> Result<String, AddressError> {
    // Some letters are longer in lower case.
    let text = id(&text.to_lowercase()).map_err(|_| AddressError::Email)?;
    let good = text.rsplit_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !name.contains('@') && host.contains('.') && !host.starts_with('.') && !host.ends_with('.')
    });
    if good { Ok(text) } else { Err(AddressError::Email) }
}

fn id(text: &str) -> Result<String, AddressError> {
    let good =
        (1..=CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if good { Ok(text.to_owned()) } else { Err(AddressError::Id) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_address_is_known_by_its_owner_only() {
        for (channel, address, shown) in [
            (Channel::Whatsapp, "+12025550173", "•••73"),
            (Channel::Email, "ada@example.com", "a•••@example.com"),
            (Channel::Email, "@", "•••@"),
            (Channel::Telegram, "12345", "•••"),
            (Channel::Discord, "äöüäöü", "•••öü"),
            (Channel::X, "", "•••"),
        ] {
            assert_eq!(masked(channel, address), shown, "{address}");
        }
    }

    #[test]
    fn every_channel_has_one_spelling() {
        let cases = [
            (Channel::Whatsapp, " +1 (202) 555-0173 ", Some("+12025550173")),
            (Channel::Whatsapp, "US.13491208655302741918", Some("US.13491208655302741918")),
            (Channel::Sms, "US.13491208655302741918", None),
            (Channel::Sms, "202 555 0173", None),
            (Channel::Email, " Ada.L@Example.COM ", Some("ada.l@example.com")),
            (Channel::Email, "ada@", None),
            (Channel::Email, "ada@example", None),
            (Channel::Email, "a@b@example.com", None),
            (Channel::Telegram, "123456789", Some("123456789")),
            (Channel::Telegram, "12 34", None),
            (Channel::Telegram, "", None),
            (Channel::Sandbox, "Test-Person", Some("test-person")),
        ];
        for (channel, text, expected) in cases {
            assert_eq!(normalise(channel, text, None).ok().as_deref(), expected, "{channel} {text:?}");
        }
        assert_eq!(normalise(Channel::Sms, "(202) 555-0173", Some("US")).unwrap(), "+12025550173");
        let grows = format!("{}@example.com", "İ".repeat(200));
        assert_eq!(normalise(Channel::Email, &grows, None), Err(AddressError::Email), "412 characters in lower case");
    }

    #[test]
    fn an_address_without_a_channel_is_read_by_its_looks() {
        for (text, expected) in [
            ("+1 202 555 0173", Some("+12025550173")),
            ("Ada@Example.com", Some("ada@example.com")),
            ("123456789", Some("123456789")),
            ("+999 1", None),
            ("two words", None),
        ] {
            assert_eq!(normalise_any(text).ok().as_deref(), expected, "{text:?}");
        }
    }
}
