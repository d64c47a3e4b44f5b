//! Words that a message says, whatever their case.

use serde::{Deserialize, Serialize};

use crate::words::words;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keywords {
    /// 1 to 100, of 1 to 100 characters.
    pub any_of: Vec<String>,
    #[serde(default)]
    pub matching: Matching,
}

words! {
    /// How a keyword is looked for.
    #[derive(Default)]
    Matching {
        /// As whole words, with anything but letters and digits between them: `refund` is not in `refunded`.
        #[default]
        Words = "words",
        /// Anywhere: for languages without spaces, and for signs.
        Contains = "contains",
    }
}

impl Keywords {
    /// The first keyword that the text says.
    pub(super) fn said_in(&self, text: &str) -> Option<&str> {
        let folded = fold(text);
        let words = split(&folded);
        let says = |keyword: &str| match self.matching {
            Matching::Contains => folded.contains(&fold(keyword)),
            Matching::Words => {
                let keyword = fold(keyword);
                let wanted = split(&keyword);
                !wanted.is_empty() && words.windows(wanted.len()).any(|said| said == wanted)
            }
        };
        self.any_of.iter().map(String::as_str).find(|keyword| says(keyword))
    }
}

/// A keyword that could be found as whole words.
pub(super) fn has_words(keyword: &str) -> bool {
    keyword.contains(char::is_alphanumeric)
}

/// One spelling for all cases: up first, because `ß` and `ς` are told from `ss` and `σ` only in lower case. The dot that a
/// Turkish `İ` leaves behind does not count.
fn fold(text: &str) -> String {
    let upper = text.chars().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).filter(|c| *c != '\u{307}').collect()
}

fn split(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(matching: Matching, keyword: &str, text: &str) -> bool {
        Keywords { any_of: vec![keyword.to_owned()], matching }.said_in(text).is_some()
    }

    #[test]
    fn whole_words_are_found_in_any_case_and_dress() {
        let cases = [
            ("refund", "I want a REFUND!", true),
            ("refund", "refunded", false),
            ("refund", "prerefund", false),
            ("speak to someone", "Can I speak, to  someone?", true),
            ("speak to someone", "speak someone to", false),
            ("don't", "DON’T", true),
            ("straße", "STRASSE 5", true),
            ("οδός", "ΟΔΌΣ", true),
            ("istanbul", "İSTANBUL'da", true),
            ("помощь", "ПОМОЩЬ, пожалуйста", true),
            ("मदद", "कृपया मदद करें", true),
            ("مساعدة", "أريد مساعدة.", true),
            ("退订", "我要退订服务", false),
            ("退订", "退订", true),
            ("👍", "👍", false),
            ("", "anything", false),
        ];
        for (keyword, text, expected) in cases {
            assert_eq!(says(Matching::Words, keyword, text), expected, "{keyword} in {text}");
        }
    }

    #[test]
    fn parts_are_found_anywhere() {
        let cases =
            [("退订", "我要退订服务", true), ("👍", "ok 👍🏽", true), ("FUND", "refunded", true), ("a b", "a  b", false)];
        for (keyword, text, expected) in cases {
            assert_eq!(says(Matching::Contains, keyword, text), expected, "{keyword} in {text}");
        }
    }
}
