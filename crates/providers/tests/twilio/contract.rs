//! Our requests against Twilio's own description of its API, by a validating server.

use super::requests;
use crate::peers::{Prism, prism_program, published_description, skipped};

const DESCRIPTION: &str = "twilio/twilio_api_v2010.json";

/// Twilio repeats the name of a list's field; Prism knows a list of a form by brackets only.
fn with_brackets(body: &[u8]) -> Vec<u8> {
    let fields = url::form_urlencoded::parse(body);
    let spelt = fields.map(|(name, value)| (if name == "MediaUrl" { "MediaUrl[]".into() } else { name }, value));
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(spelt).finish().into_bytes()
}

/// Prism makes an answer up and judges that too: an address in it may not be one. That is its own affair.
fn is_about_its_answer(status: u16, answer: &str) -> bool {
    let answer: serde_json::Value = serde_json::from_str(answer).unwrap_or_default();
    let found = answer["validation"].as_array().map(Vec::as_slice).unwrap_or_default();
    status == 500 && !found.is_empty() && found.iter().all(|one| one["location"][0] == "response")
}

#[test]
fn a_server_of_the_published_description_refuses_none_of_our_requests() {
    let Some((description, _)) = published_description(DESCRIPTION) else { return };
    let Some(program) = prism_program() else {
        return skipped("npm cannot install @stoplight/prism-cli here, so no server judges our requests");
    };
    let prism = Prism::start(&program, &description);
    let requests = requests::all();
    for (name, request) in &requests {
        let expected: u16 = if request.method() == http::Method::POST { 201 } else { 200 };
        let (status, answer) = prism.judge(request, with_brackets(request.body()));
        assert!(status == expected || is_about_its_answer(status, &answer), "{name}: {status} {answer}");
    }
    let sound = &requests[0].1;
    for wrong in ["Body=hello", "To=%2B12025550123&MessagingServiceSid=MG1", "To=%2B12025550123&ValidityPeriod=soon"] {
        let (status, _) = prism.judge(sound, wrong.as_bytes().to_vec());
        assert_eq!(status, 422, "{wrong}: a server that accepts everything proves nothing");
    }
}

#[test]
fn every_field_of_ours_is_one_that_the_description_knows() {
    let Some((_, document)) = published_description(DESCRIPTION) else { return };
    let create = &document["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]["post"];
    let known = &create["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"];
    for (name, request) in requests::all() {
        for (field, _) in url::form_urlencoded::parse(request.body()) {
            assert!(known.get(&*field).is_some(), "{name}: {field}");
        }
    }
}
