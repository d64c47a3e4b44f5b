//! What a contact must look like, wherever it comes from.

use std::collections::BTreeMap;

use postroad_core::{
    account::Channel,
    language,
    limits::{ATTRIBUTE_CHARS_MAX, ATTRIBUTE_NAME_CHARS_MAX},
    tag,
};
use postroad_store::contacts::Contact;

use super::{ContactError, NewContact, merge::Row};
use crate::{addresses, text, zone};

pub(crate) const ADDRESSES_MAX: usize = 20;
pub(crate) const ATTRIBUTES_MAX: usize = 50;

/// A contact with its addresses in their one spelling.
pub(crate) fn row(new: NewContact, default_region: Option<&str>) -> Result<Row, ContactError> {
    if new.addresses.is_empty() && new.external_key.is_none() {
        return Err(ContactError::NoAddress);
    }
    if new.addresses.len() > ADDRESSES_MAX {
        return Err(ContactError::TooManyAddresses);
    }
    let mut addresses = Vec::with_capacity(new.addresses.len());
    for (channel, text) in &new.addresses {
        addresses.push((*channel, address(*channel, text, default_region)?));
    }
    let row = Row {
        external_key: new.external_key,
        display_name: new.display_name,
        language: new.language,
        time_zone: new.time_zone,
        attributes: new.attributes,
        tags: tag::normalise(new.tags.iter().map(String::as_str))?,
        addresses,
        consents: Vec::new(),
    };
    person(&row)?;
    Ok(row)
}

pub(crate) fn address(channel: Channel, text: &str, default_region: Option<&str>) -> Result<String, ContactError> {
    addresses::normalise(channel, text, default_region).map_err(|source| ContactError::Address { channel, source })
}

/// Everything of a row but its addresses.
pub(crate) fn person(row: &Row) -> Result<(), ContactError> {
    described(
        [row.external_key.as_deref(), row.display_name.as_deref(), row.language.as_deref(), row.time_zone.as_deref()],
        &row.attributes,
    )
}

pub(crate) fn contact(contact: &Contact) -> Result<(), ContactError> {
    described(
        [
            contact.external_key.as_deref(),
            contact.display_name.as_deref(),
            contact.language.as_deref(),
            contact.time_zone.as_deref(),
        ],
        &contact.attributes,
    )
}

fn described(
    [key, name, language, time_zone]: [Option<&str>; 4],
    attributes: &BTreeMap<String, String>,
) -> Result<(), ContactError> {
    if key.is_some_and(|key| !text::fits(key, 1..=200)) {
        return Err(ContactError::ExternalKey);
    }
    if name.is_some_and(|name| !text::fits(name, 1..=200)) {
        return Err(ContactError::DisplayName);
    }
    if let Some(language) = language.filter(|language| !language::is_language(language)) {
        return Err(ContactError::Language(language.chars().take(40).collect()));
    }
    time_zone.map(zone::parse).transpose()?;
    if attributes.len() > ATTRIBUTES_MAX || attributes.iter().any(|(name, value)| !is_attribute(name, value)) {
        return Err(ContactError::Attributes);
    }
    Ok(())
}

fn is_attribute(name: &str, value: &str) -> bool {
    text::fits(name, 1..=ATTRIBUTE_NAME_CHARS_MAX) && text::fits(value, 0..=ATTRIBUTE_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(new: NewContact) -> &'static str {
        row(new, None).err().map_or("taken", |error| error.code())
    }

    fn ada() -> NewContact {
        NewContact { addresses: vec![(Channel::Whatsapp, "+1 202 555 0173".into())], ..NewContact::default() }
    }

    #[test]
    fn each_thing_that_can_be_wrong_has_its_word() {
        let attributes = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let cases = [
            (ada(), "taken"),
            (NewContact { external_key: Some("k".into()), ..NewContact::default() }, "taken"),
            (NewContact::default(), "no_address"),
            (NewContact { external_key: Some(String::new()), ..ada() }, "invalid_external_key"),
            (NewContact { external_key: Some("a\0b".into()), ..ada() }, "invalid_external_key"),
            (NewContact { display_name: Some("x".repeat(201)), ..ada() }, "invalid_display_name"),
            (NewContact { language: Some("english".into()), ..ada() }, "invalid_language"),
            (NewContact { time_zone: Some("europe/paris".into()), ..ada() }, "unknown_time_zone"),
            (NewContact { attributes: attributes("", "x"), ..ada() }, "invalid_attributes"),
            (NewContact { attributes: attributes("a", &"x".repeat(1_001)), ..ada() }, "invalid_attributes"),
            (NewContact { tags: vec!["a,b".into()], ..ada() }, "invalid_tags"),
            (NewContact { tags: (0..51).map(|n| n.to_string()).collect(), ..ada() }, "too_many_tags"),
            (NewContact { addresses: vec![(Channel::Sms, "12".into())], ..ada() }, "invalid_phone"),
            (NewContact { addresses: vec![(Channel::Email, "a".into())], ..ada() }, "invalid_email"),
            (NewContact { addresses: vec![(Channel::Telegram, "a b".into())], ..ada() }, "invalid_address"),
            (NewContact { addresses: vec![(Channel::Telegram, "a".into()); 21], ..ada() }, "too_many_addresses"),
        ];
        for (new, expected) in cases {
            assert_eq!(code(new), expected);
        }
    }
}
