//! Webhooks of Meta, or of somebody in its name.

use postroad_core::provider::Hook;
use postroad_providers::whatsapp_cloud::WhatsappCloud;

use crate::{
    parts::{self, now},
    webhook::{credentials, headers, is_believed, is_sound},
};

/// Signature, JSON.
#[test]
fn whatever_comes_as_a_webhook_of_meta_is_read_the_same_twice_and_bounded() {
    let credentials = credentials(&[("app_secret", "appsecret"), ("verify_token", "a verify & token")]);
    target!(|input: &[u8]| {
        let [signature, body] = parts::bytes(input);
        let headers = headers(["x-hub-signature-256"], [signature]);
        let url = "https://messages.example/webhooks/whatsapp_cloud/106540352242922";
        let hook = Hook { headers: &headers, url, body, received_at: now() };
        is_believed(&WhatsappCloud, &hook, &credentials) & is_sound(&WhatsappCloud, "106540352242922", &hook)
    });
}
