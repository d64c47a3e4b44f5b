//! Telephone numbers in their one spelling, E.164: `+` and 7 to 15 digits.
//!
//! Accepted is every number whose country code exists and whose length is possible there. That is wider than "assigned":
//! fictional numbers (+1 202 555 0173, +1 555 555 0100) pass, so that simulators and examples work, and a number of last
//! week's new range passes too. Whether it rings, the provider tells. Refused are numbers of no country (+999…), extensions,
//! and local numbers without their area code.

use std::fmt;

use rlibphonenumber::{NumberLengthType, ParseError, PhoneNumber, PhoneNumberFormat, Region};
use serde::{Deserialize, Serialize};

/// Characters of a number as people write it, with brackets and blanks.
const TEXT_CHARS_MAX: usize = 40;
/// Digits of an E.164 number.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// A number in E.164. It serialises, but never prints more than its last three digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

/// Text that is no number we can reach. Deliberately without the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    #[error("there is no number in it")]
    NotANumber,
    #[error("no country has this code")]
    UnknownCountry,
    #[error("the number has no country code, and {region:?} is no country")]
    UnknownRegion { region: String },
    #[error("the number is too short")]
    TooShort,
    #[error("the number is too long")]
    TooLong,
    #[error("the number has no area code")]
    LocalOnly,
    #[error("no number of this country has this length")]
    ImpossibleLength,
    #[error("it begins with a prefix of calls within the country, and then with another")]
    PrefixTwice,
    #[error("an extension cannot be reached")]
    Extension,
    #[error("the number is not written as + and 7 to 15 digits")]
    NotE164,
}

/// Reads a number as people write it. `default_region`: the two-letter country of numbers without `+`, such as `GB`.
pub fn normalise(text: &str, default_region: Option<&str>) -> Result<Phone, PhoneError> {
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(PhoneError::TooLong);
    }
    if text.chars().any(char::is_alphabetic) {
        return Err(PhoneError::NotANumber);
    }
    let number = PhoneNumber::parse(text, region(text, default_region)?)?;
    if number.extension.is_some() {
        return Err(PhoneError::Extension);
    }
    match number.is_possible_with_reason() {
        Ok(NumberLengthType::IsPossible) => one_spelling(&number),
        Ok(NumberLengthType::IsPossibleLocalOnly) => Err(PhoneError::LocalOnly),
        Err(impossible) => Err(impossible.into()),
    }
}

/// A number that lost a prefix each time it is read would be somebody else each time.
fn one_spelling(number: &PhoneNumber) -> Result<Phone, PhoneError> {
    let phone = Phone::try_from(number.format_as(PhoneNumberFormat::E164).into_owned())?;
    let again = PhoneNumber::parse(&phone.0, None)?;
    if again.format_as(PhoneNumberFormat::E164) == phone.0 { Ok(phone) } else { Err(PhoneError::PrefixTwice) }
}

fn region(text: &str, default: Option<&str>) -> Result<Option<Region>, PhoneError> {
    match default {
        Some(region) if !text.trim_start().starts_with(['+', '＋']) => {
            region.parse().map(Some).map_err(|_| PhoneError::UnknownRegion { region: region.chars().take(8).collect() })
        }
        _ => Ok(None),
    }
}

/// The two-letter country of a number; none if its code belongs to no single country or its range to nobody.
pub fn region_of(phone: &Phone) -> Option<String> {
    let number = PhoneNumber::parse(&phone.0, None).ok()?;
    number.get_region_code().map(|region| region.to_string())
}

impl Phone {
    /// For the provider, the database and whoever may see the contact.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Phone {
    type Error = PhoneError;

    /// Takes E.164 only, and believes the digits.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.strip_prefix('+').ok_or(PhoneError::NotE164)?;
        let is_e164 =
            DIGITS.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if is_e164 { Ok(Self(text)) } else { Err(PhoneError::NotE164) }
    }
}

impl From<Phone> for String {
    fn from(phone: Phone) -> Self {
        phone.0
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Phone(…{})", &self.0[self.0.len() - 3..])
    }
}

impl From<ParseError> for PhoneError {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::InvalidCountryCode => Self::UnknownCountry,
            ParseError::NotANumber(_) => Self::NotANumber,
            ParseError::TooShortAfterIdd | ParseError::TooShortNsn => Self::TooShort,
            ParseError::TooLongNsn => Self::TooLong,
        }
    }
}

