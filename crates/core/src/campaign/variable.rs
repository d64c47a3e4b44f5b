//! What fills the placeholders of a campaign's template.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

/// The attribute that every contact may have, and that is no attribute: what they are called.
const DISPLAY_NAME: &str = "display_name";

/// Where the value of one placeholder comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Variable {
    /// An address that leads there and says who came: `https://…`, or one of the pages `preferences` and `unsubscribe`.
    Link {
        link: String,
    },
    Value {
        value: String,
    },
    /// An attribute of the contact, or `display_name`; without it and a fallback the template gate refuses the message.
    Attribute {
        attribute: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fallback: Option<String>,
    },
}

/// A person as placeholders see them.
#[derive(Clone, Copy)]
pub struct Person<'a> {
    pub display_name: Option<&'a str>,
    pub attributes: &'a BTreeMap<String, String>,
}

static NOTHING: BTreeMap<String, String> = BTreeMap::new();

impl Person<'static> {
    /// Somebody of whom nothing is known.
    pub const NOBODY: Self = Self { display_name: None, attributes: &NOTHING };
}

impl<'a> Person<'a> {
    /// What is empty is not there.
    fn attribute(self, name: &str) -> Option<&'a str> {
        let found = match name {
            DISPLAY_NAME => self.display_name,
            name => self.attributes.get(name).map(String::as_str),
        };
        found.filter(|value| !value.is_empty())
    }
}

impl Variable {
    /// What a person reads; `linked` makes their own link of one. None: they lack it.
    pub fn value<'a>(&'a self, person: Person<'a>, linked: impl FnOnce(&str) -> String) -> Option<Cow<'a, str>> {
        match self {
            Self::Value { value } => Some(value.into()),
            Self::Link { link } => Some(linked(link).into()),
            Self::Attribute { attribute, fallback } => {
                person.attribute(attribute).or(fallback.as_deref()).map(Cow::Borrowed)
            }
        }
    }

    /// Whether it asks for more of a person than what they are called.
    pub fn is_of_attributes(&self) -> bool {
        matches!(self, Self::Attribute { attribute, .. } if attribute != DISPLAY_NAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variable: &Variable) -> Option<String> {
        let attributes = BTreeMap::from([("city", "Lyon"), ("empty", "")].map(|(k, v)| (k.to_owned(), v.to_owned())));
        let person = Person { display_name: Some("Ada"), attributes: &attributes };
        variable.value(person, |link| format!("<{link}>")).map(Cow::into_owned)
    }

    fn attribute(name: &str, fallback: Option<&str>) -> Variable {
        Variable::Attribute { attribute: name.to_owned(), fallback: fallback.map(str::to_owned) }
    }

    #[test]
    fn a_placeholder_is_filled_from_the_person_or_the_fallback_or_not_at_all() {
        let cases = [
            (Variable::Value { value: "20 %".to_owned() }, Some("20 %")),
            (Variable::Link { link: "preferences".to_owned() }, Some("<preferences>")),
            (attribute("display_name", None), Some("Ada")),
            (attribute("city", Some("town")), Some("Lyon")),
            (attribute("empty", Some("town")), Some("town")),
            (attribute("empty", None), None),
            (attribute("missing", Some("town")), Some("town")),
            (attribute("missing", None), None),
        ];
        for (variable, expected) in cases {
            assert_eq!(read(&variable).as_deref(), expected, "{variable:?}");
        }
    }

    #[test]
    fn the_name_is_no_attribute() {
        assert!(!attribute("display_name", None).is_of_attributes() && attribute("city", None).is_of_attributes());
    }
}
