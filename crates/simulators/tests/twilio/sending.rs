//! What is taken, what is refused, and what can be asked afterwards.

use postroad_simulators::twilio::{Inbound, SessionWindow};

use crate::town::{ACCOUNT, ANN, Ear, NUMBER, get, send, settled, simulator, text};

#[tokio::test]
async fn a_message_is_answered_as_a_resource_and_found_again() {
    let sim = simulator(|_| {}).await;
    let answer = text(&sim, "https://messages.example/status?message=abc.1").await.unwrap();
    assert_eq!(answer.status, 201);
    let sid = answer.body["sid"].as_str().unwrap();
    assert_eq!((sid.len(), &sid[..2], answer.body["status"].as_str()), (34, "SM", Some("queued")));
    let found = get(&sim, &format!("/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}.json")).await;
    assert_eq!((found.status, &found.body["body"]), (200, &answer.body["body"]));
    let list = |query: &str| format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json?{query}");
    assert_eq!(get(&sim, &list("To=%2B12025550123")).await.body["messages"][0]["sid"], sid);
    assert_eq!(get(&sim, &list("To=%2B12025550124")).await.body["messages"].as_array().unwrap().len(), 0);
    assert_eq!(get(&sim, "/2010-04-01/Accounts/AC2/Messages.json").await.status, 404);
}

#[tokio::test]
async fn the_list_pages_and_knows_days() {
    let ear = Ear::open(204).await;
    let sim = simulator(|_| {}).await;
    for nth in 0..5 {
        text(&sim, &format!("{}/status?message=m{nth}.1", ear.base_url)).await.unwrap();
    }
    settled(&sim).await;
    let list = async |query: &str| {
        let found = get(&sim, &format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json?{query}")).await;
        found.body["messages"].as_array().unwrap().len()
    };
    assert_eq!((list("PageSize=2").await, list("PageSize=2&Page=2").await, list("PageSize=2&Page=3").await), (2, 1, 0));
    assert_eq!((list("DateSent%3E=2020-01-01").await, list("DateSent%3E=2999-01-01").await), (5, 0));
    assert_eq!((list("DateSent%3C=2020-01-01").await, list("DateSent=2020-01-01").await), (0, 0));
}

type Fields<'a> = &'a [(&'a str, &'a str)];

#[tokio::test]
async fn what_twilio_refuses_is_refused_with_its_code() {
    let sim = simulator(|_| {}).await;
    let long = "x".repeat(1_601);
    let (to, from, body) = (("To", ANN), ("From", NUMBER), ("Body", "hello"));
    let whatsapp = ("To", "whatsapp:+12025550123");
    let cases: &[(Fields<'_>, u16, u32)] = &[
        (&[from, body], 400, 21_604),
        (&[to, body], 400, 21_603),
        (&[to, from], 400, 21_602),
        (&[to, from, ("Body", &long)], 400, 21_617),
        (&[("To", "12025550123"), from, body], 400, 21_211),
        (&[whatsapp, from, body], 400, 63_007),
        (&[to, ("From", "+12025550199"), body], 400, 21_606),
        (&[to, from, body, ("StatusCallback", "nowhere")], 400, 21_609),
        (&[to, from, body, ("ValidityPeriod", "36001")], 400, 21_626),
        (&[to, from, ("ContentSid", "HX1")], 400, 21_655),
        (&[to, from, ("ContentSid", "HX1"), ("ContentVariables", "[]")], 400, 21_656),
        (&[to, from, ("MediaUrl", "ftp://x")], 400, 21_620),
    ];
    for (fields, status, code) in cases {
        let answer = send(&sim, fields).await.unwrap();
        assert_eq!((answer.status, &answer.body["code"]), (*status, &(*code).into()), "{fields:?}");
    }
    assert_eq!(sim.stats().counts.accepted, 0);
}

#[tokio::test]
async fn wrong_credentials_open_nothing_and_a_key_does() {
    let sim = simulator(|config| config.auth_token = "another".to_owned()).await;
    let answer = text(&sim, "https://messages.example/x.1").await.unwrap();
    assert_eq!((answer.status, &answer.body["code"]), (401, &20_003.into()));
    sim.configure(|config| config.api_key = Some((ACCOUNT.to_owned(), "simulated-auth-token".to_owned())));
    assert_eq!(text(&sim, "https://messages.example/x.1").await.unwrap().status, 201);
}

#[tokio::test]
async fn who_says_stop_gets_nothing_more_until_start() {
    let ear = Ear::open(200).await;
    let sim = simulator(|config| config.sms_url = Some(format!("{}/sms", ear.base_url))).await;
    let says = |body: &str| Inbound { body: body.to_owned(), ..Inbound::default() };
    sim.inbound(says("stop")).unwrap();
    let refused = text(&sim, "https://messages.example/x.1").await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (400, &21_610.into()));
    sim.inbound(says("Start")).unwrap();
    assert_eq!(text(&sim, "https://messages.example/x.1").await.unwrap().status, 201);
    settled(&sim).await;
    let words: Vec<_> = ear.got().iter().filter_map(|got| got.field("OptOutType").map(str::to_owned)).collect();
    assert_eq!(words.len(), 2);
    assert!(words.contains(&"STOP".to_owned()) && words.contains(&"START".to_owned()), "{words:?}");
}

#[tokio::test]
async fn free_text_on_whatsapp_needs_an_open_window() {
    let sim = simulator(|config| {
        config.any_sender = true;
        config.any_content = true;
        config.session_window = SessionWindow::Refuse;
        config.whatsapp_url = Some("http://127.0.0.1:9/".to_owned());
    })
    .await;
    let (to, from) = (("To", "whatsapp:+12025550123"), ("From", "whatsapp:+12025550100"));
    let answer = send(&sim, &[to, from, ("Body", "hello")]).await.unwrap();
    assert_eq!((answer.status, &answer.body["code"]), (400, &63_016.into()));
    assert_eq!(send(&sim, &[to, from, ("ContentSid", "HX1")]).await.unwrap().status, 201);
    let said = Inbound { from: to.1.to_owned(), to: from.1.to_owned(), body: "hi".to_owned(), ..Inbound::default() };
    sim.inbound(said).unwrap();
    assert_eq!(send(&sim, &[to, from, ("Body", "hello")]).await.unwrap().status, 201);
}
