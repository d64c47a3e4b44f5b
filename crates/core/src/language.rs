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

/// `text` is the language `wanted` or a regional form of it: `en` means `en_US` too.
pub fn includes(wanted: &str, text: &str) -> bool {
    let (wanted, text) = (comparable(wanted), comparable(text));
    text.strip_prefix(&wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
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

    #[test]
    fn a_language_includes_its_regional_forms() {
        for (wanted, text, expected) in [
            ("en", "en", true),
            ("en", "en_US", true),
            ("pt-BR", "pt_br", true),
            ("en_US", "en", false),
            ("en", "eng", false),
            ("fi", "fil", false),
        ] {
            assert_eq!(includes(wanted, text), expected, "{wanted} {text}");
        }
    }
}
