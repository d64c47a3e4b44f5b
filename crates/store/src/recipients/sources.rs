//! What fills placeholders, as a statement takes it.

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

/// Where the link of a message leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landing {
    Preferences,
    Unsubscribe,
    /// To an address of somebody else, by way of us.
    Elsewhere,
}

impl Landing {
    pub fn of(link: &str) -> Self {
        match link {
            "preferences" => Self::Preferences,
            "unsubscribe" => Self::Unsubscribe,
            _ => Self::Elsewhere,
        }
    }

    /// Of our pages: the first part of their path.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Preferences => "p",
            Self::Unsubscribe => "u",
            Self::Elsewhere => "l",
        }
    }
}
