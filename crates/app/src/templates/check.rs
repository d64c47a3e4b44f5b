//! What can be seen of a template before anything is written.

use postroad_core::{
    language::is_language,
    limits::BODY_CHARS_MAX,
    template::{self, Parts},
};
use postroad_store::campaigns::Variable;

use super::{NewTemplate, TemplateError};
use crate::{text, variables};

/// The number of placeholders.
pub(super) fn new_template(new: &NewTemplate) -> Result<usize, TemplateError> {
    if !text::fits(&new.name, 1..=512) {
        return Err(TemplateError::Name);
    }
    if !is_language(&new.language) || new.language.len() > 15 {
        return Err(TemplateError::Language(new.language.chars().take(40).collect()));
    }
    provider_ref(new.provider_ref.as_deref())?;
    words(&new.body, &new.parts)
}

/// The number of placeholders.
pub(super) fn words(body: &str, parts: &Parts) -> Result<usize, TemplateError> {
    if !text::fits(body, 1..=BODY_CHARS_MAX) {
        return Err(TemplateError::BodyLength);
    }
    let placeholders = template::placeholders(body)?;
    parts.check(placeholders)?;
    Ok(placeholders)
}

pub(super) fn provider_ref(provider_ref: Option<&str>) -> Result<(), TemplateError> {
    match provider_ref {
        Some(id) if !text::fits(id, 1..=200) => Err(TemplateError::ProviderRef),
        _ => Ok(()),
    }
}

pub(super) fn variable(variable: &Variable) -> Result<(), TemplateError> {
    if variables::is_sound(variable) { Ok(()) } else { Err(TemplateError::BadVariable) }
}
