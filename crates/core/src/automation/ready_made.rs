//! Greetings and away messages: ordinary definitions that many tenants want.

use super::{
    Definition,
    actions::reply::Reply,
    condition::{Condition, First, HoursTest, Openness},
    hours::BusinessHours,
    trigger::{Inbound, Trigger},
};
use crate::{gates::QuietPolicy, ids::AccountId, limits::DEBOUNCE_DEFAULT_S};

/// How long an away message is enough: a night.
const AWAY_COOLDOWN_S: u32 = 12 * 3_600;

/// Answers the first message of a conversation. `hours`: only while the business is open.
pub fn greeting(text: impl Into<String>, hours: Option<BusinessHours>) -> Definition {
    let first = Condition::First(First::InConversation);
    let conditions = match hours {
        Some(hours) => Condition::All(vec![first, open(Openness::Inside, Some(hours))]),
        None => first,
    };
    Definition { conditions, ..answer(Reply::new(text)) }
}

/// Says once in a while that nobody is there. `hours`: None means those of the business. In quiet hours it says nothing:
/// in the morning it would be wrong.
pub fn away(text: impl Into<String>, hours: Option<BusinessHours>) -> Definition {
    let reply = Reply { quiet_hours: Some(QuietPolicy::Skip), ..Reply::new(text) };
    Definition { cooldown_s: AWAY_COOLDOWN_S, conditions: open(Openness::Outside, hours), ..answer(reply) }
}

fn answer(reply: Reply) -> Definition {
    Definition {
        trigger: Trigger::InboundMessage(Inbound { debounce_s: DEBOUNCE_DEFAULT_S }),
        cooldown_s: 0,
        conditions: Condition::ALWAYS,
        actions: vec![reply.into()],
    }
}

fn open(is: Openness, hours: Option<BusinessHours>) -> Condition {
    Condition::BusinessHours(HoursTest { is, hours })
}

impl Definition {
    /// The same, in conversations on these accounts only.
    #[must_use]
    pub fn on(self, accounts: Vec<AccountId>) -> Self {
        let account = Condition::Account(accounts);
        let conditions = match self.conditions {
            conditions if conditions == Condition::ALWAYS => account,
            conditions => Condition::All(vec![account, conditions]),
        };
        Self { conditions, ..self }
    }
}
