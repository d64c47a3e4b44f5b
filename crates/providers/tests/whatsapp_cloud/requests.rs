//! What we send, byte for byte.

use std::fmt::Write;

use http::{Request, header};
use insta::assert_snapshot;
use postroad_core::{
    message::{Body, Content, MediaKind, TemplateUse},
    provider::{BuildError, Connection, Credentials, Outbound, Provider},
};
use postroad_providers::whatsapp_cloud::{GRAPH_VERSION, WhatsappCloud};
use serde_json::Value;

use super::fixtures;
use crate::samples;

/// The request as a person reads it; the token is left out, and must be marked as secret.
pub(super) fn shown(request: &Request<Vec<u8>>) -> String {
    let mut text = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        let secret = *name == header::AUTHORIZATION;
        assert_eq!(value.is_sensitive(), secret, "{name}");
        let value = if secret { "Bearer …" } else { value.to_str().expect("it is text") };
        writeln!(text, "{name}: {value}").expect("text grows");
    }
    if !request.body().is_empty() {
        let body: Value = serde_json::from_slice(request.body()).expect("the body is JSON");
        writeln!(text, "\n{body:#}").expect("text grows");
    }
    text
}

fn assert_request(name: &str, request: &Request<Vec<u8>>) {
    insta::with_settings!({ snapshot_path => fixtures("requests"), prepend_module_to_snapshot => false, omit_expression => true }, {
        assert_snapshot!(name, shown(request));
    });
}

fn built(outbound: &Outbound<'_>) -> Request<Vec<u8>> {
    WhatsappCloud.request(&samples::connection(), outbound).expect("it can be built")
}

/// Every request of this adapter, by name.
pub(super) fn all() -> Vec<(String, Request<Vec<u8>>)> {
    let connection = samples::connection();
    let mut requests: Vec<_> = samples::sendable()
        .iter()
        .map(|(name, content)| ((*name).to_owned(), built(&samples::outbound(content))))
        .collect();
    let text = samples::text("hello");
    requests
        .push(("answer".to_owned(), built(&Outbound { reply_to: Some("wamid.THEIRS"), ..samples::outbound(&text) })));
    requests
        .push(("to_a_scoped_id".to_owned(), built(&Outbound { to: samples::SCOPED_ID, ..samples::outbound(&text) })));
    for (name, typing) in [("read", false), ("read_and_typing", true)] {
        let request = WhatsappCloud.mark_read(&connection, "wamid.THEIRS", typing).expect("Meta has such a call");
        requests.push((name.to_owned(), request.expect("it can be built")));
    }
    requests
}

#[test]
fn requests_look_as_recorded() {
    for (name, request) in all() {
        assert_request(&name, &request);
    }
    assert_request("probe", &WhatsappCloud.probe(&samples::connection()).expect("it can be built"));
    let quota = WhatsappCloud.ask_quota(&samples::connection()).expect("Meta has such a limit");
    assert_request("quota", &quota.expect("it can be built"));
}

#[test]
fn the_address_is_the_stand_ins_when_there_is_one() {
    for base_url in ["http://127.0.0.1:7801", "http://127.0.0.1:7801/"] {
        let connection = Connection { base_url: base_url.to_owned(), ..samples::connection() };
        let request =
            WhatsappCloud.request(&connection, &samples::outbound(&samples::text("hello"))).expect("it can be built");
        assert_eq!(
            request.uri().to_string(),
            format!("http://127.0.0.1:7801/{GRAPH_VERSION}/106540352242922/messages")
        );
    }
}

fn refusal(outbound: &Outbound<'_>) -> String {
    WhatsappCloud.request(&samples::connection(), outbound).expect_err("it cannot be built").to_string()
}

#[test]
fn an_address_of_neither_kind_is_not_sent_to() {
    for to in ["12025550123", "", "+1202555012345678", "amina", "US.1;2"] {
        let content = samples::text("hello");
        let refusal = refusal(&Outbound { to, ..samples::outbound(&content) });
        assert_eq!(
            refusal, "the request cannot be written: the address is neither E.164 nor a business-scoped user id",
            "{to}"
        );
    }
}

