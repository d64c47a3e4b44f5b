//! Our requests against Meta's own description of its API, twice: as a JSON schema, and by a validating server.
//!
//! The description is of v23.0 and knows no business-scoped ids: it demands `to`. Such a request is checked as if its
//! `recipient` were one.

use http::Request;
use postroad_core::provider::Provider;
use postroad_providers::whatsapp_cloud::WhatsappCloud;
use serde_json::{Value, json};

use super::{desk, requests};
use crate::{
    peers::{Prism, prism_program, published_description, skipped},
    samples,
};

const DESCRIPTION: &str = "meta-business-messaging-api_v23.0.patched.json";

/// The body as the description can know it.
fn known_to_v23(request: &Request<Vec<u8>>) -> Value {
    let mut body: Value = serde_json::from_slice(request.body()).expect("the body is JSON");
    if let Some(scoped_id) = body.as_object_mut().and_then(|body| body.remove("recipient")) {
        body["to"] = scoped_id;
    }
    body
}

/// The schema of the message request, with the definitions that it points to.
fn validator(document: &Value) -> jsonschema::Validator {
    let schema = json!({ "$ref": "#/components/schemas/Message", "components": document["components"] });
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("the description is a schema")
}

#[test]
fn every_request_fits_the_published_schema() {
    let Some((_, document)) = published_description(DESCRIPTION) else { return };
    let validator = validator(&document);
    for (name, request) in requests::all() {
        let body = known_to_v23(&request);
        let complaints: Vec<String> = validator.iter_errors(&body).map(|error| error.to_string()).collect();
        assert!(complaints.is_empty(), "{name}: {complaints:#?}");
    }
}

const TEMPLATE_CALLS: [(&str, &str); 2] =
    [("create", "/{Version}/{WABA-ID}/message_templates"), ("edit", "/{Version}/{TEMPLATE_ID}")];

/// What Meta prints beside the calls that create and edit a template.
fn printed<'a>(document: &'a Value, path: &str) -> &'a Value {
    &document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
}

#[test]
fn templates_have_the_shape_of_the_published_examples() {
    let Some((_, document)) = published_description(DESCRIPTION) else { return };
    let examples = TEMPLATE_CALLS.iter().filter_map(|(_, path)| printed(&document, path)["examples"].as_object());
    let components =
        examples.flat_map(|examples| examples.values()).filter_map(|example| example["value"]["components"].as_array());
    let published: Vec<Vec<&String>> = components.flatten().filter_map(keys).collect();
    for (name, path) in TEMPLATE_CALLS {
        let (_, request) = desk::all().into_iter().find(|(found, _)| found == name).expect("there is one");
        let ours: Value = serde_json::from_slice(request.body()).expect("the body is JSON");
        let schema = &printed(&document, path)["schema"];
        let validator = jsonschema::validator_for(schema).expect("the description is a schema");
        assert!(validator.is_valid(&ours), "{name}: {ours}");
        for component in ours["components"].as_array().expect("there are components") {
            let keys = keys(component).expect("a component is an object");
            assert!(published.contains(&keys), "{name}: {component}");
        }
    }
}

fn keys(component: &Value) -> Option<Vec<&String>> {
    Some(component.as_object()?.keys().collect())
}

#[test]
fn the_published_schema_refuses_what_is_wrong() {
    let Some((_, document)) = published_description(DESCRIPTION) else { return };
    let validator = validator(&document);
    let good = known_to_v23(&requests::all()[0].1);
    for missing in ["messaging_product", "to", "type", "text"] {
        let mut bad = good.clone();
        bad.as_object_mut().expect("it is an object").remove(missing);
        assert!(!validator.is_valid(&bad), "without {missing}");
    }
}

#[test]
fn a_server_of_the_published_description_refuses_none_of_our_requests() {
    let Some((description, _)) = published_description(DESCRIPTION) else { return };
    let Some(program) = prism_program() else {
        return skipped("npm cannot install @stoplight/prism-cli here, so no server judges our requests");
    };
    let prism = Prism::start(&program, &description);
    for (name, request) in requests::all() {
        let (status, answer) = prism.judge(&request, known_to_v23(&request).to_string().into_bytes());
        assert_eq!(status, 200, "{name}: {answer}");
    }
    let probe = WhatsappCloud.probe(&samples::connection()).expect("it can be built");
    let (status, answer) = prism.judge(&probe, Vec::new());
    assert_eq!(status, 200, "probe: {answer}");

    // To the description an edited template and a changed profile are one path, and Prism takes the profile.
    for (name, request) in desk::all().into_iter().filter(|(name, _)| name != "edit") {
        let (status, answer) = prism.judge(&request, request.body().clone());
        assert_eq!(status, 200, "{name}: {answer}");
    }

    let (status, _) = prism.judge(&requests::all()[0].1, b"{\"messaging_product\":\"whatsapp\"}".to_vec());
    assert_eq!(status, 422, "a server that accepts everything proves nothing");
}
