//! Text that a caller gave us and the database will hold.

use std::ops::RangeInclusive;

/// Of the right length in characters, and without the null character, which PostgreSQL cannot store.
pub(crate) fn fits(text: &str, chars: RangeInclusive<usize>) -> bool {
    // No text has more characters than bytes, so most are not counted.
    let long = text.len() > *chars.end() && text.chars().count() > *chars.end();
    let short = text.len() < *chars.start() || (*chars.start() > 1 && text.chars().count() < *chars.start());
    !long && !short && !text.contains('\0')
}

/// The first characters.
pub(crate) fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn characters_count_and_not_bytes() {
        for (text, chars, expected) in [
            ("", 0..=3, true),
            ("", 1..=3, false),
            ("äöü", 1..=3, true),
            ("äöüß", 1..=3, false),
            ("ä", 2..=3, false),
            ("ab", 2..=3, true),
            ("a\0b", 1..=3, false),
        ] {
            assert_eq!(fits(text, chars), expected, "{text:?}");
        }
    }
}
