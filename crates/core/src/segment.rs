//! Filters: questions about contacts, as data. A segment is a filter with a name.
//!
//! A filter is JSON that people and programs write, so it is read strictly and checked ([`Filter::check`]) before anything
//! is done with it. How it is asked is the store's business; here is only what it means. Deliberately absent: other
//! segments inside a filter, because the audience of a campaign must not change when somebody edits one of them.
//!
//! To add a condition: a variant of [`Filter`], its bounds in `check.rs`, its SQL in `store/src/filters.rs`, and its line in
//! the model that the tests of the app compare that with.

mod check;
mod standing;
mod value;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    account::Channel,
    consent::Purpose,
    ids::{CampaignId, GroupId, ImportId},
    send::SendState,
    words::words,
};

pub use check::{FilterError, FilterFault};
pub use standing::{Reach, Standing};

/// Who is meant. Each is exactly true or false of a contact: what is not known of somebody is false.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Filter {
    /// All of these hold.
    All(Vec<Filter>),
    /// At least one of these holds.
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Tag(TagTest),
    Attribute(AttributeTest),
    /// One of these, or a regional form of one: `en` means `en_US` too.
    Language(Vec<String>),
    /// One of these IANA names.
    TimeZone(Vec<String>),
    /// Has an address on the channel.
    Address(Channel),
    Consent(ConsentTest),
    /// The address on the channel is on the suppression list.
    Suppressed(Channel),
    LastInbound(Recency),
    Created(Recency),
    Campaign(CampaignTest),
    /// Is a member of the group.
    Group(GroupId),
    /// Was written by this import last.
    Import(ImportId),
}

/// Whether the contact carries a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TagTest {
    Has(String),
    HasNot(String),
}

/// What is asked of one attribute, or of `display_name`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeTest {
    pub name: String,
    pub is: ValueTest,
}

/// What is asked of a text. Texts compare by case but for `contains`; numbers and dates are read from the text, and a text
/// that is none is no answer to such a question: false.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ValueTest {
    /// There is a text, and it is not empty.
    Set,
    NotSet,
    Equals(String),
    OneOf(Vec<String>),
    /// In any case.
    Contains(String),
    LessThan(f64),
    AtMost(f64),
    MoreThan(f64),
    AtLeast(f64),
    /// A date like `2026-03-02`, perhaps with a time of day, which does not count.
    Before(NaiveDate),
    After(NaiveDate),
    /// From so many days ago until today, by the date in UTC.
    WithinLastDays(u32),
    /// From today until so many days from now.
    WithinNextDays(u32),
}

/// What the person said last at the address on the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentTest {
    pub channel: Channel,
    /// `marketing`, or `transactional`.
    pub purpose: Purpose,
    pub is: ConsentWord,
}

words! {
    /// What was said about being written to.
    ConsentWord {
        Granted = "granted",
        Revoked = "revoked",
        /// Nothing, or there is no address.
        None = "none",
    }
}

/// How long ago, in whole days of 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Recency {
    WithinDays(u32),
    /// Longer ago, or never.
    NotWithinDays(u32),
}

/// What became of a campaign's message to the contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignTest {
    pub id: CampaignId,
    pub was: Behaviour,
}

words! {
    /// Of a recipient of a campaign. Who was no recipient is none of these.
    Behaviour {
        Recipient = "recipient",
        /// For sure without delivery, for whatever reason.
        NotReached = "not_reached",
        /// Or read.
        Delivered = "delivered",
        Read = "read",
        /// The provider refused it or reported so, or its time or its attempts ran out.
        Failed = "failed",
        /// The person wrote to the campaign's account after the message was written, and the provider had taken it.
        Replied = "replied",
        /// The provider took it, and the person did not write.
        NotReplied = "not_replied",
        /// The person opened a link of the message.
        Clicked = "clicked",
        /// The provider took it, and the person opened no link of it.
        NotClicked = "not_clicked",
    }
}

impl Behaviour {
    /// Where the message stands, of whom this holds. None: wherever.
    pub const fn states(self) -> Option<&'static [SendState]> {
        use SendState as S;
        match self {
            Self::Recipient | Self::Clicked => None,
            // What may have been carried out may have arrived.
            Self::NotReached => Some(&[S::Failed, S::Rejected, S::Refused, S::Expired, S::Cancelled, S::Dead]),
            Self::Delivered => Some(&[S::Delivered, S::Read]),
            Self::Read => Some(&[S::Read]),
            Self::Failed => Some(&[S::Failed, S::Rejected, S::Expired, S::Dead]),
            Self::Replied | Self::NotReplied | Self::NotClicked => Some(&[S::Accepted, S::Sent, S::Delivered, S::Read]),
        }
    }
}

/// What a filter names that must exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    pub campaigns: Vec<CampaignId>,
    pub groups: Vec<GroupId>,
    pub imports: Vec<ImportId>,
}

impl Filter {
    /// Every campaign, group and import that the filter names.
    pub fn references(&self) -> References {
        let mut found = References::default();
        self.refer(&mut found);
        found
    }

    fn refer(&self, found: &mut References) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.refer(found)),
            Self::Not(part) => part.refer(found),
            Self::Campaign(test) => found.campaigns.push(test.id),
            Self::Group(id) => found.groups.push(*id),
            Self::Import(id) => found.imports.push(*id),
            _ => {}
        }
    }

    /// A group that everybody meant is a member of. Its members are fewer than all contacts, so they are looked through instead.
    pub fn within_group(&self) -> Option<GroupId> {
        match self {
            Self::Group(id) => Some(*id),
            Self::All(parts) => parts.iter().find_map(Self::within_group),
            _ => None,
        }
    }

    /// This, but nobody of whom one of `others` holds.
    #[must_use]
    pub fn except(self, others: Vec<Self>) -> Self {
        if others.is_empty() { self } else { Self::All(vec![self, Self::nobody_of(others)]) }
    }

    /// Nobody of whom one of these holds.
    pub fn nobody_of(others: Vec<Self>) -> Self {
        Self::Not(Box::new(Self::Any(others)))
    }
}
