//! Language variants: templates of one name, each in another language.

use crate::language::comparable;

/// Which of the `languages` of one template speaks to a person of language `wanted`: the same language and region, then
/// the language without its region (`pt` for `pt-BR`, `zh_Hant` and then `zh` for `zh_Hant_TW`), then `default`.
/// `en_US` and `en-us` are one spelling. None: the template has none of these.
///
/// Another region is not taken for the person's own: `pt_PT` speaks to nobody in Brazil unless it is the default.
pub fn pick<'a>(languages: &[&'a str], wanted: Option<&str>, default: Option<&str>) -> Option<&'a str> {
    let find = |spelling: &str| languages.iter().copied().find(|language| comparable(language) == spelling);
    let spoken = wanted.and_then(|wanted| shortened(&comparable(wanted)).find_map(find));
    spoken.or_else(|| find(&comparable(default?)))
}

/// `zh-hant-tw`, `zh-hant`, `zh`.
fn shortened(spelling: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(spelling), |longer| longer.rsplit_once('-').map(|(shorter, _)| shorter))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Languages there are, the person's, the usual one, and which is taken.
    type Case = (&'static [&'static str], Option<&'static str>, Option<&'static str>, Option<&'static str>);

    #[test]
    fn a_person_is_spoken_to_in_the_nearest_language_there_is() {
        let all: &'static [&'static str] = &["en_US", "en", "pt_PT", "pt_BR", "zh_Hant", "de"];
        let cases: [Case; 15] = [
            (all, Some("pt-BR"), Some("en"), Some("pt_BR")),
            (all, Some("PT_br"), Some("en"), Some("pt_BR")),
            (all, Some("en_GB"), Some("de"), Some("en")),
            (all, Some("en-US"), Some("de"), Some("en_US")),
            (all, Some("zh-Hant-TW"), Some("en"), Some("zh_Hant")),
            (&["zh"], Some("zh_Hant_TW"), None, Some("zh")),
            (all, Some("fr"), Some("de"), Some("de")),
            (all, Some("pt"), Some("en"), Some("en")),
            (all, None, Some("en-us"), Some("en_US")),
            (all, None, None, None),
            (all, Some("fr"), None, None),
            (all, Some("fr"), Some("it"), None),
            (&["en_US"], Some("en"), Some("en_US"), Some("en_US")),
            (&["english"], Some("en"), None, None),
            (&[], Some("en"), Some("en"), None),
        ];
        for (languages, wanted, default, expected) in cases {
            assert_eq!(pick(languages, wanted, default), expected, "{wanted:?} of {languages:?}, else {default:?}");
        }
    }
}
