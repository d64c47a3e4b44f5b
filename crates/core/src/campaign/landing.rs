//! Where links of a recipient's own lead.

/// Where the link of a message leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landing {
    Preferences,
    Unsubscribe,
    /// To an address of somebody else, by way of us.
    Elsewhere,
}

impl Landing {
    pub fn of(link: &str) -> Self {
        match link {
            "preferences" => Self::Preferences,
            "unsubscribe" => Self::Unsubscribe,
            _ => Self::Elsewhere,
        }
    }

    /// Of our pages: the first part of their path.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Preferences => "p",
            Self::Unsubscribe => "u",
            Self::Elsewhere => "l",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_words_are_pages_of_ours_and_everything_else_is_elsewhere() {
        let cases = [
            ("preferences", Landing::Preferences),
            ("unsubscribe", Landing::Unsubscribe),
            ("https://shop.example/preferences", Landing::Elsewhere),
            ("Preferences", Landing::Elsewhere),
            ("", Landing::Elsewhere),
        ];
        for (link, expected) in cases {
            assert_eq!(Landing::of(link), expected, "{link}");
        }
    }
}
