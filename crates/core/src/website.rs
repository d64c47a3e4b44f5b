//! Addresses of websites that people open from our pages, in the one spelling of browsers.

use url::{Host, Url};

use crate::limits::WEBSITE_CHARS_MAX;

/// Text that is no such address. Deliberately without the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a website is an address like https://shop.example, of at most {WEBSITE_CHARS_MAX} characters and without a name or password"
)]
pub struct NoWebsite;

/// Over TLS, with a name that has a dot. Whatever would end an attribute is percent-encoded, the host is ASCII.
pub fn normalise(text: &str) -> Result<String, NoWebsite> {
    let url = Url::parse(text.trim()).map_err(|_| NoWebsite)?;
    let is_named = matches!(url.host(), Some(Host::Domain(name)) if name.trim_matches('.').contains('.'));
    let is_open = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    let fits = url.as_str().len() <= WEBSITE_CHARS_MAX;
    if is_named && is_open && fits { Ok(url.into()) } else { Err(NoWebsite) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_spelled_as_browsers_spell_it_and_ends_no_attribute() {
        for (text, expected) in [
            ("https://shop.example", "https://shop.example/"),
            (" HTTPS://Shop.Example:443/a b ", "https://shop.example/a%20b"),
            ("https://münchen.example/ü", "https://xn--mnchen-3ya.example/%C3%BC"),
            ("https://shop.example/\"><script>", "https://shop.example/%22%3E%3Cscript%3E"),
            ("https://shop.example/?q='\"<", "https://shop.example/?q=%27%22%3C"),
            ("https://shop.example/#\"<", "https://shop.example/#%22%3C"),
        ] {
            assert_eq!(normalise(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn whatever_is_no_website_of_a_business_is_refused() {
        let long = format!("https://shop.example/{}", "a".repeat(WEBSITE_CHARS_MAX));
        for text in [
            "",
            "shop.example",
            "http://shop.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://",
            "https://localhost/",
            "https://192.0.2.7/",
            "https://[2001:db8::1]/",
            "https://ada:secret@shop.example/",
            "https://ada@shop.example/",
            &long,
        ] {
            assert_eq!(normalise(text), Err(NoWebsite), "{text}");
        }
    }
}
