//! What the API says of itself is true.

use postroad_core::limits;
use serde_json::Value;

fn description() -> Value {
    serde_json::to_value(postroad_api::openapi()).unwrap()
}

fn operations(api: &Value) -> Vec<(String, &Value)> {
    let paths = api["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
        .collect()
}

#[test]
fn bounds_in_the_description_are_those_that_are_enforced() {
    let api = description();
    let schema = |name: &str, property: &str| api["components"]["schemas"][name]["properties"][property].clone();
    let cases: [(Value, &str, usize); 9] = [
        (schema("NewMessage", "text"), "maxLength", limits::BODY_CHARS_MAX),
        (schema("NewMessage", "buttons"), "maxItems", limits::BUTTONS_MAX),
        (schema("NewMedia", "link"), "maxLength", limits::LINK_CHARS_MAX),
        (schema("NewMedia", "caption"), "maxLength", limits::CAPTION_CHARS_MAX),
        (schema("NewButton", "id"), "maxLength", limits::BUTTON_ID_CHARS_MAX),
        (schema("NewButton", "title"), "maxLength", limits::BUTTON_TITLE_CHARS_MAX),
        (schema("NewBatch", "messages"), "maxItems", limits::BATCH_MAX),
        (schema("NewClient", "cidrs"), "maxItems", limits::ALLOW_LIST_MAX),
        (
            api["paths"]["/v1/messages"]["get"]["parameters"][0]["schema"].clone(),
            "maximum",
            limits::PAGE_MAX.try_into().unwrap(),
        ),
    ];
    for (schema, bound, limit) in cases {
        assert_eq!(schema[bound], limit, "{schema}");
    }
}

#[test]
fn unknown_fields_are_described_as_refused() {
    let api = description();
    for name in
        ["NewMessage", "NewTemplate", "NewMedia", "NewButton", "NewBatch", "NewClient", "ClientChange", "NewKey"]
    {
        assert_eq!(api["components"]["schemas"][name]["additionalProperties"], false, "{name}");
    }
}

#[test]
fn every_signed_operation_describes_its_problems_and_its_headers() {
    let api = description();
    for (name, operation) in operations(&api) {
        // Only people come there, and they sign nothing.
        let is_of_people = [" /v1/auth/", " /v1/tenants", " /v1/system"].iter().any(|one| name.contains(one));
        if !name.contains(" /v1/") || is_of_people {
            continue;
        }
        let responses = operation["responses"].as_object().unwrap();
        for status in ["401", "403", "404", "408", "413", "415", "422", "429", "500", "503"] {
            let schema = &responses[status]["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{name} {status}");
        }
        let security = operation["security"][0].as_object().unwrap_or_else(|| panic!("{name} asks for no signature"));
        assert_eq!(security.len(), 4, "{name}");
        assert!(security.keys().all(|scheme| api["components"]["securitySchemes"][scheme].is_object()), "{name}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let api = description();
    let text = api.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(api["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[test]
fn sending_and_listing_have_examples() {
    let api = description();
    assert!(
        api["components"]["schemas"]["NewMessage"]["examples"].as_array().is_some_and(|examples| examples.len() >= 3)
    );
}
