//! Languages as people and providers write them: `en`, `pt-BR`, `zh_Hant_TW`.

/// A language with its region and script, in the spelling of BCP 47 or of the providers.
pub fn is_language(text: &str) -> bool {
    let mut parts = text.split(['-', '_']);
    let alphabetic = |part: &str| part.bytes().all(|b| b.is_ascii_alphabetic());
    let first = parts.next().is_some_and(|part| (2..=3).contains(&part.len()) && alphabetic(part));
    let rest = |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    first && text.len() <= 35 && parts.all(rest)
}

/// The spelling in which languages are compared: `pt-br`.
pub fn comparable(text: &str) -> String {
    text.replace('_', "-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_codes_and_not_names() {
        for good in ["en", "pt-BR", "en_US", "zh_Hant_TW", "fil", "es-419"] {
            assert!(is_language(good), "{good}");
        }
        for bad in ["", "e", "english", "en-", "-en", "en US", "e1", "en-x", &format!("en{}", "-abcdefgh".repeat(4))] {
            assert!(!is_language(bad), "{bad}");
        }
    }
}
