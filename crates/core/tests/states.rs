//! Which moves are legal: of sends by receipts, of campaigns by anything.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail")]

use postroad_core::{
    campaign::CampaignState,
    ids::MessageId,
    send::{Correlation, SendState},
};
use proptest::prelude::*;

const RECEIPTS: [SendState; 4] = [SendState::Sent, SendState::Failed, SendState::Delivered, SendState::Read];

/// Some receipts, each up to three times, in the order in which the network happens to bring them.
fn any_receipts() -> impl Strategy<Value = Vec<SendState>> {
    proptest::collection::vec(0..4_usize, 0..12)
        .prop_map(|kinds| kinds.into_iter().map(|kind| RECEIPTS[kind]).collect::<Vec<_>>())
        .prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_send_ends_where_the_highest_receipt_put_it_in_whatever_order_they_came(receipts in any_receipts()) {
        let highest = receipts.iter().copied().max_by_key(|receipt| receipt.rank()).unwrap_or(SendState::Accepted);
        for before in [SendState::Attempting, SendState::Unknown, SendState::Accepted] {
            let expected = if receipts.is_empty() { before } else { highest };
            prop_assert_eq!(receipts.iter().fold(before, |state, receipt| state.raised_by(*receipt)), expected);
        }
    }

    #[test]
    fn receipts_in_one_batch_do_what_they_do_one_by_one(receipts in any_receipts(), more in any_receipts()) {
        let one_by_one = receipts.iter().chain(&more).fold(SendState::Accepted, |state, receipt| state.raised_by(*receipt));
        let batch = |receipts: &[SendState]| receipts.iter().copied().max_by_key(|receipt| receipt.rank());
        let by_batch = [batch(&receipts), batch(&more)].into_iter().flatten().fold(SendState::Accepted, SendState::raised_by);
        prop_assert_eq!(by_batch, one_by_one);
    }

    #[test]
    fn a_correlation_is_read_as_it_was_written_and_noise_is_not_ours(uuid: u128, attempt in 1..i32::MAX, noise in "\\PC{0,60}") {
        let message = MessageId::from_uuid(uuid::Uuid::from_u128(uuid));
        let correlation = Correlation { message, attempt };
        prop_assert_eq!(Correlation::parse(&correlation.to_string()), Some(correlation));
        if let Some(read) = Correlation::parse(&noise) {
            prop_assert_eq!(read.to_string(), noise);
        }
    }
}

#[test]
fn receipts_have_ranks_of_their_own_and_nothing_before_acceptance_has_one() {
    let ranked: Vec<SendState> =
        (1..=5).map(|rank| *SendState::ALL.iter().find(|s| s.rank() == rank).unwrap()).collect();
    assert_eq!(
        ranked,
        [SendState::Accepted, SendState::Sent, SendState::Failed, SendState::Delivered, SendState::Read]
    );
    assert_eq!(SendState::ALL.iter().filter(|state| state.rank() == 0).count(), SendState::ALL.len() - 5);
}

#[test]
fn a_late_failure_does_not_undo_a_delivery_and_a_late_delivery_undoes_a_failure() {
    assert_eq!(SendState::Delivered.raised_by(SendState::Failed), SendState::Delivered);
    assert_eq!(SendState::Failed.raised_by(SendState::Delivered), SendState::Delivered);
    assert_eq!(SendState::Delivered.raised_by(SendState::Sent), SendState::Delivered);
}

#[test]
fn every_state_has_one_of_the_five_words_and_what_may_still_be_sent_is_queued() {
    for state in SendState::ALL {
        assert!(["queued", "sent", "delivered", "read", "failed"].contains(&state.group()), "{state}");
        assert_eq!(state.group() == "queued" || *state == SendState::Unknown, !state.is_final(), "{state}");
    }
}

#[test]
fn a_campaign_moves_only_as_the_table_says() {
    use CampaignState as S;
    let table: [(S, &[S]); 10] = [
        (S::Draft, &[S::Scheduled, S::Preparing, S::Cancelled]),
        (S::Scheduled, &[S::Draft, S::Preparing, S::Completed, S::Cancelled, S::Expired]),
        (S::Preparing, &[S::Running, S::Paused, S::Cancelled]),
        (S::Running, &[S::Paused, S::Completing, S::Cancelled]),
        (S::Paused, &[S::Preparing, S::Running, S::Cancelled]),
        (S::Completing, &[S::Paused, S::Completed, S::PartiallyFailed, S::Cancelled]),
        (S::Completed, &[]),
        (S::PartiallyFailed, &[]),
        (S::Cancelled, &[]),
        (S::Expired, &[]),
    ];
    assert_eq!(table.map(|(state, _)| state), S::ALL);
    for (state, moves) in table {
        let legal: Vec<S> = S::ALL.iter().copied().filter(|next| state.may_become(*next)).collect();
        assert_eq!(legal, moves, "{state}");
        assert_eq!(state.is_final(), moves.is_empty(), "{state}");
    }
}

#[test]
fn every_unfinished_campaign_can_be_cancelled_and_every_campaign_can_end() {
    for state in CampaignState::ALL.iter().filter(|state| !state.is_final()) {
        assert!(state.may_become(CampaignState::Cancelled), "{state}");
    }
}
