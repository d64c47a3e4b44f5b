//! From nothing to a finished campaign by commands alone, with a stop in the middle of it.

use std::time::Duration;

use postroad_simulators::meta::{MetaConfig, MetaSim, Number, Template};
use sqlx::{Connection, PgConnection};

use crate::home::Home;

const PEOPLE: u64 = 400;
/// Slow enough that a stop falls into the middle.
const RATE_PER_S: u32 = 100;
const NUMBER: &str = "100000000000001";
const CREDENTIALS: &str =
    r#"{"access_token": "t", "app_secret": "simulated-app-secret", "verify_token": "simulated-verify-token"}"#;

async fn simulator() -> MetaSim {
    let number = Number { phone_number_id: NUMBER.to_owned(), rate_per_s: RATE_PER_S, ..Number::default() };
    let sim = MetaSim::start(MetaConfig { numbers: vec![number], ..MetaConfig::default() }).await.unwrap();
    sim.register_template(Template {
        name: "news".to_owned(),
        category: "MARKETING".to_owned(),
        components: vec![serde_json::json!({"type": "BODY", "text": "Hello {{1}}"})],
        ..Template::default()
    });
    sim
}

/// People in a zone without quiet hours for this tenant.
fn people() -> String {
    let header = "external_key,phone,first_name,consent\n".to_owned();
    let lines = (0..PEOPLE).map(|n| format!("p{n},+1{}55501{:02},Ada,yes\n", 201 + n / 100, n % 100));
    header + &lines.collect::<String>()
}

/// Everything an operator types before a campaign; its id.
fn prepare(home: &Home) -> String {
    home.run(&["tenants", "create", "acme", "--quiet-hours", "00:00-00:00"]);
    let credentials = home.write("credentials.json", CREDENTIALS);
    let rate = RATE_PER_S.to_string();
    let settings = ["--set", "waba_id=200000000000001", "--rate", &rate];
    let connect = ["accounts", "connect", "whatsapp_cloud", NUMBER, "--credentials", &credentials];
    let account = home.run(&[&connect[..], &settings[..]].concat());
    let body = ["--category", "marketing", "--body", "Hello {{1}}", "--approved"];
    let template = home.run(&[&["templates", "create", "news", "--account", &account][..], &body[..]].concat());
    let file = home.write("people.csv", &people());
    assert_eq!(home.run(&["import", "contacts", &file]), "400 lines: 400 created, 0 updated, 0 not taken");
    let ground = ["--account", &account, "--template", &template, "--all", "--fill", "@first_name=there"];
    home.run(&[&["campaigns", "create", "News"][..], &ground[..]].concat())
}

fn show(home: &Home, campaign: &str) -> serde_json::Value {
    serde_json::from_str(&home.run(&["campaigns", "show", campaign, "--json"])).unwrap()
}

/// Sends that somebody would have to rescue.
async fn in_somebodys_hands(home: &Home) -> i64 {
    let server = home.server();
    let mut db = PgConnection::connect(&server.url("postroad")).await.unwrap();
    let count = sqlx::query_scalar("select count(*) from sends where state in ('claimed', 'attempting')");
    let count: i64 = count.fetch_one(&mut db).await.unwrap();
    db.close().await.unwrap();
    server.stop().unwrap();
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_that_is_stopped_in_the_middle_goes_on_and_reaches_everybody_once() {
    let sim = simulator().await;
    let home = Home::new().with("POSTROAD_META_URL", sim.base_url());
    let campaign = prepare(&home);
    let mut first = home.start(&["all", "--listen", "127.0.0.1:0"]);
    let address = first.wait_until_healthy();
    sim.configure(|config| config.webhook_url = Some(format!("http://{address}/webhooks/meta")));
    home.run(&["campaigns", "start", &campaign, "--yes"]);
    sim.until(Duration::from_mins(1), |stats| stats.counts.accepted >= PEOPLE / 4).await.unwrap();

    let (code, log) = first.stop();
    assert_eq!(code, Some(0), "{log}");
    let sent = sim.stats().counts.accepted;
    assert!(sent < PEOPLE, "the stop came too late to prove anything: {sent}");
    assert_eq!(in_somebodys_hands(&home).await, 0, "what was claimed is given back, what was called is settled");

    let mut second = home.start(&["all", "--listen", "127.0.0.1:0"]);
    let address = second.wait_until_healthy();
    sim.configure(|config| config.webhook_url = Some(format!("http://{address}/webhooks/meta")));
    let stats = sim.until(Duration::from_mins(1), |stats| stats.counts.accepted >= PEOPLE).await.unwrap();
    assert_eq!((stats.counts.accepted, stats.counts.duplicates, stats.over_limit.throughput), (PEOPLE, 0, 0));
    crate::home::until("the campaign ends", || show(&home, &campaign)["state"] == "completed");
    assert_eq!(show(&home, &campaign)["recipients"], PEOPLE);
    assert_eq!(second.stop().0, Some(0));
}
