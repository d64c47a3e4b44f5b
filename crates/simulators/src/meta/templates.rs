//! Message templates: what is registered, and whether a send fits it.
//!
//! A template belongs to a WABA and is named by (name, language). The management endpoints are in `catalogue.rs`.

use std::borrow::Cow;
use std::collections::BTreeSet;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::content;
use super::errors::Refusal;
use super::message::Str;

/// Templates of one WABA. Source: template creation error 2388019.
pub(crate) const TEMPLATES_MAX: usize = 250;

/// A template as it is registered with `POST /_sim/templates`. Either `components` as Meta has them, or `body_params`,
/// the number of placeholders of an invented body.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Template {
    /// Assigned when empty.
    pub id: String,
    /// The WABA of the first number when empty.
    pub waba_id: String,
    pub name: String,
    pub language: String,
    /// MARKETING, UTILITY or AUTHENTICATION.
    pub category: String,
    /// APPROVED, PENDING, REJECTED, PAUSED, DISABLED...
    pub status: String,
    /// Of a rejected one: `ABUSIVE_CONTENT`, `INVALID_FORMAT`, `PROMOTIONAL`, `TAG_CONTENT_MISMATCH`, `SCAM`. Else `NONE`.
    pub rejected_reason: String,
    pub body_params: usize,
    pub components: Vec<Value>,
    /// What a send answers in `message_status`: accepted, `held_for_quality_assessment` or paused.
    pub message_status: String,
}

impl Default for Template {
    fn default() -> Self {
        Self {
            id: String::new(),
            waba_id: String::new(),
            name: String::new(),
            language: "en_US".to_owned(),
            category: "UTILITY".to_owned(),
            status: "APPROVED".to_owned(),
            rejected_reason: "NONE".to_owned(),
            body_params: 0,
            components: Vec::new(),
            message_status: "accepted".to_owned(),
        }
    }
}

impl Template {
    /// Makes components and the number of placeholders agree; given components win.
    pub(crate) fn complete(mut self) -> Self {
        if self.components.is_empty() {
            self.components = vec![invented_body(self.body_params)];
        } else {
            self.body_params = self.component("BODY").map_or(0, |body| places(body["text"].as_str().unwrap_or("")));
        }
        self
    }

    fn component(&self, kind: &str) -> Option<&Value> {
        let named =
            |component: &&Value| component["type"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(kind));
        self.components.iter().find(named)
    }

    /// Whether a send has what this template needs. `Err` is the documented refusal.
    fn admits(&self, send: &TemplateSend<'_>) -> Result<(), Refusal> {
        match self.status.as_str() {
            "APPROVED" | "FLAGGED" | "REINSTATED" => {}
            "PAUSED" => return Err(Refusal::new(132_015)),
            "DISABLED" => return Err(Refusal::new(132_016)),
            _ => return Err(Refusal::new(132_001)),
        }
        if send.body_params != self.body_params {
            return Err(miscounted("body", send.body_params, self.body_params));
        }
        self.admits_header(send)?;
        if send.has_forbidden_space {
            return Err(Refusal::new(132_018));
        }
        Ok(())
    }

    fn admits_header(&self, send: &TemplateSend<'_>) -> Result<(), Refusal> {
        let header = self.component("HEADER");
        let format = header.and_then(|header| header["format"].as_str()).unwrap_or("TEXT");
        let expected =
            header.map_or(0, |header| if format == "TEXT" { places(header["text"].as_str().unwrap_or("")) } else { 1 });
        match (&send.header, expected) {
            (None, 0) => Ok(()),
            (None, _) if format != "TEXT" => Err(mismatch(format, "UNKNOWN")),
            (None, expected) => Err(miscounted("header", 0, expected)),
            (Some(found), expected) if found.params != expected => Err(miscounted("header", found.params, expected)),
            (Some(found), _) if !found.format.eq_ignore_ascii_case(format) => Err(mismatch(format, &found.format)),
            (Some(_), _) => Ok(()),
        }
    }
}

fn invented_body(params: usize) -> Value {
    let places: Vec<String> = (1..=params).map(|place| format!("{{{{{place}}}}}")).collect();
    let examples: Vec<String> = (1..=params).map(|place| format!("example {place}")).collect();
    match params {
        0 => json!({ "type": "BODY", "text": "Hello there" }),
        _ => json!({
            "type": "BODY",
            "text": format!("Hello {} there", places.join(" ")),
            "example": { "body_text": [examples] },
        }),
    }
}

fn miscounted(part: &str, found: usize, expected: usize) -> Refusal {
    Refusal::because(
        132_000,
        format!(
            "{part}: number of localizable_params ({found}) does not match the expected number of params ({expected})"
        ),
    )
}

fn mismatch(expected: &str, found: &str) -> Refusal {
    Refusal::because(132_012, format!("header: Format mismatch, expected {expected}, received {found}"))
}

/// Distinct placeholders, `{{1}}` or `{{name}}`.
fn places(text: &str) -> usize {
    let named = text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
    named.map(|(name, _)| name.trim()).collect::<BTreeSet<_>>().len()
}

/// A template as a message names it.
#[derive(Debug)]
pub(crate) struct TemplateSend<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) language: Cow<'a, str>,
    body_params: usize,
    header: Option<HeaderParams>,
    has_forbidden_space: bool,
}

