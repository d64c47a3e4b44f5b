//! What a template says beside its body, and what stands for its placeholders when somebody looks at it.

use super::placeholders;
use crate::limits::{
    PLACEHOLDER_CHARS_MAX, TEMPLATE_BUTTON_CHARS_MAX, TEMPLATE_BUTTONS_MAX, TEMPLATE_FOOTER_CHARS_MAX,
    TEMPLATE_HEADER_CHARS_MAX,
};

/// The rest of a template. The default has nothing but its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// A line above the body, 1 to 60 characters without placeholders.
    pub header: Option<String>,
    /// A line below the body, 1 to 60 characters without placeholders.
    pub footer: Option<String>,
    /// Titles of quick-reply buttons in their order: at most 10, each 1 to 25 characters.
    pub buttons: Vec<String>,
    /// The first is an example for `{{1}}`. One for each placeholder, or none yet; each 1 to 1,024 characters.
    pub samples: Vec<String>,
}

/// A part that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    #[error("the header does not have 1 to {TEMPLATE_HEADER_CHARS_MAX} characters on one line, without placeholders")]
    Header,
    #[error("the footer does not have 1 to {TEMPLATE_FOOTER_CHARS_MAX} characters on one line, without placeholders")]
    Footer,
    #[error("there are {0} buttons, and {TEMPLATE_BUTTONS_MAX} is the most")]
    TooManyButtons(usize),
    #[error("button {position} does not have 1 to {TEMPLATE_BUTTON_CHARS_MAX} characters on one line")]
    Button { position: usize },
    #[error("the template has {placeholders} placeholders and {samples} samples")]
    SampleCount { placeholders: usize, samples: usize },
    #[error("sample {position} does not have 1 to {PLACEHOLDER_CHARS_MAX} characters")]
    Sample { position: usize },
}

impl Parts {
    /// Whether a body with so many placeholders may have these parts.
    pub fn check(&self, placeholders: usize) -> Result<(), PartError> {
        if !self.header.as_deref().is_none_or(|text| is_plain_line(text, TEMPLATE_HEADER_CHARS_MAX)) {
            return Err(PartError::Header);
        }
        if !self.footer.as_deref().is_none_or(|text| is_plain_line(text, TEMPLATE_FOOTER_CHARS_MAX)) {
            return Err(PartError::Footer);
        }
        check_buttons(&self.buttons)?;
        check_samples(&self.samples, placeholders)
    }

    /// Whether a person would see the same: samples are shown to whoever approves, and to nobody else.
    pub fn reads_as(&self, other: &Self) -> bool {
        self.header == other.header && self.footer == other.footer && self.buttons == other.buttons
    }
}

fn check_buttons(buttons: &[String]) -> Result<(), PartError> {
    if buttons.len() > TEMPLATE_BUTTONS_MAX {
        return Err(PartError::TooManyButtons(buttons.len()));
    }
    match buttons.iter().position(|title| !is_line(title, TEMPLATE_BUTTON_CHARS_MAX)) {
        Some(at) => Err(PartError::Button { position: at + 1 }),
        None => Ok(()),
    }
}

fn check_samples(samples: &[String], placeholders: usize) -> Result<(), PartError> {
    if !samples.is_empty() && samples.len() != placeholders {
        return Err(PartError::SampleCount { placeholders, samples: samples.len() });
    }
    let fits = |text: &str| (1..=PLACEHOLDER_CHARS_MAX).contains(&text.chars().count()) && !text.contains('\0');
    match samples.iter().position(|sample| !fits(sample)) {
        Some(at) => Err(PartError::Sample { position: at + 1 }),
        None => Ok(()),
    }
}

fn is_plain_line(text: &str, chars_max: usize) -> bool {
    is_line(text, chars_max) && placeholders(text) == Ok(0)
}

fn is_line(text: &str, chars_max: usize) -> bool {
    (1..=chars_max).contains(&text.chars().count()) && !text.contains(['\n', '\r', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(count: usize, chars: usize) -> Vec<String> {
        vec!["é".repeat(chars); count]
    }

    fn header(text: &str) -> Parts {
        Parts { header: Some(text.to_owned()), ..Parts::default() }
    }

    fn footer(text: &str) -> Parts {
        Parts { footer: Some(text.to_owned()), ..Parts::default() }
    }

    #[test]
    fn parts_are_right_up_to_their_bounds_and_wrong_behind_them() {
        let buttons = |buttons| Parts { buttons, ..Parts::default() };
        let samples = |samples| Parts { samples, ..Parts::default() };
        let cases = [
            (Parts::default(), 2, Ok(())),
            (header(&"é".repeat(60)), 0, Ok(())),
            (header(&"é".repeat(61)), 0, Err(PartError::Header)),
            (header(""), 0, Err(PartError::Header)),
            (header("two\nlines"), 0, Err(PartError::Header)),
            (header("Hello {{1}}"), 1, Err(PartError::Header)),
            (footer(&"é".repeat(60)), 0, Ok(())),
            (footer(&"é".repeat(61)), 0, Err(PartError::Footer)),
            (footer("{{"), 0, Err(PartError::Footer)),
            (buttons(texts(10, 25)), 0, Ok(())),
            (buttons(texts(11, 25)), 0, Err(PartError::TooManyButtons(11))),
            (buttons(vec!["Stop".to_owned(), String::new()]), 0, Err(PartError::Button { position: 2 })),
            (buttons(texts(1, 26)), 0, Err(PartError::Button { position: 1 })),
            (samples(texts(2, 1_024)), 2, Ok(())),
            (samples(texts(1, 1)), 2, Err(PartError::SampleCount { placeholders: 2, samples: 1 })),
            (samples(texts(1, 1_025)), 1, Err(PartError::Sample { position: 1 })),
        ];
        for (parts, placeholders, expected) in cases {
            assert_eq!(parts.check(placeholders), expected, "{parts:?}");
        }
    }

    #[test]
    fn samples_do_not_change_how_a_template_reads() {
        let sampled = Parts { samples: texts(1, 1), ..header("Sale") };
        assert!(header("Sale").reads_as(&sampled));
        assert!(!header("Sale").reads_as(&footer("Sale")));
    }
}
