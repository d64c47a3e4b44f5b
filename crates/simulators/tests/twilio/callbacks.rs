//! Statuses and messages as they arrive: signed, in order unless asked otherwise, repeated and retried.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use postroad_simulators::twilio::{File, Inbound};
use sha1::Sha1;

use crate::town::{Ear, Got, NUMBER, settled, simulator, text};

fn is_signed(ear: &Ear, got: &Got, token: &str) -> bool {
    let mut sorted = got.fields.clone();
    sorted.sort();
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(format!("{}{}", ear.base_url, got.path).as_bytes());
    for (name, value) in &sorted {
        mac.update(format!("{name}{value}").as_bytes());
    }
    let signature = BASE64.encode(&mac.finalize().into_bytes());
    got.headers["x-twilio-signature"] == signature.as_str()
}

#[tokio::test]
async fn statuses_go_to_the_address_of_the_message_under_the_token() {
    let ear = Ear::open(204).await;
    let sim = simulator(|_| {}).await;
    let sid = text(&sim, &format!("{}/status?message=m.1", ear.base_url)).await.unwrap().body["sid"].clone();
    settled(&sim).await;
    let got = ear.got();
    let statuses: Vec<_> = got.iter().filter_map(|got| got.field("MessageStatus")).collect();
    assert_eq!(statuses, ["sent", "delivered"], "nobody tells that an SMS was read");
    for got in &got {
        assert_eq!(
            (got.path.as_str(), got.field("MessageSid"), got.field("From")),
            ("/status?message=m.1", sid.as_str(), Some(NUMBER))
        );
        assert!(is_signed(&ear, got, "simulated-auth-token") && !is_signed(&ear, got, "another"));
    }
    assert_eq!(sim.messages(None)[0].status, "delivered");
}

#[tokio::test]
async fn a_callback_that_is_not_taken_comes_once_more() {
    let ear = Ear::open(500).await;
    let sim = simulator(|config| config.receipts.delivered.share = 0.0).await;
    text(&sim, &format!("{}/status?message=m.1", ear.base_url)).await.unwrap();
    settled(&sim).await;
    assert_eq!(ear.got().len(), 2);
    assert_eq!(sim.stats().callbacks.given_up, 1);
}

#[tokio::test]
async fn repetitions_are_equal() {
    let ear = Ear::open(204).await;
    let sim = simulator(|config| {
        config.callbacks.repeat = 3;
        config.receipts.delivered.share = 0.0;
    })
    .await;
    text(&sim, &format!("{}/status?message=m.1", ear.base_url)).await.unwrap();
    settled(&sim).await;
    let got = ear.got();
    assert_eq!(got.len(), 3);
    assert!(got.iter().all(|one| one.fields == got[0].fields));
}

#[tokio::test]
async fn shuffled_statuses_leave_the_message_where_it_got_to() {
    let ear = Ear::open(204).await;
    let sim = simulator(|config| config.receipts.shuffle = true).await;
    for nth in 0..20 {
        text(&sim, &format!("{}/status?message=m{nth}.1", ear.base_url)).await.unwrap();
    }
    settled(&sim).await;
    let firsts: Vec<String> = (0..20)
        .map(|nth| {
            let path = format!("/status?message=m{nth}.1");
            let first = ear.got().into_iter().find(|got| got.path == path).unwrap();
            first.field("MessageStatus").unwrap().to_owned()
        })
        .collect();
    assert!(firsts.contains(&"delivered".to_owned()) && firsts.contains(&"sent".to_owned()), "{firsts:?}");
    assert!(sim.messages(None).iter().all(|sent| sent.status == "delivered"));
}

#[tokio::test]
async fn what_people_send_arrives_with_its_files() {
    let ear = Ear::open(200).await;
    let sim = simulator(|config| config.sms_url = Some(format!("{}/sms", ear.base_url))).await;
    let file =
        File { url: "https://api.twilio.com/x".to_owned(), content_type: "image/png".to_owned(), ..File::default() };
    let sid = sim.inbound(&Inbound { body: "Look".to_owned(), files: vec![file], ..Inbound::default() }).unwrap();
    settled(&sim).await;
    let got = ear.got();
    let field = |name: &str| got[0].field(name);
    assert_eq!(
        (field("MessageSid"), field("NumMedia"), field("MediaContentType0")),
        (Some(sid.as_str()), Some("1"), Some("image/png"))
    );
    assert!(is_signed(&ear, &got[0], "simulated-auth-token"));
    let nowhere = Inbound { to: "whatsapp:+12025550100".to_owned(), ..Inbound::default() };
    assert!(sim.inbound(&nowhere).is_err(), "nobody said where those go");
}
