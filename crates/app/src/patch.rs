//! A change to a value that may be absent: JSON cannot tell "leave it" from "take it away" with an option alone.

use serde::{Deserialize, Deserializer};

/// An absent field keeps, `null` clears, a value sets. Use with `#[serde(default)]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Patch<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

impl<T> Patch<T> {
    pub fn apply(self, to: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *to = None,
            Self::Set(value) => *to = Some(value),
        }
    }

    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(convert(value)),
        }
    }

    /// The value that is to be set, if one is.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Change {
        #[serde(default)]
        zone: Patch<String>,
    }

    #[test]
    fn absent_null_and_a_value_are_three_different_wishes() {
        let cases = [
            ("{}", Some("old".to_owned())),
            (r#"{"zone": null}"#, None),
            (r#"{"zone": "new"}"#, Some("new".to_owned())),
        ];
        for (json, expected) in cases {
            let mut zone = Some("old".to_owned());
            serde_json::from_str::<Change>(json).unwrap().zone.apply(&mut zone);
            assert_eq!(zone, expected, "{json}");
        }
    }
}
