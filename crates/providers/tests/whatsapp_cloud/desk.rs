//! Templates at Meta: what we ask, and what the answers mean.

use std::fmt::Write;

use http::Request;
use insta::assert_snapshot;
use postroad_core::{
    provider::{
        BuildError, Connection, Credentials, Provider,
        desk::{Submission, TemplateDesk},
    },
    template::{Parts, TemplateCategory},
};
use postroad_providers::whatsapp_cloud::WhatsappCloud;

use super::{fixtures, recorded, requests::shown};
use crate::{samples, shown::response};

fn desk() -> &'static dyn TemplateDesk {
    WhatsappCloud.templates().expect("Meta looks at templates")
}

/// An account that knows its business.
fn connection() -> Connection {
    let named = [("access_token", "EAABdemo"), ("waba_id", "102290129340398")];
    let credentials = Credentials::new(named.map(|(name, value)| (name.to_owned(), value.to_owned().into())).into());
    Connection { credentials, ..samples::connection() }
}

fn whole() -> Parts {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Parts {
        header: Some("Summer Sale".to_owned()),
        footer: Some("Use the buttons below to stop".to_owned()),
        buttons: texts(&["Unsubscribe from promos", "Unsubscribe from all"]),
        samples: texts(&["the end of August", "25OFF"]),
    }
}

fn submission(parts: &Parts) -> Submission<'_> {
    Submission {
        name: "seasonal_promotion",
        language: "en",
        category: TemplateCategory::Marketing,
        body: if parts.samples.is_empty() { "Shop now" } else { "Shop now through {{1}} and use code {{2}}." },
        parts,
    }
}

/// Every request of the desk, by name.
pub(super) fn all() -> Vec<(String, Request<Vec<u8>>)> {
    let (desk, connection, whole, bare) = (desk(), connection(), whole(), Parts::default());
    let requests = [
        ("create", desk.create(&connection, &submission(&whole))),
        ("create_bare", desk.create(&connection, &submission(&bare))),
        ("edit", desk.edit(&connection, "564750795574598", &submission(&whole))),
        ("list", desk.list(&connection, None, None)),
        ("list_on", desk.list(&connection, None, Some("MjQ&ZD=="))),
        ("find", desk.list(&connection, Some("seasonal_promotion"), None)),
        ("remove", desk.remove(&connection, "seasonal_promotion", "564750795574598")),
    ];
    requests.into_iter().map(|(name, request)| (name.to_owned(), request.expect("it can be built"))).collect()
}

#[test]
fn requests_about_templates_look_as_recorded() {
    for (name, request) in all() {
        insta::with_settings!({ snapshot_path => fixtures("desk/requests"), prepend_module_to_snapshot => false, omit_expression => true }, {
            assert_snapshot!(name, shown(&request));
        });
    }
}

#[test]
fn what_meta_would_refuse_for_its_form_is_refused_in_words() {
    let parts = Parts::default();
    let long = "x".repeat(1_025);
    let cases = [
        (Submission { name: "Spring", ..submission(&parts) }, "small letters"),
        (Submission { name: "", ..submission(&parts) }, "small letters"),
        (Submission { body: &long, ..submission(&parts) }, "1025 characters"),
    ];
    for (submission, words) in cases {
        let refused = desk().create(&connection(), &submission).expect_err("it cannot be built").to_string();
        assert!(refused.contains(words), "{refused}");
    }
}

#[test]
fn an_account_that_does_not_know_its_business_keeps_no_templates() {
    let listed = desk().list(&samples::connection(), None, None);
    assert!(matches!(listed, Err(BuildError::MissingCredential { name: "waba_id" })), "{listed:?}");
    let edited = desk().edit(&connection(), "../me", &submission(&Parts::default()));
    assert!(matches!(edited, Err(BuildError::Malformed(_))), "{edited:?}");
}

#[test]
fn answers_about_templates_mean_what_was_recorded() {
    let mut table = String::new();
    for (name, bytes) in recorded("desk/answers") {
        let answer = response(&bytes);
        let read = if name.contains("page") {
            format!("{:#?}", desk().page(&answer))
        } else if name.contains("done") {
            format!("{:?}", desk().done(&answer))
        } else {
            format!("{:?}", desk().created(&answer))
        };
        writeln!(table, "{name}\n{read}\n").expect("text grows");
    }
    insta::with_settings!({ snapshot_path => fixtures("desk"), prepend_module_to_snapshot => false, omit_expression => true }, {
        assert_snapshot!("answers", table);
    });
}

#[test]
fn garbage_is_never_taken_for_a_template() {
    for body in
        [&b""[..], b"{", b"null", b"[]", b"{}", b"\xff\xfe", b"{\"id\":{}}", b"{\"data\":{}}", b"{\"data\":[1,{}]}"]
    {
        for status in [200, 201, 400, 404, 429, 500, 503] {
            let answer = http::Response::builder().status(status).body(body.to_vec()).expect("the status is one");
            assert!(desk().created(&answer).is_err() && desk().done(&answer).is_err());
            assert!(desk().page(&answer).is_ok_and(|page| page.templates.is_empty()) || desk().page(&answer).is_err());
        }
    }
}
