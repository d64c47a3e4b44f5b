//! What every adapter owes, run over the registry: an adapter that is added is judged without a line here.

use std::{collections::HashSet, path::Path};

use chrono::DateTime;
use http::{HeaderMap, Response, Uri};
use postroad_core::{
    message::Content,
    provider::{
        BuildError, Connection, Credentials, Echo, Effect, Fault, FaultClass, Hook, Outcome, Provider,
        media::{MediaFault, Way, same_server},
    },
};

use crate::samples;

/// Bytes that no provider's format means.
const GARBAGE: &[&[u8]] = &[
    b"",
    b"{",
    b"null",
    b"[]",
    b"{}",
    b"\xff\xfe\x00",
    b"<html>OK</html>",
    b"{\"id\":1}",
    b"\"accepted\"",
    b"{\"messages\":[]}",
];

fn everything() -> Vec<(&'static str, Content)> {
    samples::sendable().into_iter().chain(samples::inbound_only()).collect()
}

fn response(status: u16, body: &[u8]) -> Response<Vec<u8>> {
    Response::builder().status(status).body(body.to_vec()).expect("the status is one")
}

fn each(check: impl Fn(&'static dyn Provider)) {
    assert!(!postroad_providers::all().is_empty());
    for provider in postroad_providers::all() {
        check(*provider);
    }
}

#[test]
fn a_name_is_a_lower_case_word_of_one_adapter_and_finds_it() {
    let mut names = HashSet::new();
    each(|provider| {
        let name = provider.name();
        assert!(
            name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') && !name.is_empty(),
            "{name}"
        );
        assert_eq!(postroad_providers::find(name).map(Provider::name), Some(name));
    });
    assert!(postroad_providers::all().iter().all(|provider| names.insert(provider.name())), "a name is used twice");
    assert!(postroad_providers::find("").is_none() && postroad_providers::find("WHATSAPP_CLOUD").is_none());
}

#[test]
fn every_adapter_has_its_page_and_its_fixtures() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    each(|provider| {
        let module = postroad_providers::module_of(provider.name()).expect("it is registered");
        let page = here.join(format!("../../docs/providers/{module}.md"));
        assert!(page.is_file(), "{} is missing", page.display());
        let fixtures = here.join(format!("tests/fixtures/{module}"));
        assert!(
            fixtures.read_dir().is_ok_and(|mut files| files.next().is_some()),
            "{} is missing or empty",
            fixtures.display()
        );
    });
}

#[test]
fn the_page_names_every_field_of_the_form() {
    each(|provider| {
        let module = postroad_providers::module_of(provider.name()).expect("it is registered");
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/providers/{module}.md"));
        let page = std::fs::read_to_string(page).expect("the page can be read");
        for field in provider.credential_fields() {
            assert!(page.contains(&format!("`{}`", field.name)), "{}: {}", provider.name(), field.name);
        }
    });
}

#[test]
fn fields_of_the_form_have_different_names_and_labels() {
    each(|provider| {
        let fields = provider.credential_fields();
        let names: HashSet<_> = fields.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), fields.len(), "{}", provider.name());
        assert!(fields.iter().all(|field| !field.label.is_empty()), "{}", provider.name());
    });
}

#[test]
fn the_pace_is_one_that_a_lane_can_keep() {
    each(|provider| {
        let pace = provider.pace();
        assert!((0.01..=10_000.0).contains(&pace.per_s) && (1..=10_000).contains(&pace.burst), "{}", provider.name());
        assert!(
            provider.spacing().is_none_or(|spacing| spacing.every_s > 0 && spacing.burst > 0),
            "{}",
            provider.name()
        );
    });
}

#[test]
fn every_content_is_built_or_said_to_be_unsupported() {
    each(|provider| {
        for (name, content) in everything() {
            match provider.request(&samples::connection(), &samples::outbound(&content)) {
                Ok(request) => assert!(request.uri().host().is_some(), "{}: {name}", provider.name()),
                Err(BuildError::Unsupported { provider: by, kind }) => {
                    assert_eq!((by, kind), (provider.name(), content.kind()), "{name}");
                }
                Err(other) => panic!("{}: {name}: {other}", provider.name()),
            }
        }
    });
}

