//! A template with its values: components by position, as Meta counts them.

use postroad_core::{
    limits::{BUTTON_ID_CHARS_MAX, PLACEHOLDER_CHARS_MAX, PLACEHOLDERS_MAX},
    message::{Body, Media, MediaKind, TemplateUse},
    provider::BuildError,
};
use serde_json::{Value, json};

use super::{linked, within};

const NAME_CHARS_MAX: usize = 512;
const LANGUAGE_CHARS_MAX: usize = 20;
/// Buttons of one template.
const TEMPLATE_BUTTONS_MAX: usize = 10;

pub(super) fn write(used: &TemplateUse) -> Result<Value, BuildError> {
    within("the template's name", &used.name, NAME_CHARS_MAX)?;
    within("the template's language", &used.language, LANGUAGE_CHARS_MAX)?;
    let mut object = json!({ "name": used.name, "language": { "code": used.language } });
    let components = components(used)?;
    if !components.is_empty() {
        object["components"] = components.into();
    }
    Ok(object)
}

fn components(used: &TemplateUse) -> Result<Vec<Value>, BuildError> {
    let header = used.header.as_ref().map(header);
    let body = (!used.parameters.is_empty()).then(|| body(&used.parameters));
    at_most("button payloads", used.button_payloads.len(), TEMPLATE_BUTTONS_MAX)?;
    let buttons = used.button_payloads.iter().enumerate().map(|(index, payload)| button(index, payload));
    header.into_iter().chain(body).chain(buttons).collect()
}

fn header(file: &Media) -> Result<Value, BuildError> {
    if matches!(file.kind, MediaKind::Audio | MediaKind::Sticker) {
        return Err(BuildError::Malformed(format!("a template's header cannot carry {}", file.kind)));
    }
    if file.caption.is_some() {
        return Err(BuildError::Malformed("a template's header cannot carry a caption".to_owned()));
    }
    let kind = file.kind.as_str();
    let mut parameter = json!({ "type": kind });
    parameter[kind] = linked(file)?;
    Ok(json!({ "type": "header", "parameters": [parameter] }))
}

fn body(parameters: &[Body]) -> Result<Value, BuildError> {
    at_most("values", parameters.len(), PLACEHOLDERS_MAX)?;
    let parameters = parameters.iter().map(value).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "type": "body", "parameters": parameters }))
}

fn value(text: &Body) -> Result<Value, BuildError> {
    within("a value of the template", &text.0, PLACEHOLDER_CHARS_MAX)?;
    Ok(json!({ "type": "text", "text": text.0 }))
}

fn button(index: usize, payload: &str) -> Result<Value, BuildError> {
    within("a button's payload", payload, BUTTON_ID_CHARS_MAX)?;
    Ok(json!({
        "type": "button",
        "sub_type": "quick_reply",
        "index": index.to_string(),
        "parameters": [{ "type": "payload", "payload": payload }],
    }))
}

fn at_most(what: &str, count: usize, max: usize) -> Result<(), BuildError> {
    if count <= max { Ok(()) } else { Err(BuildError::Malformed(format!("{count} {what}, and {max} are possible"))) }
}
