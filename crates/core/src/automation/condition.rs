//! What must hold for an automation to act: questions about the moment, as data.
//!
//! Each is exactly true or false; what is not known is false. All parts are judged, also where the first already decides,
//! so that the history of a run shows each of them.
//!
//! To add a condition: a variant of [`Condition`], its bounds in `condition/check.rs`, its answer in `condition/judge.rs` and
//! its example in the guide.

mod check;
mod judge;
mod keywords;
mod pattern;

use serde::{Deserialize, Serialize};

pub use judge::{Fact, Judged};
pub use keywords::{Keywords, Matching};
pub use pattern::{Pattern, Patterns};

use super::hours::{BusinessHours, TimeWindow};
use crate::{
    account::Channel,
    conversation::{ConversationState, HolderKind},
    ids::{AccountId, LabelId},
    segment::{AttributeTest, TagTest},
    words::words,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// All of these hold. Without any, as a whole condition: always.
    All(Vec<Condition>),
    /// At least one of these holds.
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// One of the messages says one of these.
    Keywords(Keywords),
    /// One of the messages matches.
    Regex(Pattern),
    /// The contact speaks one of these, or a regional form of one.
    Language(Vec<String>),
    Channel(Vec<Channel>),
    /// The conversation is on one of these.
    Account(Vec<AccountId>),
    /// Of the contact.
    Attribute(AttributeTest),
    /// Of the contact.
    Tag(TagTest),
    /// Of the conversation.
    Label(LabelTest),
    /// Of the conversation.
    Status(Vec<ConversationState>),
    /// Of the conversation: who has it.
    HeldBy(Vec<HolderKind>),
    BusinessHours(HoursTest),
    Time(TimeWindow),
    First(First),
}

impl Default for Condition {
    fn default() -> Self {
        Self::ALWAYS
    }
}

impl Condition {
    pub const ALWAYS: Self = Self::All(Vec::new());
}

/// Whether the conversation carries a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LabelTest {
    Has(LabelId),
    HasNot(LabelId),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoursTest {
    pub is: Openness,
    /// None: those of the business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<BusinessHours>,
}

words! {
    Openness {
        Inside = "inside",
        Outside = "outside",
    }
}

words! {
    /// What the run's first message is the first of.
    First {
        /// The person never wrote to us before, anywhere.
        OfContact = "of_contact",
        /// Nor in this conversation since it began.
        InConversation = "in_conversation",
    }
}
