//! Tags: short words that people and imports put on a contact. One spelling each, so that a tag is found by its word.

use crate::limits::{TAG_CHARS_MAX, TAGS_MAX};

/// Why there are no such tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    #[error("a tag has 1 to {TAG_CHARS_MAX} characters, and no control characters, commas, semicolons or bars")]
    Word,
    #[error("there are more than {TAGS_MAX} tags")]
    TooMany,
}

/// Tags in their one spelling: lower case, without spaces around them, each once, in the order of the alphabet.
pub fn normalise<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<String>, TagError> {
    let mut tags = texts.into_iter().map(spelling).collect::<Result<Vec<_>, _>>()?;
    tags.sort_unstable();
    tags.dedup();
    if tags.len() > TAGS_MAX { Err(TagError::TooMany) } else { Ok(tags) }
}

/// The one spelling of a tag.
pub fn spelling(text: &str) -> Result<String, TagError> {
    let tag = text.trim().to_lowercase();
    if is_tag(&tag) { Ok(tag) } else { Err(TagError::Word) }
}

/// A tag in its one spelling.
pub fn is_tag(text: &str) -> bool {
    // Lists of tags in files are divided by these signs.
    let odd = |c: char| c.is_control() || matches!(c, ',' | ';' | '|');
    (1..=TAG_CHARS_MAX).contains(&text.chars().count())
        && text.trim() == text
        && text.to_lowercase() == text
        && !text.contains(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_one_spelling_each() {
        assert_eq!(normalise([" VIP ", "vip", "Élan", "a b"]).unwrap(), ["a b", "vip", "élan"]);
        for bad in ["", " ", "a,b", "a;b", "a|b", "a\u{1f}b", "a\0", &"x".repeat(TAG_CHARS_MAX + 1)] {
            assert_eq!(normalise([bad]), Err(TagError::Word), "{bad:?}");
        }
        let many: Vec<String> = (0..=TAGS_MAX).map(|n| n.to_string()).collect();
        assert_eq!(normalise(many.iter().map(String::as_str)), Err(TagError::TooMany));
    }
}
