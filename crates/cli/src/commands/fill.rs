//! What stands for a placeholder, as it is written on the command line.

use postroad_store::campaigns::Variable;

/// A text, `@name` of an attribute with `=text` for people without it, or `link:` and where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill(pub Variable);

impl From<String> for Fill {
    fn from(text: String) -> Self {
        if let Some(link) = text.strip_prefix("link:") {
            return Self(Variable::Link { link: link.to_owned() });
        }
        let Some(attribute) = text.strip_prefix('@') else { return Self(Variable::Value { value: text }) };
        let (name, fallback) = attribute.split_once('=').map_or((attribute, None), |(name, text)| (name, Some(text)));
        Self(Variable::Attribute { attribute: name.to_owned(), fallback: fallback.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_itself_and_an_at_sign_names_an_attribute() {
        let attribute = |name: &str, fallback: Option<&str>| Variable::Attribute {
            attribute: name.to_owned(),
            fallback: fallback.map(str::to_owned),
        };
        let cases = [
            ("20 %", Variable::Value { value: "20 %".to_owned() }),
            ("@first_name", attribute("first_name", None)),
            ("a=b", Variable::Value { value: "a=b".to_owned() }),
            ("@first_name=there", attribute("first_name", Some("there"))),
            ("@first_name=", attribute("first_name", Some(""))),
            ("link:https://a.example/?b=c", Variable::Link { link: "https://a.example/?b=c".to_owned() }),
        ];
        for (text, expected) in cases {
            assert_eq!(Fill::from(text.to_owned()), Fill(expected), "{text}");
        }
    }
}
