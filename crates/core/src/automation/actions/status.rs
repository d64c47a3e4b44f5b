//! Moves the conversation to another status.

use serde::{Deserialize, Serialize};

use super::{Act, Asked, Scene};
use crate::{
    automation::{
        check::{FaultCode, Walk},
        effect::Effect,
    },
    conversation::ConversationState,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Any but `snoozed`, which needs an end.
    pub to: ConversationState,
}

impl Act for Status {
    fn check(&self, walk: &mut Walk, _depth: usize) {
        if self.to == ConversationState::Snoozed {
            let fix = "use the action snooze, which says until when";
            walk.at("to", |walk| walk.fault(FaultCode::Status, fix));
        }
    }

    fn ask(&self, _scene: &Scene<'_>) -> Asked {
        Asked::doing(Effect::Status { to: self.to }, format!("makes the conversation {}", self.to))
    }
}
