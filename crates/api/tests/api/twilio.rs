//! Webhooks of Twilio on their way into the journal.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use http::Request;
use postroad_app::accounts::{self, Limits, NewAccount, PortfolioChange};
use postroad_core::{
    account::{Channel, Pace},
    ids::{AccountId, TenantId},
};
use postroad_testkit::{Answer, Seed};
use secrecy::SecretString;
use sha1::Sha1;

use crate::world::World;

const TOKEN: &str = "token-of-one";
const NUMBER: &str = "+12025550100";
const STATUS: &str = "/webhooks/twilio/status?account=12025550100&message=0198c1b2000070008000000000000001.1";

async fn connect(world: &World, tenant: TenantId, provider: &str, channel: Channel) -> AccountId {
    let new = NewAccount {
        provider: provider.to_owned(),
        channel,
        external_id: NUMBER.to_owned(),
        display_name: "Number".to_owned(),
        credentials: vec![("auth_token".to_owned(), SecretString::from(TOKEN))],
        settings: [("account_sid".to_owned(), "AC1".to_owned())].into_iter().collect(),
        limits: Limits { pace: Pace { per_s: 1.0, burst: 1 }, spacing: None, shared: None },
        portfolio: PortfolioChange::default(),
        time_zone: None,
        quiet_hours: None,
        is_primary: false,
    };
    accounts::connect(&world.app, tenant, new).await.unwrap()
}

/// Both channels of one number.
async fn town(world: &World) -> (AccountId, AccountId) {
    let tenant = Seed::new(&world.db, world.clock.now()).await.tenant;
    let sms = connect(world, tenant, "twilio_sms", Channel::Sms).await;
    (sms, connect(world, tenant, "twilio_whatsapp", Channel::Whatsapp).await)
}

/// Signed for the public address, which need not be the one that is called.
async fn post(world: &World, path: &str, fields: &[(&str, &str)], token: &str) -> Answer {
    let mut sorted = fields.to_vec();
    sorted.sort_unstable();
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(format!("http://127.0.0.1:7800{path}").as_bytes());
    for (name, value) in &sorted {
        mac.update(format!("{name}{value}").as_bytes());
    }
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post(format!("{}{path}", world.base))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-twilio-signature", BASE64.encode(&mac.finalize().into_bytes()))
        .header("i-twilio-idempotency-token", "one")
        .body(body.into_bytes())
        .unwrap();
    world.http.send(request).await
}

fn said<'a>(from: &'a str, to: &'a str) -> [(&'a str, &'a str); 5] {
    [("AccountSid", "AC1"), ("MessageSid", "SM1"), ("From", from), ("To", to), ("Body", "Does it come in blue?")]
}

/// The account of the SMS first.
async fn stored_for(world: &World) -> String {
    world.text("select string_agg(account_id::text, ',' order by provider) from webhook_journal").await
}

#[tokio::test]
async fn what_a_person_says_is_stored_for_its_channel_and_answered_with_no_instructions() {
    let world = World::new().await;
    let (sms, whatsapp) = town(&world).await;
    let answer = post(&world, "/webhooks/twilio/sms", &said("+12025550123", NUMBER), TOKEN).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/xml"));
    assert!(answer.text().ends_with("<Response/>"), "{}", answer.text());
    let (from, to) = ("whatsapp:+12025550123", "whatsapp:+12025550100");
    assert_eq!(post(&world, "/webhooks/twilio/whatsapp", &said(from, to), TOKEN).await.status, 200);
    assert_eq!(stored_for(&world).await, format!("{},{}", sms.uuid(), whatsapp.uuid()));
    assert_eq!(world.count("select count(*) from webhook_journal where headers ? 'x-twilio-signature'").await, 2);
}

#[tokio::test]
async fn a_status_goes_to_the_account_of_its_channel_with_the_whole_address() {
    let world = World::new().await;
    let (sms, whatsapp) = town(&world).await;
    let status = |from, to| {
        [("AccountSid", "AC1"), ("MessageSid", "SM1"), ("MessageStatus", "sent"), ("From", from), ("To", to)]
    };
    let of_whatsapp = status("whatsapp:+12025550100", "whatsapp:+12025550123");
    assert_eq!(post(&world, STATUS, &of_whatsapp, TOKEN).await.status, 204);
    assert_eq!(post(&world, STATUS, &status(NUMBER, "+12025550123"), TOKEN).await.status, 204);
    assert_eq!(stored_for(&world).await, format!("{},{}", sms.uuid(), whatsapp.uuid()));
    let url = world.text("select distinct url from webhook_journal").await;
    assert_eq!(url, format!("http://127.0.0.1:7800{STATUS}"));
}

#[tokio::test]
async fn a_wrong_token_or_another_address_is_turned_away() {
    let world = World::new().await;
    town(&world).await;
    let fields = said("+12025550123", NUMBER);
    assert_eq!(post(&world, "/webhooks/twilio/sms", &fields, "another").await.status, 403);
    let of_nobody = said("+12025550123", "+12025550199");
    assert_eq!(post(&world, "/webhooks/twilio/sms", &of_nobody, TOKEN).await.status, 403);
    let elsewhere = said("whatsapp:+12025550123", "whatsapp:+12025550100");
    assert_eq!(post(&world, "/webhooks/twilio/sms", &elsewhere, TOKEN).await.status, 403);
    assert_eq!(world.count("select count(*) from webhook_journal").await, 0);
}
