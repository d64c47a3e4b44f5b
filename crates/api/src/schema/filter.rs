//! A filter as OpenAPI describes it: every condition is an object with one property, its name.

use postroad_core::{
    account::Channel,
    limits::{
        ATTRIBUTE_CHARS_MAX, ATTRIBUTE_NAME_CHARS_MAX, FILTER_CONDITIONS_MAX, FILTER_DAYS_MAX, FILTER_LIST_MAX,
        TAG_CHARS_MAX,
    },
    segment::{Behaviour, ConsentWord},
};
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

/// The description of [`postroad_core::segment::Filter`].
#[derive(Debug)]
pub struct SegmentFilter;

impl ToSchema for SegmentFilter {}

impl PartialSchema for SegmentFilter {
    fn schema() -> RefOr<Schema> {
        serde_json::from_value(described()).expect("the description is a schema")
    }
}

const DESCRIPTION: &str = "Whom is meant: a condition, or `all`, `any` or `not` of others. At most 50 conditions, nested at \
most 6 deep. What is not known of somebody is false. Days count from the moment of asking, for a campaign from its start.";

fn described() -> Value {
    let parts = json!({"type": "array", "minItems": 1, "maxItems": FILTER_CONDITIONS_MAX,
                       "items": {"$ref": "#/components/schemas/SegmentFilter"}});
    let channel = words(Channel::ALL.iter().map(|channel| channel.as_str()));
    let zones = json!({"type": "array", "minItems": 1, "maxItems": FILTER_LIST_MAX, "items": text(60)});
    let recency = either(&[("within_days", days()), ("not_within_days", days())]);
    let kinds = [
        one("all", "All of these hold", parts.clone()),
        one("any", "At least one of these holds", parts),
        one("not", "This does not hold", json!({"$ref": "#/components/schemas/SegmentFilter"})),
        one(
            "tag",
            "Has a tag, or has it not",
            either(&[("has", text(TAG_CHARS_MAX)), ("has_not", text(TAG_CHARS_MAX))]),
        ),
        one("attribute", "What an attribute is, or `display_name`", attribute()),
        one("language", "One of these or a regional form of one: `en` means `en_US` too", list(35)),
        one("time_zone", "One of these IANA names", zones),
        one("address", "Has an address on the channel", channel.clone()),
        one("consent", "What the person said last at the address that a campaign writes to", consent(&channel)),
        one("suppressed", "The address that a campaign writes to is on the suppression list", channel),
        one("last_inbound", "Wrote to us in the last days, or not since", recency.clone()),
        one("created", "Is known since these days, or longer", recency),
        one("campaign", "What became of a campaign's message", campaign()),
        one("group", "Is a member", id("grp")),
        one("import", "Was written by this import last", id("imp")),
    ];
    json!({"description": DESCRIPTION, "oneOf": kinds,
           "example": {"all": [{"tag": {"has": "vip"}}, {"last_inbound": {"within_days": 30}}]}})
}

/// An object with this property and no other.
#[expect(clippy::needless_pass_by_value, reason = "the macro takes it by reference, and every caller makes it here")]
fn one(name: &str, what: &str, schema: Value) -> Value {
    json!({"type": "object", "description": what, "required": [name], "properties": {name: schema}, "additionalProperties": false})
}

/// An object with one of these properties.
fn either(kinds: &[(&str, Value)]) -> Value {
    let kinds: Vec<Value> = kinds
        .iter()
        .map(|(name, schema)| {
            json!({"type": "object", "required": [name], "properties": {*name: schema}, "additionalProperties": false})
        })
        .collect();
    json!({"oneOf": kinds})
}

fn text(max: usize) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": max})
}

fn list(max: usize) -> Value {
    json!({"type": "array", "minItems": 1, "maxItems": FILTER_LIST_MAX, "items": text(max)})
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> Value {
    json!({"type": "string", "enum": words.collect::<Vec<_>>()})
}

fn days() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": FILTER_DAYS_MAX})
}

fn id(prefix: &str) -> Value {
    json!({"type": "string", "pattern": format!("^{prefix}_[0-9a-f]{{32}}$")})
}

fn attribute() -> Value {
    let number = || json!({"type": "number", "exclusiveMinimum": -1e15, "exclusiveMaximum": 1e15});
    let date = || json!({"type": "string", "format": "date"});
    let mut tests = either(&[
        ("equals", text(ATTRIBUTE_CHARS_MAX)),
        ("one_of", list(ATTRIBUTE_CHARS_MAX)),
        ("contains", text(ATTRIBUTE_CHARS_MAX)),
        ("less_than", number()),
        ("at_most", number()),
        ("more_than", number()),
        ("at_least", number()),
        ("before", date()),
        ("after", date()),
        ("within_last_days", days()),
        ("within_next_days", days()),
    ]);
    if let Some(kinds) = tests["oneOf"].as_array_mut() {
        kinds.insert(0, words(["set", "not_set"].into_iter()));
    }
    object(&[("name", text(ATTRIBUTE_NAME_CHARS_MAX)), ("is", tests)])
}

fn consent(channel: &Value) -> Value {
    object(&[
        ("channel", channel.clone()),
        ("purpose", words(["marketing", "transactional"].into_iter())),
        ("is", words(ConsentWord::ALL.iter().map(|word| word.as_str()))),
    ])
}

fn campaign() -> Value {
    object(&[("id", id("cmp")), ("was", words(Behaviour::ALL.iter().map(|word| word.as_str())))])
}

/// An object with all of these properties.
fn object(properties: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
    let properties: serde_json::Map<String, Value> =
        properties.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({"type": "object", "required": names, "properties": properties, "additionalProperties": false})
}
