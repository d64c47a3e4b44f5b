//! Our content in the fields of Twilio's form. What Twilio would refuse for its form is refused here, before anything leaves.

use postroad_core::{
    limits::LINK_CHARS_MAX,
    message::{Body, Content, Media, TemplateUse},
    provider::{BuildError, StoredTemplate},
    template,
};
use serde_json::{Map, Value};

use super::address::{Medium, is_sid};

/// Twilio refuses more with 21617.
const BODY_CHARS_MAX: usize = 1_600;

pub(super) type Fields = Vec<(&'static str, String)>;

pub(super) fn write(
    medium: Medium,
    content: &Content,
    stored: Option<StoredTemplate<'_>>,
) -> Result<Fields, BuildError> {
    let unsupported = || BuildError::Unsupported { provider: medium.provider(), kind: content.kind() };
    match content {
        Content::Text { body, .. } => Ok(vec![("Body", text(&body.0)?)]),
        Content::Media(file) => media(file),
        // A header, and what buttons answer, stand in Twilio's template.
        Content::Template(used) if used.header.is_some() || !used.button_payloads.is_empty() => Err(unsupported()),
        Content::Template(used) => match medium {
            Medium::Sms => Ok(vec![("Body", written_out(used, stored)?)]),
            Medium::Whatsapp => by_content_sid(used, stored),
        },
        Content::Interactive { .. }
        | Content::Reaction { .. }
        | Content::Reply { .. }
        | Content::InboundMedia(_)
        | Content::Other { .. } => Err(unsupported()),
    }
}

fn text(body: &str) -> Result<String, BuildError> {
    match body.chars().count() {
        0 => Err(malformed("the text is empty")),
        chars if chars > BODY_CHARS_MAX => {
            Err(malformed(format!("the text has {chars} characters, and {BODY_CHARS_MAX} are possible")))
        }
        _ => Ok(body.to_owned()),
    }
}

fn media(file: &Media) -> Result<Fields, BuildError> {
    if !file.link.starts_with("https://") && !file.link.starts_with("http://") {
        return Err(malformed("the link is not an http address"));
    }
    if file.link.chars().count() > LINK_CHARS_MAX {
        return Err(malformed(format!("the link has more than {LINK_CHARS_MAX} characters")));
    }
    let caption = file.caption.as_ref().map(|caption| Ok(("Body", text(&caption.0)?))).transpose()?;
    Ok(caption.into_iter().chain([("MediaUrl", file.link.clone())]).collect())
}

/// Nobody looks at a template of an SMS, so its text is ours to write.
fn written_out(used: &TemplateUse, stored: Option<StoredTemplate<'_>>) -> Result<String, BuildError> {
    let stored = stored.ok_or_else(|| malformed("there is no template of this name"))?;
    let values: Vec<String> = used.parameters.iter().map(|Body(value)| value.clone()).collect();
    text(&template::render(stored.body, &values).map_err(|error| malformed(error.to_string()))?)
}

/// Twilio knows a template by its SID, `HX…`: the provider's id of ours, or its name.
fn by_content_sid(used: &TemplateUse, stored: Option<StoredTemplate<'_>>) -> Result<Fields, BuildError> {
    let known = stored.and_then(|stored| stored.provider_ref);
    let sid = [known, Some(used.name.as_str())].into_iter().flatten().find(|sid| is_sid(sid, "HX"));
    let sid = sid.ok_or_else(|| malformed("the template is not known by a SID of Twilio's, HX and 32 digits"))?;
    let mut fields = vec![("ContentSid", sid.to_owned())];
    if !used.parameters.is_empty() {
        fields.push(("ContentVariables", variables(&used.parameters)));
    }
    Ok(fields)
}

fn variables(values: &[Body]) -> String {
    let named = values.iter().zip(1..).map(|(Body(value), place)| (place.to_string(), Value::from(value.as_str())));
    Value::Object(named.collect::<Map<_, _>>()).to_string()
}

fn malformed(why: impl Into<String>) -> BuildError {
    BuildError::Malformed(why.into())
}
