//! A contact as callers see it. Never printed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use postroad_app::contacts::{self, Profile};
use postroad_core::consent::Consent;
use serde::Serialize;
use utoipa::ToSchema;

use crate::schema::{ChannelWord, ConsentActionWord};

/// A person.
#[derive(Serialize, ToSchema)]
pub(in crate::routes) struct Contact {
    #[schema(pattern = "^con_[0-9a-f]{32}$")]
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    attributes: BTreeMap<String, String>,
    #[schema(max_items = 50)]
    tags: Vec<String>,
    addresses: Vec<Address>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// Where a person is reached on one channel.
#[derive(Serialize, ToSchema)]
#[schema(as = ContactAddress)]
#[expect(clippy::struct_field_names, reason = "the word of the API for it")]
struct Address {
    #[schema(pattern = "^adr_[0-9a-f]{32}$")]
    id: String,
    #[schema(value_type = ChannelWord)]
    channel: &'static str,
    address: String,
    /// What the person said last about marketing. Absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    marketing: Option<LastWord>,
    /// What the person said last about everything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    transactional: Option<LastWord>,
    /// Nobody may write to it, whatever for.
    suppressed: bool,
    /// When the provider said that nobody is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreachable_at: Option<DateTime<Utc>>,
}

/// The newest entry of the consent ledger.
#[derive(Debug, Serialize, ToSchema)]
struct LastWord {
    #[schema(value_type = ConsentActionWord)]
    action: &'static str,
    at: DateTime<Utc>,
}

impl LastWord {
    const fn of(consent: Consent) -> Self {
        Self { action: consent.action.as_str(), at: consent.at }
    }
}

impl Contact {
    pub(in crate::routes) fn of(Profile { contact, addresses }: Profile) -> Self {
        Self {
            id: contact.id.to_string(),
            external_key: contact.external_key,
            display_name: contact.display_name,
            language: contact.language,
            time_zone: contact.time_zone,
            attributes: contact.attributes,
            tags: contact.tags,
            addresses: addresses.into_iter().map(Address::of).collect(),
            created_at: contact.created_at,
            updated_at: contact.updated_at,
        }
    }
}

impl Address {
    fn of(address: contacts::Address) -> Self {
        Self {
            id: address.id.to_string(),
            channel: address.channel.as_str(),
            address: address.address,
            marketing: address.marketing.map(LastWord::of),
            transactional: address.transactional.map(LastWord::of),
            suppressed: address.is_suppressed,
            unreachable_at: address.unreachable_at,
        }
    }
}
