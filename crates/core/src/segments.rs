//! How many parts an SMS takes: what the carrier bills.
//!
//! A text of the GSM 7-bit alphabet (3GPP TS 23.038) goes out in septets, anything else in UTF-16. Parts of a longer text
//! are shorter, because each carries a header, and no character is cut in two. National shift tables are not used: Twilio
//! does not use them either.

use serde::{Deserialize, Serialize};

use crate::words::words;

words! {
    /// How a text is written on the air.
    Encoding {
        Gsm7 = "gsm7",
        Ucs2 = "ucs2",
    }
}

impl Encoding {
    /// Units of a text that is one part.
    const fn alone(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// Units of each part of a longer text.
    const fn joined(self) -> usize {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }

    /// None if this encoding lacks the character.
    fn units(self, character: char) -> Option<usize> {
        match self {
            Self::Gsm7 if BASIC.contains(character) => Some(1),
            Self::Gsm7 if EXTENDED.contains(character) => Some(2),
            Self::Gsm7 => None,
            Self::Ucs2 => Some(character.len_utf16()),
        }
    }
}

/// The 127 characters that take one septet; the 128th place is the escape.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// The characters that take an escape and a septet.
const EXTENDED: &str = "\u{c}^{}\\[~]|€";

/// What one text costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    pub encoding: Encoding,
    /// Septets or UTF-16 units, without headers and padding.
    pub units: usize,
    /// Parts that are billed. 0 for an empty text.
    pub segments: usize,
}

impl Estimate {
    pub fn of(text: &str) -> Self {
        let gsm7 = text.chars().all(|character| Encoding::Gsm7.units(character).is_some());
        let encoding = if gsm7 { Encoding::Gsm7 } else { Encoding::Ucs2 };
        let sizes = || text.chars().filter_map(move |character| encoding.units(character));
        let units: usize = sizes().sum();
        let segments = if units <= encoding.alone() { units.min(1) } else { parts(sizes(), encoding.joined()) };
        Self { encoding, units, segments }
    }
}

/// Fills one part after the other; a character that does not fit whole opens the next one.
fn parts(sizes: impl Iterator<Item = usize>, room: usize) -> usize {
    let mut parts = 1;
    let mut used = 0;
    for size in sizes {
        if used + size > room {
            parts += 1;
            used = 0;
        }
        used += size;
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_alphabet_has_127_characters_and_10_behind_the_escape() {
        assert_eq!((BASIC.chars().count(), EXTENDED.chars().count()), (127, 10));
        let mut all: Vec<char> = BASIC.chars().chain(EXTENDED.chars()).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 137);
    }

    #[test]
    fn parts_are_counted_as_carriers_bill_them() {
        let cases = [
            // (text, encoding, units, segments)
            (String::new(), Encoding::Gsm7, 0, 0),
            ("a".repeat(160), Encoding::Gsm7, 160, 1),
            ("a".repeat(161), Encoding::Gsm7, 161, 2),
            ("a".repeat(306), Encoding::Gsm7, 306, 2),
            ("a".repeat(307), Encoding::Gsm7, 307, 3),
            ("Grüße, ça va? £5 @ñ\n".to_owned(), Encoding::Ucs2, 20, 1), // ç is no GSM letter, only Ç is
            ("Grüße, Ça va? £5 @ñ\n".to_owned(), Encoding::Gsm7, 20, 1),
            ("€".repeat(80), Encoding::Gsm7, 160, 1),
            // An escape is not cut: 152 and a euro do not share a part of 153.
            (format!("{}€{}", "a".repeat(152), "a".repeat(152)), Encoding::Gsm7, 306, 3),
            ("é".repeat(160), Encoding::Gsm7, 160, 1),
            ("ж".repeat(70), Encoding::Ucs2, 70, 1),
            ("ж".repeat(71), Encoding::Ucs2, 71, 2),
            ("ж".repeat(134), Encoding::Ucs2, 134, 2),
            ("ж".repeat(135), Encoding::Ucs2, 135, 3),
            ("👋".repeat(35), Encoding::Ucs2, 70, 1),
            // A surrogate pair is not cut: 33 of them fill a part of 67.
            ("👋".repeat(66), Encoding::Ucs2, 132, 2),
            ("👋".repeat(67), Encoding::Ucs2, 134, 3),
            ("It’s".to_owned(), Encoding::Ucs2, 4, 1),
        ];
        for (text, encoding, units, segments) in cases {
            assert_eq!(Estimate::of(&text), Estimate { encoding, units, segments }, "{text}");
        }
    }

    proptest! {
        #[test]
        fn parts_hold_all_units_and_are_no_more_than_cutting_characters_costs(text in "[a-z€\\[\\]жщ👋\\PC]{0,400}") {
            let Estimate { encoding, units, segments } = Estimate::of(&text);
            let room = if segments <= 1 { encoding.alone() } else { encoding.joined() };
            prop_assert!(units <= segments * room);
            // Each part wastes one unit at most.
            prop_assert!(segments <= 1 || units > (segments - 1) * (room - 1));
        }
    }
}