#[test]
fn content_that_meta_would_refuse_for_its_form_does_not_leave() {
    let body = |chars: usize| Body("é".repeat(chars));
    let used = samples::template;
    let header = |file| Content::Template(TemplateUse { header: Some(file), ..used() });
    let cases = [
        ("the text is empty", samples::text("")),
        ("the text has 4097 characters, and 4096 are possible", samples::text(&"é".repeat(4_097))),
        ("audio cannot carry a caption", Content::Media(samples::media(MediaKind::Audio, Some("x"), None))),
        ("sticker cannot carry a caption", Content::Media(samples::media(MediaKind::Sticker, Some("x"), None))),
        (
            "the caption has 1025 characters, and 1024 are possible",
            Content::Media(samples::media(MediaKind::Image, Some(&"x".repeat(1_025)), None)),
        ),
        ("0 buttons, and 1 to 3 are possible", Content::Interactive { body: body(1), buttons: samples::buttons(0) }),
        ("4 buttons, and 1 to 3 are possible", Content::Interactive { body: body(1), buttons: samples::buttons(4) }),
        (
            "the text above the buttons has 1025 characters, and 1024 are possible",
            Content::Interactive { body: body(1_025), buttons: samples::buttons(1) },
        ),
        ("the template's name is empty", Content::Template(TemplateUse { name: String::new(), ..used() })),
        ("the template's language is empty", Content::Template(TemplateUse { language: String::new(), ..used() })),
        ("11 values, and 10 are possible", Content::Template(TemplateUse { parameters: vec![body(1); 11], ..used() })),
        ("a value of the template is empty", Content::Template(TemplateUse { parameters: vec![body(0)], ..used() })),
        (
            "11 button payloads, and 10 are possible",
            Content::Template(TemplateUse { button_payloads: vec!["x".to_owned(); 11], ..used() }),
        ),
        ("a template's header cannot carry sticker", header(samples::media(MediaKind::Sticker, None, None))),
        ("a template's header cannot carry a caption", header(samples::media(MediaKind::Image, Some("x"), None))),
        ("the id of the message reacted to is empty", Content::Reaction { to: String::new(), emoji: "👍".to_owned() }),
    ];
    for (expected, content) in cases {
        assert_eq!(refusal(&samples::outbound(&content)), format!("the request cannot be written: {expected}"));
    }
}

#[test]
fn a_file_goes_by_a_link_that_meta_can_fetch() {
    for link in ["ftp://files.example/x", "file:///etc/passwd", "javascript:alert(1)", "1003383421387256", ""] {
        let content = Content::Media(postroad_core::message::Media {
            link: link.to_owned(),
            ..samples::media(MediaKind::Image, None, None)
        });
        assert!(refusal(&samples::outbound(&content)).contains("the link"), "{link}");
    }
}

#[test]
fn the_longest_allowed_text_leaves() {
    for body in ["é".repeat(4_096), "x".to_owned()] {
        let content = samples::text(&body);
        built(&samples::outbound(&content));
    }
}

#[test]
fn an_account_that_could_change_the_path_or_the_headers_calls_nowhere() {
    for id in ["", "../me", "1/2", "1?x=y", "1#", "1 2", &"1".repeat(65)] {
        let connection = Connection { external_id: id.to_owned(), ..samples::connection() };
        assert!(matches!(WhatsappCloud.probe(&connection), Err(BuildError::Malformed(_))), "{id}");
    }
    for token in ["a\nb", "a\u{0}b"] {
        let credentials = Credentials::new(vec![("access_token".to_owned(), token.to_owned().into())]);
        let refused = WhatsappCloud.probe(&Connection { credentials, ..samples::connection() });
        assert!(
            matches!(&refused, Err(BuildError::Malformed(why)) if !why.contains('b') || !why.contains(token)),
            "{refused:?}"
        );
    }
}
