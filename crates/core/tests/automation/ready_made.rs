//! Greetings and away messages are ordinary automations.

use chrono_tz::Tz;
use postroad_core::{
    automation::{
        BusinessHours, Condition, Definition, Effect, Facts,
        actions::StepResult,
        dry_run,
        ready_made::{away, greeting},
    },
    gates::QuietPolicy,
    ids::AccountId,
};
use uuid::Uuid;

use crate::scene::{account, at, facts, sound};

fn answers(definition: Definition, facts: &Facts) -> bool {
    let told = dry_run(&sound(definition), facts);
    told.iter().any(|step| matches!(step.result, StepResult::Does { effect: Effect::Reply { .. } }))
}

fn on(now: &str) -> Facts {
    Facts { now: at(now), ..facts() }
}

const MONDAY_NOON: &str = "2026-03-02T12:00:00Z";
const SUNDAY_NOON: &str = "2026-03-08T12:00:00Z";

#[test]
fn a_greeting_answers_the_first_message_of_a_conversation() {
    let hello = || greeting("Hello {{contact.first_name|there}}", None);
    assert!(answers(hello(), &on(SUNDAY_NOON)));
    assert!(!answers(hello(), &Facts { first_in_conversation: false, ..on(SUNDAY_NOON) }));
    let in_hours = || greeting("Hello", Some(BusinessHours::usual(Tz::UTC)));
    assert!(answers(in_hours(), &on(MONDAY_NOON)));
    assert!(!answers(in_hours(), &on(SUNDAY_NOON)));
}

#[test]
fn an_away_message_answers_while_nobody_is_there() {
    assert!(answers(away("We are closed", None), &on(SUNDAY_NOON)));
    assert!(!answers(away("We are closed", None), &on(MONDAY_NOON)));
    let own = || away("We are closed", Some(BusinessHours::usual(Tz::Pacific__Auckland)));
    assert!(answers(own(), &on(MONDAY_NOON)), "it is one in the morning there");
    assert!(own().cooldown_s > 0, "and says so once a night");
}

#[test]
fn an_away_message_is_left_out_in_quiet_hours_rather_than_late() {
    let told = dry_run(&sound(away("We are closed", None)), &on(SUNDAY_NOON));
    let StepResult::Does { effect: Effect::Reply { quiet_hours, .. } } = &told[1].result else { panic!("it replies") };
    assert_eq!(*quiet_hours, Some(QuietPolicy::Skip));
}

#[test]
fn both_may_be_for_some_accounts_only() {
    let other = AccountId::from_uuid(Uuid::from_u128(2));
    let always = Definition { conditions: Condition::ALWAYS, ..greeting("Hello", None) };
    for definition in [greeting("Hello", None), away("We are closed", None), always] {
        assert!(answers(definition.clone().on(vec![account(), other]), &on(SUNDAY_NOON)));
        assert!(!answers(definition.on(vec![other]), &on(SUNDAY_NOON)));
    }
}
