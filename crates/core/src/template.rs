//! Message templates as a provider knows them.

mod parts;
pub mod variant;

pub use parts::{PartError, Parts};

use crate::{
    limits::{BODY_CHARS_MAX, PLACEHOLDER_CHARS_MAX, PLACEHOLDERS_MAX},
    words::words,
};

words! {
    /// A template's standing at the provider.
    TemplateStatus {
        Draft = "draft",
        Submitted = "submitted",
        Approved = "approved",
        Rejected = "rejected",
        /// Paused by the provider for quality; comes back by itself or by an appeal.
        Paused = "paused",
        Disabled = "disabled",
        Deleted = "deleted",
    }
}

impl TemplateStatus {
    /// The provider has looked at it and said yes or no.
    pub const fn is_decided(self) -> bool {
        !matches!(self, Self::Draft | Self::Submitted)
    }

    /// Its text may still change: the provider approves it anew, or for the first time.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Draft | Self::Rejected)
    }
}

words! {
    /// How far the deletion of a template is that somebody asked for.
    Removal {
        /// The provider has it still.
        Wanted = "wanted",
        Done = "done",
    }
}

words! {
    /// What the provider prices and polices a template as.
    TemplateCategory {
        Marketing = "marketing",
        Utility = "utility",
        Authentication = "authentication",
    }
}

/// A body whose placeholders are wrong, or values that do not fit it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("at character {at} a placeholder begins that is not one of {{{{1}}}} to {{{{{PLACEHOLDERS_MAX}}}}}")]
    Malformed { at: usize },
    #[error("placeholders are numbered from 1 without gaps, and {{{{{missing}}}}} is missing")]
    Gap { missing: usize },
    #[error("the template has {placeholders} placeholders and got {values} values")]
    Count { placeholders: usize, values: usize },
    #[error("value {position} has {chars} characters, and {PLACEHOLDER_CHARS_MAX} is the most a placeholder takes")]
    ValueTooLong { position: usize, chars: usize },
    #[error("the text would have more than {BODY_CHARS_MAX} characters")]
    TooLong,
}

/// How many values a body needs: its highest placeholder. `{{1}}` to `{{10}}`, without gaps, each as often as wanted.
pub fn placeholders(body: &str) -> Result<usize, TemplateError> {
    let used: Vec<usize> = pieces(body)?.iter().filter_map(Piece::number).collect();
    let highest = used.iter().copied().max().unwrap_or(0);
    match (1..=highest).find(|number| !used.contains(number)) {
        Some(missing) => Err(TemplateError::Gap { missing }),
        None => Ok(highest),
    }
}

/// Fills in the values, the first for `{{1}}`. A value is text: braces in it mean nothing.
pub fn render(body: &str, values: &[String]) -> Result<String, TemplateError> {
    let expected = placeholders(body)?;
    if values.len() != expected {
        return Err(TemplateError::Count { placeholders: expected, values: values.len() });
    }
    for (value, position) in values.iter().zip(1..) {
        let chars = value.chars().count();
        if chars > PLACEHOLDER_CHARS_MAX {
            return Err(TemplateError::ValueTooLong { position, chars });
        }
    }
    fill(&pieces(body)?, values)
}

/// A template's text in order.
enum Piece<'a> {
    Text(&'a str),
    /// From 1.
    Placeholder(usize),
}

impl Piece<'_> {
    const fn number(&self) -> Option<usize> {
        match self {
            Self::Text(_) => None,
            Self::Placeholder(number) => Some(*number),
        }
    }
}

