//! What holds a message at this moment: the same facts and the same gates that decide when it leaves.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use postroad_core::{
    gates::{self, Decision, GateName, Reason},
    ids::{MessageId, TenantId},
    send::SendState,
};
use postroad_store::{Result, TenantTx, facts, messages::NewMessage};

use crate::App;

/// The gate that holds a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub gate: GateName,
    pub reason: Reason,
    /// The next look at it. None: the gate refuses it for good.
    pub until: Option<DateTime<Utc>>,
}

impl Hold {
    pub(crate) fn of(decision: &Decision) -> Option<Self> {
        match decision {
            Decision::Send => None,
            Decision::Wait { gate, until, reason } => Some(Self { gate: *gate, reason: *reason, until: Some(*until) }),
            Decision::Refuse { gate, reason } => Some(Self { gate: *gate, reason: *reason, until: None }),
        }
    }
}

/// Asks the gates about messages that are due now. Of one that is wanted later they would say something else then.
pub(super) async fn read(
    app: &App,
    tx: &mut TenantTx,
    messages: &[NewMessage],
    now: DateTime<Utc>,
) -> Result<HashMap<MessageId, Hold>> {
    let tenant = tx.tenant();
    let due = messages.iter().filter(|message| message.state == SendState::Queued);
    let due: Vec<(TenantId, MessageId)> = due.map(|message| (tenant, message.id)).collect();
    if due.is_empty() {
        return Ok(HashMap::new());
    }
    let read = facts::read(tx, &due, app.defaults.quiet_hours, now).await?;
    let held = read.sends.iter().filter_map(|send| Some((send.id, Hold::of(&gates::decide(&send.facts).decision)?)));
    Ok(held.collect())
}
