//! What fills placeholders, as a statement takes it.

use postroad_core::campaign::landing::Landing;

use crate::campaigns::Variable;

/// Variables as one array per column.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) values: Vec<Option<String>>,
    pub(super) attributes: Vec<Option<String>>,
    pub(super) fallbacks: Vec<Option<String>>,
    /// Addresses before and behind the token of a link.
    pub(super) pages: Vec<Option<String>>,
    pub(super) endings: Vec<String>,
}

impl Sources {
    pub(super) fn of(variables: &[Variable], public_url: &str) -> Self {
        let mut sources = Self::default();
        for (variable, place) in variables.iter().zip(1..) {
            let (mut value, mut attribute, mut fallback, mut page) = (None, None, None, None);
            match variable.clone() {
                Variable::Value { value: fixed } => value = Some(fixed),
                Variable::Attribute { attribute: name, fallback: other } => (attribute, fallback) = (Some(name), other),
                Variable::Link { link } => page = Some(Landing::of(&link)),
            }
            sources.values.push(value);
            sources.attributes.push(attribute);
            sources.fallbacks.push(fallback);
            sources.pages.push(page.map(|page| format!("{public_url}/{}/", page.path())));
            let says_which = page == Some(Landing::Elsewhere);
            sources.endings.push(if says_which { format!("/{place}") } else { String::new() });
        }
        sources
    }
}