/// Those that can send.
fn each_sender(check: impl Fn(&'static dyn Provider)) {
    each(|provider| if provider.channel().is_inbound_only() { refuses_everything(provider) } else { check(provider) });
}

fn refuses_everything(provider: &'static dyn Provider) {
    for (name, content) in everything() {
        let built = provider.request(&samples::connection(), &samples::outbound(&content));
        assert!(matches!(built, Err(BuildError::Unsupported { .. })), "{}: {name}", provider.name());
    }
}

#[test]
fn an_echo_travels_in_the_request() {
    each_sender(|provider| {
        let content = samples::text("hello");
        let request =
            provider.request(&samples::connection(), &samples::outbound(&content)).expect("text is always possible");
        let bytes = format!("{} {}", request.uri(), String::from_utf8_lossy(request.body()));
        let echoed = bytes.contains(&samples::correlation().to_string());
        assert_eq!(echoed, provider.capabilities().echo != Echo::None, "{}", provider.name());
    });
}

#[test]
fn what_can_be_looked_up_is_said_and_garbage_is_no_find() {
    each(|provider| {
        let content = samples::text("hello");
        let (connection, lost) = (samples::connection(), samples::lost(&content));
        let asked = provider.look_up(&connection, &lost);
        assert_eq!(asked.is_some(), provider.capabilities().look_up, "{}", provider.name());
        assert!(asked.is_none_or(|built| built.is_ok()), "{}", provider.name());
        for (status, body) in [200, 404, 500].into_iter().flat_map(|s| GARBAGE.iter().map(move |b| (s, b))) {
            let found = provider.traces(&response(status, body), &connection, &lost).unwrap_or_default();
            assert_eq!(found, [], "{} {status}", provider.name());
        }
    });
}

#[test]
fn without_credentials_nothing_is_built_that_needs_them() {
    each_sender(|provider| {
        let content = samples::text("hello");
        let bare = Connection { credentials: Credentials::new(Vec::new()), ..samples::connection() };
        let built = provider.request(&bare, &samples::outbound(&content));
        let needs = provider.credential_fields().iter().any(|field| field.secret && field.required);
        assert_eq!(matches!(built, Err(BuildError::MissingCredential { .. })), needs, "{}", provider.name());
    });
}

#[test]
fn secrets_stand_in_no_address_and_no_printed_request() {
    each_sender(|provider| {
        let content = samples::text("hello");
        let connection = samples::connection();
        let calls = [provider.request(&connection, &samples::outbound(&content)), provider.probe(&connection)];
        for call in calls.into_iter().map(|built| built.expect("it can be built")) {
            let printed = format!("{} {:?}", call.uri(), call.headers());
            let is_told = samples::SECRETS.iter().any(|secret| printed.contains(secret));
            assert!(!is_told, "{}", provider.name());
        }
    });
}

#[test]
fn garbage_is_never_taken_for_acceptance() {
    each(|provider| {
        for (status, body) in [200, 201, 202, 302, 400, 401, 403, 404, 429, 500, 503]
            .into_iter()
            .flat_map(|s| GARBAGE.iter().map(move |b| (s, b)))
        {
            let outcome = provider.outcome(&response(status, body));
            assert!(!matches!(outcome, Outcome::Accepted { .. }), "{} {status}", provider.name());
            let retried_without_word = matches!(outcome, Outcome::Retry { .. }) && status != 429;
            assert!(
                !retried_without_word,
                "{} {status}: only a 429 says by itself that nothing was sent",
                provider.name()
            );
        }
    });
}

#[test]
fn an_unsigned_or_wrongly_signed_webhook_is_forged() {
    each(|provider| {
        let mut wrong = HeaderMap::new();
        for name in [
            "x-hub-signature-256",
            "x-twilio-signature",
            "x-signature-ed25519",
            "x-telegram-bot-api-secret-token",
            "webhook-signature",
        ] {
            wrong.insert(name, "sha256=00".parse().expect("it is a header"));
        }
        for headers in [HeaderMap::new(), wrong] {
            let hook = Hook {
                headers: &headers,
                url: "https://postroad.example/webhooks",
                body: b"{}",
                received_at: samples::now(),
            };
            assert!(provider.verify(&hook, &samples::credentials()).is_err(), "{}", provider.name());
            assert!(provider.verify(&hook, &Credentials::new(Vec::new())).is_err(), "{}", provider.name());
        }
    });
}

#[test]
fn garbage_from_outside_is_unreadable_and_a_handshake_without_token_unanswered() {
    each(|provider| {
        for body in GARBAGE {
            assert!(provider.accounts_in(&samples::hook(body, &HeaderMap::new())).is_err(), "{}", provider.name());
            assert!(provider.events(&samples::told(body, DateTime::UNIX_EPOCH)).is_err(), "{}", provider.name());
        }
        assert_eq!(provider.handshake("hub.mode=subscribe&hub.challenge=1", &samples::credentials()), None);
    });
}

#[test]
fn a_normal_address_is_its_own_normal_form() {
    each(|provider| {
        for address in [samples::PHONE, " +1 (202) 555-0123 ", samples::SCOPED_ID, "+447700900123"] {
            if let Some(normal) = provider.normalise(address) {
                assert_eq!(provider.normalise(&normal).as_deref(), Some(normal.as_str()), "{}", provider.name());
            }
        }
        assert_eq!(provider.normalise(""), None, "{}", provider.name());
        assert_eq!(provider.normalise(&"9".repeat(10_000)), None, "{}", provider.name());
    });
}

#[test]
fn a_fault_nobody_knows_stops_no_account() {
    each(|provider| {
        for class in [FaultClass::Unrecognised, FaultClass::NoAnswer, FaultClass::Transient] {
            let fault = Fault { code: "of tomorrow".to_owned(), class };
            assert_eq!(provider.effect(&fault), Effect::None, "{} {class}", provider.name());
        }
    });
}

/// Files lie behind the account's secret, and what names them came from outside.
#[test]
fn the_secret_of_an_account_goes_to_no_address_that_a_webhook_makes_up() {
    let foreign =
        ["https://evil.example/x", "//evil.example/x", "../../x", "https://169.254.169.254/latest", "a b", ""];
    each(|provider| {
        let Some(desk) = provider.media() else { return };
        let connection = samples::connection();
        let home: Uri = connection.base_url.parse().expect("it is an address");
        for media_ref in foreign {
            match desk.way(&connection, media_ref) {
                Err(BuildError::Malformed(_)) => {}
                Ok(Way::Ask(request) | Way::Fetch(request)) => {
                    assert!(same_server(&home, request.uri()), "{}: {media_ref}", provider.name());
                }
                Err(other) => panic!("{}: {media_ref}: {other}", provider.name()),
            }
            let told = format!(r#"{{"url": "{media_ref}"}}"#);
            if let Ok(request) = desk.located(&connection, &response(200, told.as_bytes())) {
                assert!(same_server(&home, request.uri()), "{}: {media_ref}", provider.name());
            }
        }
    });
}

#[test]
fn a_file_that_is_not_given_is_a_fault_and_garbage_leads_nowhere() {
    each(|provider| {
        let Some(desk) = provider.media() else { return };
        let connection = samples::connection();
        for (status, body) in
            [200, 400, 401, 404, 410, 429, 500].into_iter().flat_map(|s| GARBAGE.iter().map(move |b| (s, b)))
        {
            assert!(desk.located(&connection, &response(status, body)).is_err(), "{} {status}", provider.name());
        }
        assert!(matches!(desk.fault(&response(404, b"")), MediaFault::Gone { .. }), "{}", provider.name());
        assert!(matches!(desk.fault(&response(401, b"")), MediaFault::Forbidden { .. }), "{}", provider.name());
        assert!(matches!(desk.fault(&response(503, b"")), MediaFault::Trouble { .. }), "{}", provider.name());
    });
}
