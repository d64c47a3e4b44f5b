//! Samples that others published: read from `POSTROAD_SPECS`, never copied, so what is kept is only what we made of them.

use std::fmt::Write;

use postroad_core::{
    message::Content,
    provider::{Event, EventKind, Inbound},
};
use serde_json::Value;

use super::{events::read, fixtures};
use crate::peers::published_description;

/// One line per event, without anything that the sample says.
fn told(event: &Event) -> String {
    match &event.kind {
        EventKind::Receipt(receipt) => {
            let fault =
                receipt.fault.as_ref().map(|fault| format!(" {} {}", fault.code, fault.class)).unwrap_or_default();
            format!("receipt {}{fault}, ours: {}", receipt.state, receipt.correlation.is_some())
        }
        EventKind::Inbound(inbound) => told_inbound(inbound),
        EventKind::Template(change) => {
            format!("template {:?} {:?} {:?}", change.status, change.category, change.reason)
        }
        EventKind::Preference(wish) => format!("preference {}", wish.wants_marketing),
        EventKind::Account { what, .. } => format!("account {what}"),
        EventKind::Ignored { what } => format!("ignored {what}"),
    }
}

fn told_inbound(inbound: &Inbound) -> String {
    let kind = match &inbound.content {
        Content::Other { kind, .. } => format!("other ({kind})"),
        Content::InboundMedia(file) => format!("inbound_media ({}, caption: {})", file.kind, file.caption.is_some()),
        Content::Reaction { emoji, .. } => format!("reaction (taken back: {})", emoji.is_empty()),
        content => content.kind().to_owned(),
    };
    let mut flags = vec![kind];
    let facts = [
        ("phone", inbound.phone.is_some()),
        ("scoped id", inbound.scoped_id.is_some()),
        ("name", inbound.profile_name.is_some()),
        ("answers", inbound.reply_to.is_some()),
        ("opts out", inbound.opts_out),
        ("opens session", inbound.opens_session),
    ];
    flags.extend(facts.into_iter().filter(|(_, holds)| *holds).map(|(name, _)| name.to_owned()));
    format!("inbound {}", flags.join(", "))
}

fn table(samples: &mut dyn Iterator<Item = (&String, &Value)>) -> String {
    let mut table = String::new();
    for (name, sample) in samples {
        let events = read(sample.to_string().as_bytes());
        writeln!(table, "{name}").expect("text grows");
        for event in &events {
            writeln!(table, "    {}", told(event)).expect("text grows");
        }
    }
    table
}

fn assert_table(name: &str, table: &str) {
    insta::with_settings!({ snapshot_path => fixtures("published"), prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, table);
    });
}

#[test]
fn samples_of_another_library_mean_what_was_recorded() {
    for file in ["callback_button", "message", "message_status", "template_status_update"] {
        let Some((_, samples)) = published_description(&format!("meta-webhooks/{file}.json")) else { return };
        assert_table(file, &table(&mut samples.as_object().expect("samples by name").iter()));
    }
}

#[test]
fn examples_of_metas_own_description_mean_what_was_recorded() {
    let Some((_, document)) = published_description("meta-business-messaging-api_v23.0.patched.json") else { return };
    let pointer = "/paths/~1whatsapp~1webhooks/post/requestBody/content/application~1json/examples";
    let examples = document.pointer(pointer).and_then(Value::as_object).expect("the document has examples");
    assert_table("meta_examples", &table(&mut examples.iter().map(|(name, example)| (name, &example["value"]))));
}
