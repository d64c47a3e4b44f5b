//! Loops end, machines are not answered, and quick messages start one run.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::automation::{
    Admission, Caps, Definition, Event, Facts, Program, RefusalReason, Run, TriggerFacts, Turn, admission::Unfinished,
    admit, mail::MailHeaders, next,
};
use proptest::prelude::*;
use serde_json::json;

use crate::scene::{at, definition, facts, read, sound};

fn answering() -> Definition {
    definition(&json!({"all": []}), &json!([{"reply": {"text": "Thank you, we will look at it"}}]))
}

/// An ordinary message.
fn arrived(now: DateTime<Utc>) -> TriggerFacts {
    TriggerFacts {
        now,
        event: Event::Inbound { campaign: None },
        causality_depth: 0,
        automated_within_hour: 0,
        mail: None,
        from_own_address: false,
        given_to_another: false,
        unfinished: None,
        acted_last_at: None,
    }
}

fn now() -> DateTime<Utc> {
    at("2026-03-02T10:00:00Z")
}

fn refused(facts: &TriggerFacts) -> RefusalReason {
    match admit(facts, &Caps::of(&answering())) {
        Admission::Refuse { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_reason_refuses_at_its_bound_and_not_before() {
    let usual = || arrived(now());
    let mail = |name, value| Some(MailHeaders::read([(name, value)]));
    let admitted = [
        usual(),
        TriggerFacts { causality_depth: 2, ..usual() },
        TriggerFacts { automated_within_hour: 9, ..usual() },
        TriggerFacts { mail: mail("Auto-Submitted", "no"), ..usual() },
        TriggerFacts { event: Event::ConversationOpened, given_to_another: true, ..usual() },
    ];
    for facts in admitted {
        assert_eq!(admit(&facts, &Caps::of(&answering())), Admission::Admit, "{facts:?}");
    }
    let cases = [
        (TriggerFacts { causality_depth: 3, ..usual() }, RefusalReason::CausalityDepth),
        (TriggerFacts { automated_within_hour: 10, ..usual() }, RefusalReason::ThreadCap),
        (TriggerFacts { from_own_address: true, ..usual() }, RefusalReason::OwnAddress),
        (TriggerFacts { mail: mail("Auto-Submitted", "auto-replied"), ..usual() }, RefusalReason::AutoSubmitted),
        (TriggerFacts { mail: mail("Precedence", "bulk"), ..usual() }, RefusalReason::Precedence),
        (
            TriggerFacts { mail: mail("X-Auto-Response-Suppress", "All"), ..usual() },
            RefusalReason::AutoResponseSuppress,
        ),
        (TriggerFacts { mail: mail("Return-Path", "<>"), ..usual() }, RefusalReason::EmptyReturnPath),
        (TriggerFacts { given_to_another: true, ..usual() }, RefusalReason::GivenToAnother),
    ];
    for (facts, expected) in cases {
        assert_eq!(refused(&facts), expected, "{facts:?}");
        assert!(!expected.sentence().is_empty());
    }
}

#[test]
fn two_quick_messages_start_one_run() {
    let program = sound(answering());
    let first = arrived(now());
    assert_eq!(admit(&first, &Caps::of(program.definition())), Admission::Admit);
    let run = Run::of(program.definition(), now(), 0);

    let unfinished = Some(Unfinished { gathering: run.is_gathering(), messages: 1 });
    let second = TriggerFacts { unfinished, ..arrived(now() + TimeDelta::seconds(1)) };
    assert_eq!(admit(&second, &Caps::of(program.definition())), Admission::Join);

    let settled = Facts { now: now() + TimeDelta::seconds(2), ..facts() };
    let judged = next(&program, &run, &settled);
    assert_eq!(judged.turn, Turn::GoOn);
    let unfinished = Some(Unfinished { gathering: judged.run.is_gathering(), messages: 2 });
    assert_eq!(refused(&TriggerFacts { unfinished, ..arrived(settled.now) }), RefusalReason::RunInProgress);
}

#[test]
fn a_run_takes_no_more_messages_than_it_can_look_at_and_no_other_events() {
    let gathering = |messages| Some(Unfinished { gathering: true, messages });
    assert_eq!(
        admit(&TriggerFacts { unfinished: gathering(19), ..arrived(now()) }, &Caps::of(&answering())),
        Admission::Join
    );
    assert_eq!(refused(&TriggerFacts { unfinished: gathering(20), ..arrived(now()) }), RefusalReason::RunInProgress);
    let opened = TriggerFacts { event: Event::ConversationOpened, unfinished: gathering(1), ..arrived(now()) };
    assert_eq!(refused(&opened), RefusalReason::RunInProgress);
}

#[test]
fn an_automation_rests_after_it_acted() {
    let caps = Caps { cooldown_s: 60, ..Caps::of(&answering()) };
    let after = |seconds| TriggerFacts { acted_last_at: Some(now() - TimeDelta::seconds(seconds)), ..arrived(now()) };
    assert_eq!(admit(&after(59), &caps), Admission::Refuse { reason: RefusalReason::Cooldown });
    assert_eq!(admit(&after(60), &caps), Admission::Admit);
}

#[test]
fn an_automation_that_says_nothing_is_not_held_by_the_cap() {
    let silent = definition(&json!({"all": []}), &json!([{"tag": {"add": ["a"]}}]));
    let full = TriggerFacts { automated_within_hour: 1_000, ..arrived(now()) };
    assert_eq!(admit(&full, &Caps::of(&silent)), Admission::Admit);
    let branch = json!([{"branch": {"condition": {"all": []}, "otherwise": [{"reply": {"text": "Hello"}}]}}]);
    assert!(definition(&json!({"all": []}), &branch).speaks());
}

/// What is said to the other party: when, and with what depth.
type Said = (DateTime<Utc>, u32);

/// One of two parties whose automations answer each other.
struct Party {
    program: Program,
    said: Vec<DateTime<Utc>>,
}

impl Party {
    fn new(wait_s: u32) -> Self {
        let actions = json!([{"wait": {"seconds": wait_s}}, {"reply": {"text": "Thank you, we will look at it"}}]);
        let program = sound(definition(&json!({"all": []}), &actions));
        Self { program, said: Vec::new() }
    }

    fn within_hour(&self, now: DateTime<Utc>) -> u32 {
        let count = self.said.iter().filter(|at| **at > now - TimeDelta::hours(1)).count();
        u32::try_from(count).unwrap()
    }

    /// What it says to a message, or why it begins no run.
    fn hear(&mut self, (now, causality_depth): Said) -> Result<Said, RefusalReason> {
        let facts = TriggerFacts { causality_depth, automated_within_hour: self.within_hour(now), ..arrived(now) };
        match admit(&facts, &Caps::of(self.program.definition())) {
            Admission::Refuse { reason } => Err(reason),
            _ => Ok(self.answer(Run::of(self.program.definition(), now, causality_depth))),
        }
    }

    /// Runs until something is said: each of these programs says something.
    fn answer(&mut self, mut run: Run) -> Said {
        let mut facts = Facts { now: run.began_at, ..facts() };
        loop {
            let step = next(&self.program, &run, &facts);
            run = step.run;
            match step.turn {
                Turn::Do { effect, .. } if effect.is_message() => break,
                Turn::WaitUntil { at } => facts.now = at,
                turn => assert_eq!(turn, Turn::GoOn, "it answers"),
            }
        }
        self.said.push(facts.now);
        (facts.now, run.depth_of_effects())
    }
}

/// Messages that two automations say to one another until one of them is silent, and why it is.
fn exchange(waits_s: [u32; 2], depth_is_known: bool) -> (usize, RefusalReason) {
    let mut parties = waits_s.map(Party::new);
    let mut heard = (now(), 0);
    for said in 0..1_000 {
        match parties[said % 2].hear(heard) {
            Ok((at, depth)) => heard = (at, if depth_is_known { depth } else { 0 }),
            Err(reason) => return (said, reason),
        }
    }
    panic!("they did not stop");
}

proptest! {
    #[test]
    fn two_automations_that_answer_each_other_always_stop_at_the_depth(waits_s in [1..=2_592_000_u32, 1..=2_592_000_u32]) {
        prop_assert_eq!(exchange(waits_s, true), (3, RefusalReason::CausalityDepth));
    }

    #[test]
    fn and_at_the_cap_where_nobody_knows_what_led_to_a_message(waits_s in [1..=150_u32, 1..=150_u32]) {
        prop_assert_eq!(exchange(waits_s, false), (20, RefusalReason::ThreadCap));
    }
}

#[test]
fn a_pair_that_undoes_each_others_labels_stops_at_the_depth_with_a_reason() {
    let id = "lbl_0198c1b2000000000000000000000001";
    let on = |was: &str, does: &str| {
        read(&json!({"trigger": {"label": {"was": was, "any_of": [id]}}, "actions": [{"label": {does: [id]}}]}))
    };
    let pair = [on("added", "remove"), on("removed", "add")];
    let label = id.parse().unwrap();
    let moves = ["added", "removed"].map(|was| was.parse().unwrap());
    let stopped = (0_u32..100).find_map(|depth| {
        let turn = (depth % 2) as usize;
        let event = Event::Label { was: moves[turn], label };
        assert!(pair[turn].trigger.fires(&event));
        let facts = TriggerFacts { event, causality_depth: depth, ..arrived(now()) };
        match admit(&facts, &Caps::of(&pair[turn])) {
            Admission::Refuse { reason } => Some((depth, reason)),
            _ => None,
        }
    });
    assert_eq!(stopped, Some((3, RefusalReason::CausalityDepth)));
}
