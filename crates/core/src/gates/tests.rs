//! All gates together, over any facts.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    explain::{sentence, verdicts},
    sendable::{any_facts, sendable},
    *,
};

/// Verdicts with few different instants, so that ties occur.
fn any_verdicts() -> impl Strategy<Value = Vec<(GateName, Verdict)>> {
    let now = sendable().now;
    let wait = (0..4_i64, select(Reason::ALL))
        .prop_map(move |(hours, reason)| Verdict::Wait { until: now + TimeDelta::hours(hours), reason });
    let verdict = prop_oneof![
        4 => Just(Verdict::Pass),
        2 => wait,
        1 => select(Reason::ALL).prop_map(|reason| Verdict::Refuse { reason }),
    ];
    vec((select(GateName::ALL), verdict), 0..20)
}

fn refusals(verdicts: &[(GateName, Verdict)]) -> Vec<Decision> {
    let refusal = |(gate, verdict): &(GateName, Verdict)| match verdict {
        Verdict::Refuse { reason } => Some(Decision::Refuse { gate: *gate, reason: *reason }),
        _ => None,
    };
    verdicts.iter().filter_map(refusal).collect()
}

fn waits(verdicts: &[(GateName, Verdict)]) -> Vec<(DateTime<Utc>, Decision)> {
    let wait = |(gate, verdict): &(GateName, Verdict)| match verdict {
        Verdict::Wait { until, reason } => {
            Some((*until, Decision::Wait { gate: *gate, until: *until, reason: *reason }))
        }
        _ => None,
    };
    verdicts.iter().filter_map(wait).collect()
}

fn until(decision: &Decision) -> Option<DateTime<Utc>> {
    match decision {
        Decision::Wait { until, .. } => Some(*until),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn any_refusal_wins_and_the_first_is_named(verdicts in any_verdicts()) {
        let ruling = combine(verdicts.clone());
        let refused = matches!(ruling.decision, Decision::Refuse { .. });
        prop_assert_eq!(refused, !refusals(&verdicts).is_empty());
        if let Some(first) = refusals(&verdicts).into_iter().next() {
            prop_assert_eq!(ruling.decision, first);
        }
    }

    #[test]
    fn without_a_refusal_the_longest_wait_wins_and_of_equals_the_first(mut verdicts in any_verdicts()) {
        verdicts.retain(|(_, verdict)| !matches!(verdict, Verdict::Refuse { .. }));
        let waits = waits(&verdicts);
        let longest = waits.iter().map(|(until, _)| *until).max();
        let first_longest = waits.into_iter().find(|(until, _)| Some(*until) == longest).map(|(_, decision)| decision);
        prop_assert_eq!(combine(verdicts).decision, first_longest.unwrap_or(Decision::Send));
    }

    #[test]
    fn a_bit_is_set_for_each_gate_that_passed_and_for_no_other(verdicts in any_verdicts()) {
        let passes = combine(verdicts.clone()).passes;
        for position in 0..31 {
            let passed = verdicts.get(position).is_some_and(|(_, verdict)| *verdict == Verdict::Pass);
            prop_assert_eq!(passes >> position & 1 == 1, passed, "gate {}", position);
        }
    }

    #[test]
    fn the_order_of_gates_changes_the_named_reason_at_most(
        (verdicts, shuffled) in any_verdicts().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let (one, other) = (combine(verdicts).decision, combine(shuffled).decision);
        prop_assert_eq!(std::mem::discriminant(&one), std::mem::discriminant(&other));
        prop_assert_eq!(until(&one), until(&other));
    }

    #[test]
    fn a_wait_ends_after_now_and_within_a_year(facts in any_facts()) {
        for (gate, verdict) in verdicts(&facts) {
            if let Verdict::Wait { until, .. } = verdict {
                prop_assert!(until > facts.now && until <= facts.now + TimeDelta::days(366), "{gate}: {until}");
            }
        }
    }

    #[test]
    fn a_wait_for_time_alone_is_exact_to_the_microsecond(facts in any_facts()) {
        for (position, (gate, verdict)) in verdicts(&facts).into_iter().enumerate() {
            let Verdict::Wait { until, reason } = verdict else { continue };
            // Of these two, a quota ends at an instant and a lack of credit at a payment, and both may hold.
            if reason.needs_a_person() || gate == GateName::Credit {
                continue;
            }
            let check = |now| (GATES[position].check)(&Facts { now, ..facts.clone() });
            prop_assert_eq!(check(until), Verdict::Pass, "{} at {}", gate, until);
            prop_assert_ne!(check(until - TimeDelta::microseconds(1)), Verdict::Pass, "{} before {}", gate, until);
        }
    }

    #[test]
    fn a_decision_depends_on_facts_alone_and_survives_storage(facts in any_facts()) {
        let stored: Facts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
        prop_assert_eq!(&stored, &facts);
        prop_assert_eq!(decide(&stored), decide(&facts));
    }

    #[test]
    fn every_verdict_has_a_sentence_that_names_its_gate(facts in any_facts()) {
        for (gate, verdict) in verdicts(&facts) {
            let (Verdict::Wait { reason, .. } | Verdict::Refuse { reason }) = verdict else { continue };
            let said = sentence(reason, gate, &facts);
            prop_assert!((20..=300).contains(&said.len()) && said.contains(": ") && said.contains("; "), "{said}");
            let leaves = matches!(verdict, Verdict::Wait { .. });
            prop_assert_eq!(said.contains("leaves "), leaves, "{}", said);
        }
    }
}

#[test]
fn a_message_without_obstacles_is_sent_past_all_eleven_gates() {
    let ruling = decide(&sendable());
    assert_eq!(ruling, Ruling { decision: Decision::Send, passes: 0b111_1111_1111 });
}

#[test]
fn the_registry_holds_each_gate_once_in_the_order_of_the_names() {
    let names: Vec<GateName> = GATES.iter().map(|gate| gate.name).collect();
    assert_eq!(names, GateName::ALL);
}

#[test]
fn only_a_passed_not_after_ends_as_expired() {
    for reason in Reason::ALL {
        let expected = if *reason == Reason::NotAfterPassed { SendState::Expired } else { SendState::Refused };
        assert_eq!(reason.final_state(), expected, "{reason}");
    }
}

#[test]
fn codes_and_agents_write_at_night_and_nobody_else() {
    for source in Source::ALL {
        for class in Class::ALL {
            let exempt = *class == Class::Auth || *source == Source::Agent;
            let expected = if exempt { QuietPolicy::Exempt } else { QuietPolicy::Hold };
            assert_eq!(QuietPolicy::default_for(*source, *class), expected, "{source} {class}");
        }
    }
}

#[test]
fn a_wait_is_kept_between_now_and_a_year() {
    let now = sendable().now;
    assert_eq!(bounded(now, now - TimeDelta::days(1)), now);
    assert_eq!(bounded(now, now + TimeDelta::days(1)), now + TimeDelta::days(1));
    assert_eq!(bounded(now, DateTime::<Utc>::MAX_UTC), now + TimeDelta::days(366));
}
