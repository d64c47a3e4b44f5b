//! The GET by which Meta asks whether an address is ours.

use postroad_core::provider::{Credentials, Provider};
use postroad_providers::whatsapp_cloud::WhatsappCloud;

use crate::samples;

fn challenge(query: &str) -> Option<String> {
    WhatsappCloud.handshake(query, &samples::credentials())
}

#[test]
fn the_challenge_is_returned_to_whoever_knows_the_token() {
    let query = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=a+verify+%26+token";
    assert_eq!(challenge(query).as_deref(), Some("1158201444"));
    let reordered = "hub.verify_token=a%20verify%20%26%20token&hub.mode=subscribe&hub.challenge=1158201444";
    assert_eq!(challenge(reordered).as_deref(), Some("1158201444"));
}

#[test]
fn anything_else_is_not_answered() {
    let token = "hub.verify_token=a+verify+%26+token";
    let cases = [
        String::new(),
        "hub.mode=subscribe&hub.challenge=1".to_owned(),
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=".to_owned(),
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=a+verify+%26+tokem".to_owned(),
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=A+VERIFY+%26+TOKEN".to_owned(),
        format!("hub.mode=unsubscribe&hub.challenge=1&{token}"),
        format!("hub.challenge=1&{token}"),
        format!("hub.mode=subscribe&{token}"),
        format!("hub.mode=subscribe&hub.challenge=&{token}"),
        format!("hub.mode=subscribe&hub.challenge=%3Cscript%3E&{token}"),
        format!("hub.mode=subscribe&hub.challenge={}&{token}", "1".repeat(257)),
    ];
    for query in cases {
        assert_eq!(challenge(&query), None, "{query}");
    }
}

#[test]
fn an_empty_token_of_ours_opens_nothing() {
    let credentials = Credentials::new(vec![("verify_token".to_owned(), String::new().into())]);
    let query = "hub.mode=subscribe&hub.challenge=1&hub.verify_token=";
    assert_eq!(WhatsappCloud.handshake(query, &credentials), None);
}