fn pieces(body: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = body;
    while let Some((before, after)) = rest.split_once("{{") {
        let begins = body.len() - rest.len() + before.len();
        let malformed = || TemplateError::Malformed { at: body[..begins].chars().count() };
        let (number, behind) = after.split_once("}}").ok_or_else(malformed)?;
        pieces.push(Piece::Text(before));
        pieces.push(Piece::Placeholder(numbered(number).ok_or_else(malformed)?));
        rest = behind;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// The number of a placeholder in its one spelling.
fn numbered(text: &str) -> Option<usize> {
    (1..=PLACEHOLDERS_MAX).find(|number| number.to_string() == text)
}

fn fill(pieces: &[Piece<'_>], values: &[String]) -> Result<String, TemplateError> {
    let texts: Vec<&str> = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text,
            Piece::Placeholder(number) => values[number - 1].as_str(),
        })
        .collect();
    if texts.iter().map(|text| text.chars().count()).sum::<usize>() > BODY_CHARS_MAX {
        return Err(TemplateError::TooLong);
    }
    Ok(texts.concat())
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn rendered(body: &str, values: &[&str]) -> Result<String, TemplateError> {
        render(body, &values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn values_take_the_places_of_their_numbers() {
        let cases: [(&str, &[&str], &str); 6] = [
            ("Hello", &[], "Hello"),
            ("Hello {{1}}!", &["Ana"], "Hello Ana!"),
            ("{{2}}, {{1}} and {{2}}", &["one", "two"], "two, one and two"),
            ("{{1}}{{2}}{{3}}{{4}}{{5}}{{6}}{{7}}{{8}}{{9}}{{10}}", &["0"; 10], "0000000000"),
            // A value is text, and single braces are, too.
            ("{a} {{1}} }}", &["{{1}} {{9}}"], "{a} {{1}} {{9}} }}"),
            ("{{1}}", &[""], ""),
        ];
        for (body, values, expected) in cases {
            assert_eq!(placeholders(body), Ok(values.len()), "{body}");
            assert_eq!(rendered(body, values).as_deref(), Ok(expected), "{body}");
        }
    }

    #[test]
    fn a_wrong_placeholder_is_named_by_its_place() {
        let cases = [
            ("é {{0}}", TemplateError::Malformed { at: 2 }),
            ("{{11}}", TemplateError::Malformed { at: 0 }),
            ("{{01}}", TemplateError::Malformed { at: 0 }),
            ("{{ 1 }}", TemplateError::Malformed { at: 0 }),
            ("{{name}}", TemplateError::Malformed { at: 0 }),
            ("{{1}} {{", TemplateError::Malformed { at: 6 }),
            ("{{{1}}}", TemplateError::Malformed { at: 0 }),
            ("{{}}", TemplateError::Malformed { at: 0 }),
            ("{{1}} {{3}}", TemplateError::Gap { missing: 2 }),
            ("{{2}}", TemplateError::Gap { missing: 1 }),
        ];
        for (body, expected) in cases {
            assert_eq!(placeholders(body), Err(expected), "{body}");
        }
        assert_eq!(
            TemplateError::Malformed { at: 2 }.to_string(),
            "at character 2 a placeholder begins that is not one of {{1}} to {{10}}"
        );
    }

    #[test]
    fn what_is_too_much_is_refused() {
        assert_eq!(rendered("{{1}}", &[]), Err(TemplateError::Count { placeholders: 1, values: 0 }));
        assert_eq!(rendered("{{1}}", &["a", "b"]), Err(TemplateError::Count { placeholders: 1, values: 2 }));
        let long = "é".repeat(PLACEHOLDER_CHARS_MAX);
        assert!(rendered("{{1}}", &[&long]).is_ok());
        let longer = format!("{long}é");
        assert_eq!(rendered("{{1}}", &[&longer]), Err(TemplateError::ValueTooLong { position: 1, chars: 1_025 }));
        assert!(rendered("{{1}}{{1}}{{1}}{{1}}", &[&long]).is_ok());
        assert_eq!(rendered("{{1}}{{1}}{{1}}{{1}}.", &[&long]), Err(TemplateError::TooLong));
    }

    proptest! {
        #[test]
        fn rendering_never_panics_and_its_result_is_bounded(
            body in "([{}]{0,3}[0-9]{0,2}[{}]{0,3}\\PC{0,3}){0,20}",
            values in vec("\\PC{0,20}|[{}12]{0,8}", 0..11),
        ) {
            match render(&body, &values) {
                Ok(text) => prop_assert!(text.chars().count() <= BODY_CHARS_MAX && placeholders(&body) == Ok(values.len())),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }

        #[test]
        fn text_without_double_braces_renders_as_itself(body in "[^{]{0,200}") {
            prop_assert_eq!(render(&body, &[]), Ok(body));
        }

        #[test]
        fn all_values_and_all_text_between_them_arrive(texts in vec("[a-z]{0,9}", 1..11), values in vec("\\PC{0,20}", 10)) {
            let place = |(text, number): (&String, usize)| [text.clone(), format!("{{{{{number}}}}}")].concat();
            let body: String = texts.iter().zip(1..).map(place).collect();
            let expected: String = texts.iter().zip(&values).flat_map(|(text, value)| [text.as_str(), value]).collect();
            prop_assert_eq!(render(&body, &values[..texts.len()]), Ok(expected));
        }
    }
}
