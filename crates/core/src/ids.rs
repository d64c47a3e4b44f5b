//! Typed ids: UUID version 7 inside (sorts by age), a prefix outside (`msg_0198c1b2…`), so that two kinds never mix.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::{NoContext, Timestamp, Uuid};

/// A word outside a closed vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not a {of}")]
pub struct UnknownWord {
    pub of: &'static str,
    pub word: String,
}

/// Text that is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id like {expected}_0198c1b2…")]
pub struct ParseIdError {
    pub expected: &'static str,
}

fn parse(text: &str, prefix: &'static str) -> Result<Uuid, ParseIdError> {
    text.strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .filter(|hex| hex.len() == 32)
        .and_then(|hex| Uuid::try_parse(hex).ok())
        .ok_or(ParseIdError { expected: prefix })
}

fn v7(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos()))
}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident, $prefix:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
        pub struct $name(Uuid);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            /// A new id, sorted after all ids of earlier instants.
            pub fn new(now: DateTime<Utc>) -> Self {
                Self(v7(now))
            }

            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Not above any id of this instant or later: for ranges.
            pub fn first_at(at: DateTime<Utc>) -> Self {
                let ms = u64::try_from(at.timestamp_millis()).unwrap_or_default();
                Self(Uuid::from_u128(u128::from(ms) << 80))
            }

            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl std::str::FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse(text, $prefix).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(/// Who owns data and pays.
    TenantId, "ten");
id!(/// A tenant's connected number, page, bot or mailbox. Its lane carries the same id.
    AccountId, "acc");
id!(/// A person.
    ContactId, "con");
id!(/// Where a contact is reached on one channel.
    AddressId, "adr");
id!(/// Two contacts that were found to be one person.
    MergeId, "mrg");
id!(/// One entry of the consent ledger.
    ConsentId, "cns");
id!(/// A link to a person's own page.
    LinkId, "lnk");
id!(/// A consent that waits for the person's second yes.
    OptInId, "opt");
id!(/// One address nobody may write to.
    SuppressionId, "sup");
id!(/// One template in one language.
    TemplateId, "tpl");
id!(/// One thing said to one address; its send carries the same id.
    MessageId, "msg");
id!(/// A blast.
    CampaignId, "cmp");
id!(/// A program that may call the API.
    ClientId, "cli");
id!(/// One line of a wallet's statement.
    EntryId, "ent");
id!(/// One run of a contact import.
    ImportId, "imp");
id!(/// A stored filter.
    SegmentId, "seg");
id!(/// A list of people that somebody put together.
    GroupId, "grp");
id!(/// One start of one worker process; never reused.
    IncarnationId, "inc");
id!(/// One webhook POST as it arrived.
    JournalId, "jrn");
id!(/// One call of the API, as the request log and the answer name it.
    CallId, "req");
id!(/// What is said with one person through one account.
    ConversationId, "cnv");
id!(/// A person who works for a tenant.
    MemberId, "mem");
id!(/// Somebody who signs in, and may work for several tenants.
    UserId, "usr");
id!(/// One browser in which somebody is signed in.
    SessionId, "ses");
id!(/// A person who is asked to work for a tenant.
    InvitationId, "inv");
id!(/// A mail of the installation itself: an invitation, a way to a new password.
    MailId, "mai");
id!(/// Members who see the same conversations.
    DepartmentId, "dep");
id!(/// What members may do and see, as a tenant wrote it.
    RoleId, "rol");
id!(/// A word that conversations carry.
    LabelId, "lbl");
id!(/// A file that was sent or uploaded.
    AttachmentId, "att");
id!(/// A text that members answer with often.
    QuickReplyId, "qrp");
id!(/// What a person was asked about a conversation, and said.
    RatingId, "rtg");
id!(/// What members say to each other about a conversation.
    NoteId, "not");
id!(/// Something that a member is told of.
    NotificationId, "ntf");
id!(/// A tenant's address for our webhooks.
    EndpointId, "end");
id!(/// One event on its way to one endpoint: the receiver knows a repetition by it.
    DeliveryId, "dlv");
id!(/// A rule that acts on events.
    AutomationId, "aut");
id!(/// Steps that members take with one move.
    MacroId, "mac");
id!(/// A question about conversations that is asked again and again.
    ViewId, "viw");
id!(/// One execution of an automation.
    RunId, "run");
id!(/// What somebody changed.
    AuditId, "aud");
id!(/// The stored copy of a tenant's data key.
    DataKeyId, "dek");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_one_kind_is_not_an_id_of_another() {
        let id = ContactId::new(DateTime::UNIX_EPOCH);
        assert_eq!(id.to_string().parse::<ContactId>(), Ok(id));
        assert_eq!(id.to_string().parse::<MessageId>(), Err(ParseIdError { expected: "msg" }));
    }

    #[test]
    fn ids_sort_by_age() {
        let early = MessageId::new(DateTime::UNIX_EPOCH);
        let late = MessageId::new(DateTime::UNIX_EPOCH + chrono::TimeDelta::milliseconds(1));
        assert!(early < late);
    }

    #[test]
    fn only_the_spelling_that_we_print_is_read() {
        for text in [
            "",
            "msg",
            "msg_",
            "msg_0",
            "MSG_00000000000000000000000000000000",
            "msg_00000000-0000-0000-0000-000000000000",
        ] {
            assert!(text.parse::<MessageId>().is_err(), "{text}");
        }
    }
}