#[derive(Debug)]
struct HeaderParams {
    params: usize,
    format: String,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    name: Option<Str<'a>>,
    #[serde(borrow)]
    language: Option<Language<'a>>,
    #[serde(default, borrow)]
    components: Vec<Component<'a>>,
}

#[derive(Deserialize)]
struct Language<'a> {
    #[serde(borrow)]
    code: Option<Str<'a>>,
}

#[derive(Deserialize)]
struct Component<'a> {
    #[serde(rename = "type", borrow)]
    kind: Str<'a>,
    #[serde(default, borrow)]
    parameters: Vec<Parameter<'a>>,
}

#[derive(Deserialize)]
struct Parameter<'a> {
    #[serde(rename = "type", borrow)]
    kind: Str<'a>,
    /// A sample in the documents has booleans here.
    #[serde(default, borrow)]
    text: Option<&'a RawValue>,
}

impl Parameter<'_> {
    /// Newlines, tabs and more than four spaces in a row are refused in text parameters.
    fn has_forbidden_space(&self) -> bool {
        let Some(raw) = self.text.map(RawValue::get) else {
            return false;
        };
        // Decoding is needed only for what has escapes.
        let escaped = || serde_json::from_str::<String>(raw).is_ok_and(|text| text.contains(['\n', '\t', '\r']));
        raw.contains("     ") || (raw.contains('\\') && escaped())
    }
}

impl<'a> TemplateSend<'a> {
    pub(crate) fn read(payload: &'a RawValue) -> Result<Self, Refusal> {
        let wire: Wire<'a> = content::read(payload)?;
        let missing = super::message::missing;
        let name = wire.name.ok_or_else(|| missing("template['name']"))?.0;
        let language =
            wire.language.and_then(|language| language.code).ok_or_else(|| missing("template['language']['code']"))?.0;
        let (mut body_params, mut header, mut has_forbidden_space) = (0, None, false);
        for component in &wire.components {
            let params = component.parameters.len();
            match component.kind.0.to_ascii_lowercase().as_str() {
                "body" => body_params = params,
                "header" => {
                    let first = component.parameters.first();
                    header = first.map(|first| HeaderParams { params, format: first.kind.0.to_string() });
                }
                // Buttons and cards of a carousel are not judged.
                "button" | "carousel" | "limited_time_offer" | "order_status" => {}
                other => return Err(Refusal::because(131_009, format!("components[].type {other} is not valid"))),
            }
            has_forbidden_space |= component.parameters.iter().any(Parameter::has_forbidden_space);
        }
        Ok(Self { name, language, body_params, header, has_forbidden_space })
    }
}

/// All templates of all WABAs.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    all: Vec<Template>,
    /// Positions in `all` by name: few languages and WABAs share one.
    by_name: HashMap<String, Vec<usize>>,
    last_id: u64,
}

impl Templates {
    /// Adds a template, or replaces the one with its WABA, name and language. Returns its position.
    pub(crate) fn register(&mut self, template: Template) -> usize {
        let mut template = template.complete();
        let at = self.position(&template.waba_id, &template.name, &template.language);
        if template.id.is_empty() {
            self.last_id += 1;
            template.id =
                at.map_or_else(|| format!("{}", 300_000_000_000_000 + self.last_id), |at| self.all[at].id.clone());
        }
        let Some(at) = at else {
            let at = self.all.len();
            self.by_name.entry(template.name.clone()).or_default().push(at);
            self.all.push(template);
            return at;
        };
        self.all[at] = template;
        at
    }

    /// The position of the template a send names, when it admits the send.
    pub(crate) fn find(&self, waba_id: &str, send: &TemplateSend<'_>) -> Result<usize, Refusal> {
        let at = self.position(waba_id, &send.name, &send.language).ok_or_else(|| {
            let details = format!("template name ({}) does not exist in {}", send.name, send.language);
            Refusal::because(132_001, details)
        })?;
        self.all[at].admits(send).map(|()| at)
    }

    pub(crate) fn position(&self, waba_id: &str, name: &str, language: &str) -> Option<usize> {
        let named = self.by_name.get(name)?;
        named.iter().copied().find(|&at| {
            let template = &self.all[at];
            template.language == language && template.waba_id == waba_id && template.status != "DELETED"
        })
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Template> {
        self.all.get(at)
    }

    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut Template> {
        self.all.get_mut(at)
    }

    pub(crate) fn position_of_id(&self, id: &str) -> Option<usize> {
        self.all.iter().position(|template| template.id == id && template.status != "DELETED")
    }

    /// Those of one WABA, in the order of their registration.
    pub(crate) fn of<'a>(&'a self, waba_id: &'a str) -> impl Iterator<Item = &'a Template> {
        self.all.iter().filter(move |template| template.waba_id == waba_id && template.status != "DELETED")
    }

    /// Deletes all languages of a name, or the one with `id`. Returns how many there were.
    pub(crate) fn delete(&mut self, waba_id: &str, name: &str, id: Option<&str>) -> usize {
        let doomed = |template: &&mut Template| {
            template.waba_id == waba_id
                && template.name == name
                && template.status != "DELETED"
                && id.is_none_or(|id| template.id == id)
        };
        // Marked, not removed: statuses of messages sent earlier still look up its category.
        self.all.iter_mut().filter(doomed).map(|template| "DELETED".clone_into(&mut template.status)).count()
    }
}