impl From<rlibphonenumber::ValidationError> for PhoneError {
    fn from(error: rlibphonenumber::ValidationError) -> Self {
        use rlibphonenumber::ValidationError as E;
        match error {
            E::InvalidCountryCode => Self::UnknownCountry,
            E::TooShort => Self::TooShort,
            E::TooLong => Self::TooLong,
            E::InvalidLength => Self::ImpossibleLength,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType};

    use super::*;

    #[test]
    fn one_number_has_one_spelling() {
        let cases = [
            // (as people write it, country, as we keep it)
            ("+44 20 7946 0018", None, "+442079460018"),
            ("020 7946 0018", Some("GB"), "+442079460018"),
            ("(0)20-7946.0018", Some("gb"), "+442079460018"),
            ("+44 (0) 20 7946 0018", None, "+442079460018"),
            ("00 44 20 7946 0018", Some("DE"), "+442079460018"),
            ("\u{ff0b}44 20 7946 0018", None, "+442079460018"),
            ("٠٢٠ ٧٩٤٦ ٠٠١٨", Some("GB"), "+442079460018"),
            ("(202) 555-0173", Some("US"), "+12025550173"),
            ("1-202-555-0173", Some("US"), "+12025550173"),
            // Nobody's number: fictional, never assigned, and good for simulators.
            ("+1 555 555 0100", None, "+15555550100"),
            ("+628111000111", None, "+628111000111"),
            ("0811 1000 111", Some("ID"), "+628111000111"),
            // Italy keeps its zero.
            ("06 1234 5678", Some("IT"), "+390612345678"),
            ("+39 06 1234 5678", None, "+390612345678"),
            ("+33600000000", Some("US"), "+33600000000"),
            // Of no country: satellites.
            ("+870 773 111 632", None, "+870773111632"),
        ];
        for (text, region, expected) in cases {
            assert_eq!(normalise(text, region).map(String::from), Ok(expected.to_owned()), "{text} in {region:?}");
        }
    }

    #[test]
    fn every_countrys_numbers_are_read_as_people_there_write_them() {
        let examples = PHONE_NUMBER_UTIL.get_supported_regions().flat_map(|region| {
            let of = |kind| PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, kind).ok();
            [PhoneNumberType::FixedLine, PhoneNumberType::Mobile]
                .map(of)
                .into_iter()
                .flatten()
                .map(move |number| (region, number))
        });
        let mut count = 0;
        for (region, number) in examples {
            let expected = number.format_as(PhoneNumberFormat::E164).into_owned();
            for format in [PhoneNumberFormat::E164, PhoneNumberFormat::International, PhoneNumberFormat::National] {
                let text = number.format_as(format);
                let read = normalise(&text, Some(&region.to_string())).map(String::from);
                assert_eq!(read, Ok(expected.clone()), "{text} in {region}");
            }
            count += 1;
        }
        assert!(count > 400, "{count}");
    }

    #[test]
    fn a_number_that_nobody_can_have_says_what_is_wrong_with_it() {
        let cases = [
            ("", None, PhoneError::NotANumber),
            ("hello", Some("GB"), PhoneError::NotANumber),
            ("1-800-FLOWERS", Some("US"), PhoneError::NotANumber),
            ("+999 123 456 789", None, PhoneError::UnknownCountry),
            ("020 7946 0018", None, PhoneError::UnknownCountry),
            ("020 7946 0018", Some("Britain"), PhoneError::UnknownRegion { region: "Britain".to_owned() }),
            ("+1 202 555", None, PhoneError::TooShort),
            ("555 0173", Some("US"), PhoneError::LocalOnly),
            ("+1 202 555 01733", None, PhoneError::TooLong),
            ("+1 202 555 0173 #22", None, PhoneError::Extension),
            ("00 030 23125 100", Some("DE"), PhoneError::PrefixTwice),
            (&"1".repeat(41), Some("US"), PhoneError::TooLong),
        ];
        for (text, region, expected) in cases {
            assert_eq!(normalise(text, region), Err(expected), "{text} in {region:?}");
        }
    }

    #[test]
    fn a_number_prints_its_last_three_digits_only() {
        let phone = normalise("+12025550173", None).unwrap();
        assert_eq!(format!("{phone:?}"), "Phone(…173)");
        assert_eq!(phone.as_str(), "+12025550173");
    }

    #[test]
    fn json_takes_e164_and_nothing_else() {
        let phone: Phone = serde_json::from_str("\"+12025550173\"").unwrap();
        assert_eq!(serde_json::to_string(&phone).unwrap(), "\"+12025550173\"");
        for text in
            ["12025550173", "+1 2025550173", "+02025550173", "+123456", "+1234567890123456", "+", "+1202555017３"]
        {
            assert_eq!(Phone::try_from(text.to_owned()), Err(PhoneError::NotE164), "{text}");
        }
    }

    #[test]
    fn a_number_knows_its_country_if_its_range_belongs_to_one() {
        let cases = [
            ("+442079460018", Some("GB")),
            ("+628111000111", Some("ID")),
            ("+12025550173", Some("US")),
            ("+16135550173", Some("CA")),
            ("+15555550100", None),
        ];
        for (text, expected) in cases {
            assert_eq!(region_of(&normalise(text, None).unwrap()).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn normalising_never_panics_and_is_done_once(text in "[-+0-9 ().]{0,24}|\\PC{0,24}", region in "[A-Z]{2}|\\PC{0,4}") {
            if let Ok(phone) = normalise(&text, Some(&region)) {
                prop_assert_eq!(normalise(phone.as_str(), None), Ok(phone.clone()));
                prop_assert_eq!(Phone::try_from(phone.as_str().to_owned()), Ok(phone));
            }
        }
    }
}
