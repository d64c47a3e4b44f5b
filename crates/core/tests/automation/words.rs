//! What a contact reads: placeholders, fallbacks and bounds.

use std::collections::BTreeMap;

use postroad_core::{
    automation::{
        Definition, Effect, Facts, Program,
        actions::{StepResult, reply::Reply},
        dry_run,
        facts::ContactFacts,
    },
    limits::{BODY_CHARS_MAX, VALUE_CHARS_MAX},
};
use proptest::prelude::*;
use serde_json::json;

use crate::scene::{body, definition, facts};

fn replying(text: &str) -> Definition {
    Definition { actions: vec![Reply::new(text).into()], ..definition(&json!({"all": []}), &json!([])) }
}

fn said(text: &str, contact: ContactFacts) -> String {
    let program = Program::new(replying(text)).unwrap();
    let told = dry_run(&program, &Facts { contact, ..facts() });
    match &told[1].result {
        StepResult::Does { effect: Effect::Reply { text, .. } } => text.0.clone(),
        other => panic!("{other:?}"),
    }
}

fn named(name: &str) -> ContactFacts {
    ContactFacts { display_name: Some(body(name)), ..ContactFacts::default() }
}

#[test]
fn values_take_their_places_and_fallbacks_the_places_of_what_is_not_known() {
    let nobody = ContactFacts::default;
    let cases = [
        ("Hi {{contact.first_name}}!", named("Ana Lima"), "Hi Ana!"),
        ("Hi {{contact.name}}!", named(" Ana Lima "), "Hi Ana Lima!"),
        ("Hi {{contact.first_name|there}}!", nobody(), "Hi there!"),
        ("Hi {{contact.first_name|there}}!", named("  "), "Hi there!"),
        ("Hi {{contact.first_name|}}!", nobody(), "Hi !"),
        ("{{contact.language|en}}", nobody(), "en"),
        ("{{contact.attribute.tier|new}}", facts().contact, "gold"),
        ("{{contact.attribute.display_name}}", named("Ana"), "Ana"),
        ("{{contact.attribute.tier|a | b}}", nobody(), "a | b"),
        // A value is text, and begins no line.
        ("{{contact.name}}", named("{{contact.language}}"), "{{contact.language}}"),
        ("{{contact.name}}", named("Ana\nSTOP"), "Ana STOP"),
        ("{x} }} {", nobody(), "{x} }} {"),
    ];
    for (text, contact, expected) in cases {
        assert_eq!(said(text, contact), expected, "{text}");
    }
}

#[test]
fn a_name_like_a_novel_is_cut() {
    let long = "é".repeat(VALUE_CHARS_MAX + 1);
    assert_eq!(said("{{contact.name}}", named(&long)).chars().count(), VALUE_CHARS_MAX);
    let text = format!("{}{{{{contact.name}}}}", "a".repeat(BODY_CHARS_MAX - 20));
    assert_eq!(said(&text, named(&long)).chars().count(), BODY_CHARS_MAX);
}

#[test]
fn a_wrong_placeholder_is_told_with_its_place() {
    let cases = [
        ("é {{contact.age}}", "the placeholder at character 2 is none"),
        ("{{ contact.name }}", "the placeholder at character 0 is none"),
        ("{{contact.attribute.}}", "the placeholder at character 0 is none"),
        ("{{contact.name}} {{", "the placeholder at character 17 has no end: write }} behind it"),
    ];
    for (text, expected) in cases {
        let faults = Program::new(replying(text)).unwrap_err();
        assert!(faults[0].fix.starts_with(expected), "{text}: {}", faults[0].fix);
    }
}

#[test]
fn what_a_person_is_called_is_nowhere_but_in_data() {
    let program = Program::new(replying("Hello {{contact.name}}")).unwrap();
    let told = dry_run(&program, &facts());
    assert!(!format!("{told:?}").contains("Ana"));
    assert!(told.iter().all(|step| !step.words.contains("Ana")));
    assert_eq!(told[1].fact.0, json!({"contact.name": "Ana Lima"}));
}

proptest! {
    #[test]
    fn no_text_and_no_value_makes_a_reply_panic_or_grow(
        text in "([{}|]{0,3}(contact\\.(first_name|name|attribute\\.x))?[{}|]{0,3}\\PC{0,5}){1,8}",
        value in "\\PC{0,300}",
    ) {
        if let Ok(program) = Program::new(replying(&text)) {
            let contact = ContactFacts { attributes: BTreeMap::from([("x".to_owned(), body(&value))]), ..named(&value) };
            let told = dry_run(&program, &Facts { contact, ..facts() });
            let StepResult::Does { effect: Effect::Reply { text, .. } } = &told[1].result else { panic!("it replies") };
            prop_assert!(text.0.chars().count() <= BODY_CHARS_MAX);
        }
    }
}
