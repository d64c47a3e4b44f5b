//! Forgotten passwords and proven addresses, as callers see them. That the mails arrive, the worker's road shows.

use chrono::TimeDelta;
use http::Method;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, code, owner, refused},
    world::World,
};

async fn forget(browser: &mut Browser<'_>, email: &str) -> (u16, String, Vec<String>) {
    let answer = browser.post("/v1/auth/forgot-password", json!({"email": email})).await;
    let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
    names.sort();
    (answer.status, answer.text(), names)
}

#[tokio::test]
async fn strangers_who_forgot_get_the_same_answer_as_everybody_and_leave_the_same_behind() {
    let world = World::mailing().await;
    owner(&world).await;
    let mut eve = Browser::new(&world);
    let known = forget(&mut eve, "ada@shop.example").await;
    assert_eq!((known.0, known.1.as_str()), (202, ""));
    assert_eq!(forget(&mut eve, "nobody@shop.example").await, known);
    let left = "select count(*) from mails where kind = 'reset' and user_id is null and state = 'waiting'";
    assert_eq!(world.count(left).await, 2);
    assert_eq!(world.count("select count(*) from user_words").await, 0, "who it is, is looked up later");
}

#[tokio::test]
async fn nobody_fills_a_mailbox_by_asking_again_and_again() {
    let world = World::mailing().await;
    let resets = "select count(*) from mails where kind = 'reset'";
    let mut eve = Browser::new(&world);
    for (wait, mails) in [(0, 1), (0, 1), (61, 2), (61, 2), (60, 3)] {
        world.clock.advance(TimeDelta::seconds(wait));
        assert_eq!(forget(&mut eve, "Ada@shop.example").await.0, 202);
        assert_eq!(world.count(resets).await, mails, "after {wait} s");
    }
    let mut refusals = 0;
    for number in 0..30 {
        refusals += i32::from(forget(&mut eve, &format!("{number}@shop.example")).await.0 == 429);
    }
    assert!(refusals >= 10, "one network asks for so many mails and no more: {refusals}");
}

#[tokio::test]
async fn without_a_mail_server_the_answer_is_the_same_and_nothing_is_written() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    assert_eq!(forget(&mut ada, "ada@shop.example").await.0, 202);
    assert_eq!(code(&ada.post("/v1/auth/send-verification", Value::Null).await), refused(409, "no_mail"));
    assert_eq!(ada.invite("bo@shop.example", "agent").await.json()["mailed"], false);
    assert_eq!(world.count("select count(*) from mails").await, 0);
}

#[tokio::test]
async fn words_that_nobody_was_sent_lead_nowhere_and_strangers_pages_send_nothing() {
    let world = World::mailing().await;
    let mut ada = owner(&world).await;
    assert_eq!(ada.get("/v1/auth/me").await.json()["user"]["email_verified"], false);
    assert_eq!(ada.invite("bo@shop.example", "agent").await.json()["mailed"], true);
    for token in ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "x", ""] {
        let reset = json!({"token": token, "password": "another horse entirely, on a hill"});
        assert_eq!(code(&ada.post("/v1/auth/reset-password", reset).await), refused(404, "no_such_word"));
        assert_eq!(
            code(&ada.post("/v1/auth/verify-email", json!({"token": token})).await),
            refused(404, "no_such_word")
        );
    }
    for path in ["forgot-password", "reset-password", "verify-email", "send-verification"] {
        let answer = ada.call_with(Method::POST, &format!("/v1/auth/{path}"), &json!({}), &[]).await;
        assert_eq!(code(&answer), refused(403, "foreign_page"), "{path}");
    }
    assert_eq!(ada.post("/v1/auth/send-verification", Value::Null).await.status, 202);
    assert_eq!(ada.post("/v1/auth/send-verification", Value::Null).await.status, 202);
    assert_eq!(
        world.count("select count(*) from mails where kind = 'verify'").await,
        2,
        "the first came with the account"
    );
}
