//! What became of our messages. Meta repeats, skips and shuffles these; ranks in `core` put them in order.

use postroad_core::{
    provider::{Event, EventKind, Fault, FaultClass, Receipt},
    send::{Correlation, SendState},
};
use serde_json::Value;

use super::{
    faults,
    field::{instant, integer, text},
    webhook::Change,
};

pub(super) fn event(change: &Change<'_>, status: &Value) -> Event {
    let (Some(message_id), Some(word)) = (text(status, "/id"), text(status, "/status")) else {
        return change.ignored("status without id", status);
    };
    if text(status, "/recipient_type") == Some("group") {
        return change.ignored("group status", status);
    }
    let Some(state) = state(word) else { return change.ignored(&format!("status {word}"), status) };
    let receipt = Receipt {
        provider_ref: message_id.to_owned(),
        correlation: text(status, "/biz_opaque_callback_data").and_then(Correlation::parse),
        state,
        fault: (state == SendState::Failed).then(|| fault(status)),
        price_category: text(status, "/pricing/category").map(str::to_owned),
    };
    let at = instant(status, "/timestamp", change.received_at);
    change.event(format!("status|{message_id}|{word}"), at, EventKind::Receipt(receipt))
}

/// `delivered` is left out when the chat is open, and `played` is a voice message that was heard.
fn state(word: &str) -> Option<SendState> {
    match word {
        "sent" => Some(SendState::Sent),
        "delivered" => Some(SendState::Delivered),
        "read" | "played" => Some(SendState::Read),
        "failed" => Some(SendState::Failed),
        _ => None,
    }
}

fn fault(status: &Value) -> Fault {
    integer(status, "/errors/0/code")
        .map_or_else(|| Fault { code: "no_code".to_owned(), class: FaultClass::Unrecognised }, faults::fault)
}
