//! Recorded answers as bytes, and what adapters make of recorded bytes as a person reads it: the content of snapshots.

use http::Response;
use postroad_core::provider::{Event, EventKind, Inbound, Outcome, Provider, Receipt};
use serde_json::{Value, json};

pub(crate) fn shown(event: &Event) -> Value {
    json!({ "account_ref": event.account_ref, "key": event.key, "at": event.at, "kind": kind(&event.kind) })
}

fn kind(kind: &EventKind) -> Value {
    match kind {
        EventKind::Receipt(receipt) => json!({ "receipt": shown_receipt(receipt) }),
        EventKind::Inbound(inbound) => json!({ "inbound": shown_inbound(inbound) }),
        EventKind::Template(change) => json!({ "template": {
            "name": change.name, "language": change.language, "status": change.status, "category": change.category, "reason": change.reason,
        } }),
        EventKind::Preference(wish) => json!({ "preference": {
            "phone": wish.phone, "scoped_id": wish.scoped_id, "wants_marketing": wish.wants_marketing,
        } }),
        EventKind::Account { what, detail } => json!({ "account": { "what": what, "detail": detail } }),
        EventKind::Ignored { what } => json!({ "ignored": what }),
    }
}

fn shown_receipt(receipt: &Receipt) -> Value {
    json!({
        "provider_ref": receipt.provider_ref,
        "correlation": receipt.correlation.map(|ours| ours.to_string()),
        "state": receipt.state,
        "fault": receipt.fault,
        "price_category": receipt.price_category,
    })
}

fn shown_inbound(inbound: &Inbound) -> Value {
    json!({
        "provider_ref": inbound.provider_ref,
        "phone": inbound.phone,
        "scoped_id": inbound.scoped_id,
        "profile_name": inbound.profile_name,
        "content": inbound.content,
        "reply_to": inbound.reply_to,
        "opts_out": inbound.opts_out,
        "opens_session": inbound.opens_session,
    })
}

/// Reads `HTTP/1.1 200 OK`, headers, an empty line, and the body to the end of the file.
pub(crate) fn response(recorded: &[u8]) -> Response<Vec<u8>> {
    let text = std::str::from_utf8(recorded).expect("it is UTF-8");
    let (head, body) = text.split_once("\n\n").expect("an empty line ends the head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("there is a status");
    let headers = lines.map(|line| line.split_once(": ").expect("a header has a colon"));
    let builder =
        headers.fold(Response::builder().status(status), |builder, (name, value)| builder.header(name, value));
    builder.body(body.as_bytes().to_vec()).expect("it is an answer")
}

pub(crate) fn told(provider: &dyn Provider, outcome: &Outcome) -> String {
    let (word, fault, after) = match outcome {
        Outcome::Accepted { provider_ref } => return format!("accepted as {provider_ref}"),
        Outcome::Retry { fault, after } => ("retry", fault, *after),
        Outcome::Rejected { fault } => ("rejected", fault, None),
        Outcome::Unknown { fault } => ("unknown", fault, None),
    };
    let after = after.map(|wait| format!(", after {} s", wait.as_secs())).unwrap_or_default();
    format!("{word}: {} {}{after}; lane: {:?}", fault.code, fault.class, provider.effect(fault))
}
