//! Meta's templates in our words. What has something that our messages cannot fill in has no text here.

use http::StatusCode;
use postroad_core::{
    provider::desk::{DeskFault, Listed, Page, Standing, Text},
    template::Parts,
};
use serde_json::Value;

use super::{
    super::{
        field::{array, id, line, said, text},
        notices,
    },
    faults::unreadable,
};

/// A template as an answer shows it.
pub(super) fn standing(answer: &Value, status: StatusCode) -> Result<Standing, DeskFault> {
    let provider_ref = id(answer, "/id").ok_or_else(|| unreadable(status))?;
    Ok(Standing {
        provider_ref,
        status: text(answer, "/status").and_then(notices::standing),
        category: notices::category(answer, "/category"),
        reason: line(answer, "/rejected_reason").filter(|reason| reason != "NONE"),
    })
}

/// Templates that do not say what they are called are left out.
pub(super) fn page(answer: &Value, status: StatusCode) -> Result<Page, DeskFault> {
    if !answer["data"].is_array() {
        return Err(unreadable(status));
    }
    let templates = array(answer, "/data").iter().filter_map(|template| listed(template, status)).collect();
    // The cursor of the last page is there too; only `next` says that another follows.
    let next = answer.pointer("/paging/next").and(text(answer, "/paging/cursors/after"));
    Ok(Page { templates, next: next.map(str::to_owned) })
}

fn listed(template: &Value, status: StatusCode) -> Option<Listed> {
    Some(Listed {
        name: text(template, "/name")?.to_owned(),
        language: text(template, "/language")?.to_owned(),
        standing: standing(template, status).ok()?,
        text: written(array(template, "/components")),
    })
}

fn written(components: &[Value]) -> Option<Text> {
    let mut found = Text { body: String::new(), parts: Parts::default() };
    for component in components {
        match text(component, "/type")?.to_ascii_uppercase().as_str() {
            "BODY" => {
                found.body = said(component, "/text")?;
                found.parts.samples = samples(component);
            }
            // A file or a placeholder up there is filled in by a message's own header.
            "HEADER" if text(component, "/format").is_none_or(|format| format == "TEXT") => {
                found.parts.header = Some(said(component, "/text")?);
            }
            "FOOTER" => found.parts.footer = Some(said(component, "/text")?),
            "BUTTONS" => found.parts.buttons = replies(component)?,
            _ => return None,
        }
    }
    (!found.body.is_empty()).then_some(found)
}

fn samples(body: &Value) -> Vec<String> {
    let texts = array(body, "/example/body_text/0").iter().map(|sample| sample.as_str().map(str::to_owned));
    texts.collect::<Option<_>>().unwrap_or_default()
}

/// Buttons that only send their title back. Others may need values: an address, a code.
fn replies(component: &Value) -> Option<Vec<String>> {
    let reply = |button: &Value| text(button, "/type").filter(|kind| *kind == "QUICK_REPLY").and(said(button, "/text"));
    array(component, "/buttons").iter().map(reply).collect()
}
