//! A Monday morning, and ways to write automations down.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use postroad_core::{
    account::Channel,
    automation::{
        BusinessHours, Definition, Effect, Facts, Fault, Program,
        facts::{Automated, ContactFacts, ConversationFacts},
    },
    conversation::{ConversationState, HolderKind},
    ids::{AccountId, LabelId},
    message::Body,
};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn account() -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(1))
}

pub(crate) fn label(n: u128) -> LabelId {
    LabelId::from_uuid(Uuid::from_u128(n))
}

pub(crate) fn body(text: &str) -> Body {
    Body(text.to_owned())
}

/// Ana writes for the first time, on a Monday at 10:00 in UTC, over SMS.
pub(crate) fn facts() -> Facts {
    Facts {
        now: at("2026-03-02T10:00:00Z"),
        texts: vec![body("Hello, I want a refund")],
        first_of_contact: true,
        first_in_conversation: true,
        contact: ContactFacts {
            display_name: Some(body("Ana Lima")),
            language: Some("pt-BR".to_owned()),
            time_zone: None,
            tags: vec!["vip".to_owned()],
            attributes: [("tier".to_owned(), body("gold"))].into(),
        },
        conversation: ConversationFacts {
            channel: Channel::Sms,
            account: account(),
            status: ConversationState::Open,
            labels: vec![label(1)],
            holder: HolderKind::Nobody,
            window_closes_at: None,
        },
        business_hours: BusinessHours::usual(Tz::UTC),
        automated: Automated::default(),
    }
}

/// Of a definition that is set off by a message.
pub(crate) fn definition(conditions: &Value, actions: &Value) -> Definition {
    read(&json!({"trigger": {"inbound_message": {}}, "conditions": conditions, "actions": actions}))
}

pub(crate) fn read(definition: &Value) -> Definition {
    serde_json::from_value(definition.clone()).unwrap_or_else(|error| panic!("{definition}: {error}"))
}

pub(crate) fn program(conditions: &Value, actions: &Value) -> Program {
    sound(definition(conditions, actions))
}

pub(crate) fn sound(definition: Definition) -> Program {
    Program::new(definition).unwrap_or_else(|faults: Vec<Fault>| panic!("{faults:?}"))
}

pub(crate) fn reply(text: &str) -> Effect {
    Effect::Reply { text: body(text), quiet_hours: None }
}
