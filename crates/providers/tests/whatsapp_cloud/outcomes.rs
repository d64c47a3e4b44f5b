//! Meta's answers, as documented or seen, and what they mean.

use std::fmt::Write;

use http::Response;
use postroad_core::provider::{Outcome, Provider};
use postroad_providers::whatsapp_cloud::WhatsappCloud;

use super::{fixtures, recorded};

/// Reads `HTTP/1.1 200 OK`, headers, an empty line, and the body to the end of the file.
pub(super) fn response(recorded: &[u8]) -> Response<Vec<u8>> {
    let text = std::str::from_utf8(recorded).expect("it is UTF-8");
    let (head, body) = text.split_once("\n\n").expect("an empty line ends the head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("there is a status");
    let headers = lines.map(|line| line.split_once(": ").expect("a header has a colon"));
    let builder =
        headers.fold(Response::builder().status(status), |builder, (name, value)| builder.header(name, value));
    builder.body(body.as_bytes().to_vec()).expect("it is an answer")
}

fn told(outcome: &Outcome) -> String {
    let (word, fault, after) = match outcome {
        Outcome::Accepted { provider_ref } => return format!("accepted as {provider_ref}"),
        Outcome::Retry { fault, after } => ("retry", fault, *after),
        Outcome::Rejected { fault } => ("rejected", fault, None),
        Outcome::Unknown { fault } => ("unknown", fault, None),
    };
    let after = after.map(|wait| format!(", after {} s", wait.as_secs())).unwrap_or_default();
    format!("{word}: {} {}{after}; lane: {:?}", fault.code, fault.class, WhatsappCloud.effect(fault))
}

#[test]
fn answers_mean_what_was_recorded() {
    let mut table = String::new();
    for (name, bytes) in recorded("answers") {
        let outcome = WhatsappCloud.outcome(&response(&bytes));
        writeln!(table, "{name}\n    {}", told(&outcome)).expect("text grows");
    }
    insta::with_settings!({ snapshot_path => fixtures(""), prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("outcomes", table);
    });
}
