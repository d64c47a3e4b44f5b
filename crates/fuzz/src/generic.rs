//! Posts of platforms that speak our words, or of somebody in their name.

use postroad_core::provider::{Hook, Provider as _};
use postroad_providers::generic::Generic;

use crate::{
    parts::{self, now},
    webhook::{credentials, headers, is_believed, is_sound},
};

/// Id, time, signatures, JSON.
#[test]
fn whatever_comes_from_a_platform_that_speaks_our_words_is_read_the_same_twice_and_bounded() {
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let credentials = credentials(&[("platform", "viber"), ("webhook_secret", secret)]);
    target!(|input: &[u8]| {
        let [id, timestamp, signature, body] = parts::bytes(input);
        let headers = headers(["webhook-id", "webhook-timestamp", "webhook-signature"], [id, timestamp, signature]);
        let url = "https://messages.example/integrations/viber/webhook/acc_00000000000000000000000000000001";
        let hook = Hook { headers: &headers, url, body, received_at: now() };
        assert!(Generic.delivery(&hook).is_none_or(|id| (1..=256).contains(&id.len())));
        is_believed(&Generic, &hook, &credentials) & is_sound(&Generic, "bot", &hook)
    });
}
