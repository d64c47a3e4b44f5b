//! What fills the placeholders of campaigns and previews.

use postroad_core::{campaign::landing::Landing, limits::PLACEHOLDER_CHARS_MAX};
use postroad_store::campaigns::Variable;

use crate::{text, tokens};

/// What a variable must be, for people.
pub(crate) const WANTED: &str = "a value has 1 to 1,024 characters, the name of an attribute 1 to 64, and a link is `preferences`, \
     `unsubscribe` or an address with http or https";

pub(crate) fn is_sound(variable: &Variable) -> bool {
    let value = |value: &str| text::fits(value, 1..=PLACEHOLDER_CHARS_MAX);
    match variable {
        Variable::Value { value: fixed } => value(fixed),
        Variable::Attribute { attribute, fallback } => {
            text::fits(attribute, 1..=64) && fallback.as_deref().is_none_or(value)
        }
        Variable::Link { link } => Landing::of(link) != Landing::Elsewhere || (value(link) && is_web(link)),
    }
}

fn is_web(link: &str) -> bool {
    let uri = link.parse::<http::Uri>();
    uri.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    })
}

/// As long as the link of a message, for looking at one that is not written yet. It leads nowhere.
pub(crate) fn example_link(link: &str, place: usize, public_url: &str) -> String {
    link_of(link, place, public_url, &"x".repeat(tokens::MESSAGE_TOKEN_CHARS))
}

/// The link that fills the placeholder `place`, from 1, of the message whose token it is.
pub(crate) fn link_of(link: &str, place: usize, public_url: &str, token: &str) -> String {
    let landing = Landing::of(link);
    match landing {
        Landing::Elsewhere => format!("{public_url}/{}/{token}/{place}", landing.path()),
        Landing::Preferences | Landing::Unsubscribe => format!("{public_url}/{}/{token}", landing.path()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_a_page_of_ours_or_to_the_web() {
        let sound = ["preferences", "unsubscribe", "https://shop.example/a?b=c#d", "http://shop.example"];
        let unsound = [
            "",
            "preference",
            "shop.example",
            "/a",
            "ftp://a.example",
            "javascript:alert(1)",
            "https://",
            "https://a b",
        ];
        let of = |link: &str| Variable::Link { link: link.to_owned() };
        for link in sound {
            assert!(is_sound(&of(link)), "{link}");
        }
        for link in unsound {
            assert!(!is_sound(&of(link)), "{link}");
        }
        assert!(!is_sound(&of(&format!("https://a.example/{}", "x".repeat(PLACEHOLDER_CHARS_MAX)))));
    }
}
