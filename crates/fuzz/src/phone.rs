//! Numbers as people write them.

use postroad_core::phone::{self, Phone};

use crate::parts;

/// Region, number.
#[test]
fn a_number_has_one_spelling_whatever_it_is_read_from() {
    target!(|input: &[u8]| {
        let [region, text] = parts::texts(input);
        let Ok(phone) = phone::normalise(&text, Some(&region)) else { return false };
        let digits = phone.as_str().strip_prefix('+').unwrap();
        assert!(digits.len() <= 15 && digits.bytes().all(|byte| byte.is_ascii_digit()), "E.164 has 15 digits");
        assert_eq!(phone::normalise(phone.as_str(), None).as_ref(), Ok(&phone));
        assert_eq!(Phone::try_from(phone.as_str().to_owned()), Ok(phone));
        true
    });
}
