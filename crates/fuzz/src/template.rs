//! Texts with places for values.

use postroad_core::{
    limits::BODY_CHARS_MAX,
    template::{placeholders, render},
};

use crate::parts;

/// Values with `|` between them, then the template.
#[test]
fn what_a_template_becomes_is_bounded_and_its_values_mean_nothing() {
    target!(|input: &[u8]| {
        let [values, body] = parts::texts(input);
        let values: Vec<String> = values.split('|').filter(|value| !value.is_empty()).map(str::to_owned).collect();
        let Ok(text) = render(&body, &values) else { return false };
        assert!(text.chars().count() <= BODY_CHARS_MAX && placeholders(&body) == Ok(values.len()));
        // Were a value read as a part of the template, it would not stand in the text as it is.
        assert!(values.iter().all(|value| text.contains(value)));
        let plain: Vec<String> = values.iter().map(|value| "x".repeat(value.chars().count())).collect();
        assert_eq!(render(&body, &plain).map(|plain| plain.chars().count()), Ok(text.chars().count()));
        true
    });
}
