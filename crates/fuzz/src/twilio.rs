//! Webhooks of Twilio, or of somebody in its name.

use postroad_core::provider::Hook;
use postroad_providers::twilio::{SMS, WHATSAPP};

use crate::{
    parts::{self, now},
    webhook::{credentials, headers, is_believed, is_sound},
};

/// Signature, address, form or JSON.
#[test]
fn whatever_comes_as_a_webhook_of_twilio_is_read_the_same_twice_and_bounded() {
    let credentials = credentials(&[("auth_token", "12345"), ("account_sid", "AC00000000000000000000000000000001")]);
    target!(|input: &[u8]| {
        let [signature, url, body] = parts::bytes(input);
        let headers = headers(["x-twilio-signature"], [signature]);
        let hook = Hook { headers: &headers, url: &String::from_utf8_lossy(url), body, received_at: now() };
        let media = [SMS, WHATSAPP];
        let through = media.map(|one| is_believed(&one, &hook, &credentials) & is_sound(&one, "+12025550100", &hook));
        through.contains(&true)
    });
}
