//! Everything a step may depend on, as read at one instant.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{effect::Effect, hours::BusinessHours};
use crate::{
    account::Channel,
    conversation::{ConversationState, HolderKind},
    ids::{AccountId, LabelId},
    limits::AUTOMATED_PER_HOUR_MAX,
    message::Body,
    time,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub now: DateTime<Utc>,
    /// What the contact said that the run is about, oldest first. Empty if no message set it off. At most
    /// [`crate::limits::RUN_MESSAGES_MAX`].
    pub texts: Vec<Body>,
    /// The first of these is the first that the person ever wrote to us.
    pub first_of_contact: bool,
    /// Or the first since the conversation began.
    pub first_in_conversation: bool,
    pub contact: ContactFacts,
    pub conversation: ConversationFacts,
    pub business_hours: BusinessHours,
    pub automated: Automated,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactFacts {
    pub display_name: Option<Body>,
    pub language: Option<String>,
    pub time_zone: Option<Tz>,
    pub tags: Vec<String>,
    pub attributes: BTreeMap<String, Body>,
}

impl ContactFacts {
    /// An attribute, or `display_name`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let value = match name {
            "display_name" => self.display_name.as_ref(),
            name => self.attributes.get(name),
        };
        value.map(|body| body.0.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationFacts {
    pub channel: Channel,
    pub account: AccountId,
    pub status: ConversationState,
    pub labels: Vec<LabelId>,
    /// Who has it.
    #[serde(default = "nobody")]
    pub holder: HolderKind,
    /// Until when free text may be sent, where the channel has such a window. None: the person never wrote.
    pub window_closes_at: Option<DateTime<Utc>>,
}

const fn nobody() -> HolderKind {
    HolderKind::Nobody
}

/// Automated messages in the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Automated {
    /// Within the last hour.
    pub within_hour: u32,
    pub per_hour_max: u32,
}

impl Default for Automated {
    fn default() -> Self {
        Self { within_hour: 0, per_hour_max: AUTOMATED_PER_HOUR_MAX }
    }
}

impl Facts {
    /// Free text may be sent now.
    pub fn window_is_open(&self) -> bool {
        !self.conversation.channel.has_session_window()
            || self.conversation.window_closes_at.is_some_and(|closes_at| closes_at > self.now)
    }

    /// An attribute, or `display_name`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.contact.attribute(name)
    }

    /// What the clock on the wall shows in `zone`, else where the contact lives, else where the business is.
    pub(super) fn local(&self, zone: Option<Tz>) -> (NaiveDateTime, Tz) {
        let zone = zone.or(self.contact.time_zone).unwrap_or(self.business_hours.time_zone);
        (time::local(zone, self.now), zone)
    }

    /// As they would be after an effect: for a walk that has none.
    #[must_use]
    pub(super) fn after(mut self, effect: &Effect) -> Self {
        match effect {
            Effect::Reply { .. } | Effect::Template { .. } => self.automated.within_hour += 1,
            Effect::Label { add, remove } => changed(&mut self.conversation.labels, add, remove),
            Effect::Tag { add, remove } => changed(&mut self.contact.tags, add, remove),
            Effect::Status { to } => self.conversation.status = *to,
            Effect::Snooze { .. } => self.conversation.status = ConversationState::Snoozed,
            Effect::Assign { to } => self.conversation.holder = to.becomes(),
            Effect::Note { .. } | Effect::Webhook { .. } => {}
        }
        self.conversation.holder = self.conversation.holder.once(self.conversation.status);
        self
    }
}

fn changed<T: PartialEq + Clone>(list: &mut Vec<T>, add: &[T], remove: &[T]) {
    list.retain(|one| !remove.contains(one));
    let new: Vec<T> = add.iter().filter(|one| !list.contains(one)).cloned().collect();
    list.extend(new);
}
