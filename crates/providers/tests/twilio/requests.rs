//! What we send, byte for byte.

use std::{fmt::Write, time::Duration};

use http::{Request, header};
use insta::assert_snapshot;
use postroad_core::{
    message::{Content, MediaKind, TemplateUse},
    provider::{BuildError, Connection, Credentials, Outbound, Provider, StoredTemplate},
};
use postroad_providers::twilio::{self, Twilio};

use super::{NUMBER, SERVICE, connection, fixtures};
use crate::samples;

/// The request as a person reads it; the credentials are left out, and must be marked as secret.
fn shown(request: &Request<Vec<u8>>) -> String {
    let mut text = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        let secret = *name == header::AUTHORIZATION;
        assert_eq!(value.is_sensitive(), secret, "{name}");
        let value = if secret { "Basic …" } else { value.to_str().expect("it is text") };
        writeln!(text, "{name}: {value}").expect("text grows");
    }
    text.push('\n');
    for (name, value) in url::form_urlencoded::parse(request.body()) {
        writeln!(text, "{name} = {value}").expect("text grows");
    }
    text
}

/// Every request of this adapter, by name.
pub(super) fn all() -> Vec<(String, Request<Vec<u8>>)> {
    let mut requests = Vec::new();
    for (provider, word) in [(twilio::SMS, "sms"), (twilio::WHATSAPP, "whatsapp")] {
        for (name, content) in samples::sendable() {
            match provider.request(&connection(NUMBER), &samples::outbound(&content)) {
                Ok(request) => requests.push((format!("{word}_{name}"), request)),
                Err(error) => assert!(matches!(error, BuildError::Unsupported { .. }), "{word} {name}: {error}"),
            }
        }
        let text = samples::text("hello");
        let outbound = Outbound { valid_for: Some(Duration::from_secs(90)), ..samples::outbound(&text) };
        let of_service = provider.request(&connection(SERVICE), &outbound).expect("it can be built");
        requests.push((format!("{word}_of_a_service_for_90_seconds"), of_service));
    }
    requests.push(("probe".to_owned(), twilio::SMS.probe(&connection(NUMBER)).expect("it can be built")));
    requests
}

#[test]
fn requests_look_as_recorded() {
    for (name, request) in all() {
        insta::with_settings!({ snapshot_path => fixtures("requests"), prepend_module_to_snapshot => false, omit_expression => true }, {
            assert_snapshot!(name, shown(&request));
        });
    }
}

fn authorization(credentials: &[(&str, &str)]) -> Result<String, BuildError> {
    let named = credentials.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned().into()));
    let connection = Connection { credentials: Credentials::new(named.collect()), ..connection(NUMBER) };
    let request = twilio::SMS.probe(&connection)?;
    Ok(request.headers()[header::AUTHORIZATION].to_str().expect("it is text").to_owned())
}

#[test]
fn a_key_speaks_for_the_account_where_there_is_one() {
    let account = [("account_sid", "AC1"), ("auth_token", "token")];
    assert_eq!(authorization(&account).as_deref(), Ok("Basic QUMxOnRva2Vu"), "AC1:token");
    let with_key = [&account[..], &[("api_key_sid", "SK1"), ("api_key_secret", "secret")]].concat();
    assert_eq!(authorization(&with_key).as_deref(), Ok("Basic U0sxOnNlY3JldA=="), "SK1:secret");
    let half = [&account[..], &[("api_key_sid", "SK1")]].concat();
    assert_eq!(authorization(&half), Err(BuildError::MissingCredential { name: "api_key_secret" }));
    for sid in ["../x", "AC1/..", "AC1?x", "AC 1", &"A".repeat(65)] {
        let refused = authorization(&[("account_sid", sid), ("auth_token", "token")]);
        assert!(matches!(refused, Err(BuildError::Malformed(_))), "{sid}");
    }
}

fn refusal(provider: &Twilio, external_id: &str, outbound: &Outbound<'_>) -> String {
    provider.request(&connection(external_id), outbound).expect_err("it cannot be built").to_string()
}

#[test]
fn what_twilio_would_refuse_for_its_form_does_not_leave() {
    let text = samples::text("hello");
    let (long, empty) = (samples::text(&"é".repeat(1_601)), samples::text(""));
    let ftp = postroad_core::message::Media {
        link: "ftp://files.example/x".to_owned(),
        ..samples::media(MediaKind::Image, None, None)
    };
    let ftp = Content::Media(ftp);
    let cases = [
        (NUMBER, Outbound { to: "12025550123", ..samples::outbound(&text) }, "the address is not E.164"),
        (NUMBER, Outbound { to: "amina", ..samples::outbound(&text) }, "the address is not E.164"),
        ("a/b", samples::outbound(&text), "the account's id is no sender of Twilio's"),
        (NUMBER, samples::outbound(&long), "the text has 1601 characters, and 1600 are possible"),
        (NUMBER, samples::outbound(&empty), "the text is empty"),
        (NUMBER, samples::outbound(&ftp), "the link is not an http address"),
    ];
    for (external_id, outbound, expected) in cases {
        let told = refusal(&twilio::SMS, external_id, &outbound);
        assert_eq!(told, format!("the request cannot be written: {expected}"));
    }
}

#[test]
fn a_template_leaves_as_its_text_or_by_its_sid() {
    let content = Content::Template(samples::template());
    let nothing_known = Outbound { template: None, ..samples::outbound(&content) };
    assert!(refusal(&twilio::SMS, NUMBER, &nothing_known).ends_with("there is no template of this name"));
    assert!(refusal(&twilio::WHATSAPP, NUMBER, &nothing_known).contains("HX and 32 digits"));
    let meta_id = Some(StoredTemplate { provider_ref: Some("564750795574598"), body: "" });
    let outbound = Outbound { template: meta_id, ..samples::outbound(&content) };
    assert!(refusal(&twilio::WHATSAPP, NUMBER, &outbound).contains("HX and 32 digits"));
    let named = TemplateUse { name: "HX000000000000000000000000000000ff".to_owned(), ..samples::template() };
    let named = Content::Template(named);
    let outbound = Outbound { template: None, ..samples::outbound(&named) };
    let request = twilio::WHATSAPP.request(&connection(NUMBER), &outbound).expect("its name is a SID");
    assert!(String::from_utf8_lossy(request.body()).contains("ContentSid=HX000000000000000000000000000000ff"));
}

#[test]
fn a_validity_beyond_what_twilio_does_anyway_is_left_out_and_a_passed_one_is_a_second() {
    let text = samples::text("hello");
    for (valid_for_s, expected) in
        [(0, Some("ValidityPeriod=1")), (36_000, Some("ValidityPeriod=36000")), (36_001, None)]
    {
        let outbound = Outbound { valid_for: Some(Duration::from_secs(valid_for_s)), ..samples::outbound(&text) };
        let request = twilio::SMS.request(&connection(NUMBER), &outbound).expect("it can be built");
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let found = body.split('&').find(|field| field.starts_with("ValidityPeriod"));
        assert_eq!(found, expected, "{valid_for_s}");
    }
}
