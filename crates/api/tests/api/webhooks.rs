//! Webhooks on their way into the journal.

use std::{sync::Arc, time::Instant};

use data_encoding::HEXLOWER;
use futures::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use http::Request;
use postroad_app::accounts::{self, Limits, NewAccount, PortfolioChange};
use postroad_core::{
    account::{Channel, Pace},
    ids::{AccountId, TenantId},
};
use postroad_testkit::{Answer, Seed};
use secrecy::SecretString;
use serde_json::json;
use sha2::Sha256;

use crate::world::World;

const SECRET: &str = "app-secret-of-one";

async fn tenant(world: &World) -> TenantId {
    Seed::new(&world.db, world.clock.now()).await.tenant
}

async fn connect(world: &World, tenant: TenantId, number: &str, secret: &str) -> AccountId {
    let secrets = [("access_token", "token"), ("app_secret", secret), ("verify_token", "open-sesame")];
    let new = NewAccount {
        provider: "whatsapp_cloud".to_owned(),
        channel: Channel::Whatsapp,
        external_id: number.to_owned(),
        display_name: "Number".to_owned(),
        credentials: secrets.map(|(name, value)| (name.to_owned(), SecretString::from(value))).to_vec(),
        settings: [("waba_id".to_owned(), format!("waba-{number}"))].into_iter().collect(),
        limits: Limits { pace: Pace { per_s: 80.0, burst: 1 }, spacing: None, shared: None },
        portfolio: PortfolioChange::default(),
        time_zone: None,
        quiet_hours: None,
        is_primary: false,
    };
    accounts::connect(&world.app, tenant, new).await.unwrap()
}

fn body(numbers: &[&str]) -> String {
    let change = |number: &&str| json!({ "field": "messages", "value": { "messaging_product": "whatsapp", "metadata": { "phone_number_id": number } } });
    let entry = json!({ "id": "waba-x", "changes": numbers.iter().map(change).collect::<Vec<_>>() });
    json!({ "object": "whatsapp_business_account", "entry": [entry] }).to_string()
}

fn signed(world: &World, body: &str, secret: &str) -> Request<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    Request::post(format!("{}/webhooks/meta/whatsapp", world.base))
        .header("content-type", "application/json")
        .header("x-hub-signature-256", format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes())))
        .header("cookie", "session=secret")
        .body(body.as_bytes().to_vec())
        .unwrap()
}

#[tokio::test]
async fn a_genuine_webhook_is_stored_raw_and_whole_with_a_job_that_reads_it() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    let account = connect(&world, tenant, "111", SECRET).await;
    let body = body(&["111"]).replace(':', ": ");
    assert_eq!(world.http.send(signed(&world, &body, SECRET)).await.status, 200);
    let stored = world.text("select convert_from(body, 'utf8') from webhook_journal").await;
    assert_eq!(stored, body);
    assert_eq!(world.text("select account_id::text from webhook_journal").await, account.uuid().to_string());
    assert_eq!(world.text("select url from webhook_journal").await, "http://127.0.0.1:7800/webhooks/meta/whatsapp");
    assert_eq!(
        world
            .count(
                "select count(*) from webhook_journal where headers ? 'x-hub-signature-256' and not headers ? 'cookie'"
            )
            .await,
        1
    );
    assert_eq!(world.count("select count(*) from apalis.jobs where job_type = 'inbound'").await, 1);
    assert_eq!(world.count("select count(*) from webhook_journal where state = 'unread'").await, 1);
}

#[tokio::test]
async fn a_forged_webhook_is_stored_nowhere() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    connect(&world, tenant, "111", SECRET).await;
    let genuine = body(&["111"]);
    let mut unsigned = signed(&world, &genuine, SECRET);
    unsigned.headers_mut().remove("x-hub-signature-256");
    let mut changed = signed(&world, &genuine, SECRET);
    changed.body_mut().push(b' ');
    let wrong = signed(&world, &genuine, "another secret");
    let unknown = signed(&world, &body(&["999"]), SECRET);
    let nonsense = signed(&world, "no json", "another secret");
    let nul = signed(&world, &body(&["a\0b"]), SECRET);
    for forged in [unsigned, changed, wrong, unknown, nonsense, nul] {
        let answer = world.http.send(forged).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "bad_signature"));
    }
    assert_eq!(world.count("select count(*) from webhook_journal").await, 0);
}

#[tokio::test]
async fn a_body_that_nobody_can_read_is_kept_when_its_signature_holds() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    connect(&world, tenant, "111", SECRET).await;
    connect(&world, tenant, "112", "another secret").await;
    for unreadable in
        ["no json", "{}", r#"{"object":"whatsapp_business_account"}"#, r#"{"object":"instagram","entry":[]}"#]
    {
        assert_eq!(world.http.send(signed(&world, unreadable, SECRET)).await.status, 200, "{unreadable}");
    }
    assert_eq!(world.count("select count(*) from webhook_journal").await, 4);
}

#[tokio::test]
async fn a_webhook_of_several_numbers_is_stored_for_those_whose_secret_verifies_it() {
    let world = World::new().await;
    let (mine, theirs) = (tenant(&world).await, tenant(&world).await);
    connect(&world, mine, "111", SECRET).await;
    connect(&world, theirs, "112", SECRET).await;
    connect(&world, theirs, "113", "another secret").await;
    let answer = world.http.send(signed(&world, &body(&["111", "112", "113", "999"]), SECRET)).await;
    assert_eq!(answer.status, 200);
    let accounts = world
        .text("select string_agg(a.external_id, ' ' order by a.external_id) from webhook_journal j join accounts a on a.id = j.account_id")
        .await;
    assert_eq!(accounts, "111 112");
}

#[tokio::test]
async fn a_business_is_known_by_its_own_id_too() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    connect(&world, tenant, "111", SECRET).await;
    let template = json!({ "object": "whatsapp_business_account", "entry": [{ "id": "waba-111", "changes": [
        { "field": "message_template_status_update", "value": { "event": "APPROVED", "message_template_name": "t", "message_template_language": "en" } }
    ] }] });
    assert_eq!(world.http.send(signed(&world, &template.to_string(), SECRET)).await.status, 200);
}

#[tokio::test]
async fn a_rotated_secret_holds_within_a_moment() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    let account = connect(&world, tenant, "111", SECRET).await;
    assert_eq!(world.http.send(signed(&world, &body(&["111"]), SECRET)).await.status, 200);
    let fresh = [("access_token", "t"), ("app_secret", "rotated"), ("verify_token", "v")];
    let fresh = fresh.map(|(name, value)| (name.to_owned(), SecretString::from(value))).to_vec();
    accounts::rotate(&world.app, tenant, account, &fresh).await.unwrap();
    let deadline = Instant::now() + std::time::Duration::from_secs(3);
    while world.http.send(signed(&world, &body(&["111"]), "rotated")).await.status != 200 {
        assert!(Instant::now() < deadline, "the old secret is remembered too long");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(world.http.send(signed(&world, &body(&["111"]), SECRET)).await.status, 403);
}

#[tokio::test]
async fn the_handshake_is_answered_to_whoever_knows_a_verify_token() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    connect(&world, tenant, "111", SECRET).await;
    let ask = async |path: &str, query: &str| -> Answer {
        world.http.send(Request::get(format!("{}{path}?{query}", world.base)).body(Vec::new()).unwrap()).await
    };
    for path in ["/webhooks/meta", "/webhooks/meta/whatsapp"] {
        let answer = ask(path, "hub.mode=subscribe&hub.verify_token=open-sesame&hub.challenge=1158201444").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "1158201444"), "{path}");
        assert!(answer.header("content-type").starts_with("text/plain"));
        assert_eq!(ask(path, "hub.mode=subscribe&hub.verify_token=guess&hub.challenge=1").await.status, 403);
        assert_eq!(ask(path, "").await.status, 403);
    }
}

#[tokio::test]
async fn a_webhook_that_cannot_be_stored_is_asked_for_again() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    connect(&world, tenant, "111", SECRET).await;
    assert_eq!(world.http.send(signed(&world, &body(&["111"]), SECRET)).await.status, 200);
    world.db.store.close().await;
    let answer = world.http.send(signed(&world, &body(&["111"]), SECRET)).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
}

#[tokio::test]
async fn a_body_of_five_megabytes_is_refused() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    connect(&world, tenant, "111", SECRET).await;
    let answer = world.http.try_send(signed(&world, &" ".repeat(5 * 1_048_576), SECRET)).await;
    assert!(answer.is_none_or(|answer| answer.status == 413));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_that_come_together_are_committed_together_and_none_is_lost() {
    let world = Arc::new(World::new().await);
    let tenant = tenant(&world).await;
    connect(&world, tenant, "111", SECRET).await;
    let posts = (0..20).map(|_| {
        let world = world.clone();
        tokio::spawn(async move {
            let mut stored = 0;
            for _ in 0..25 {
                stored += usize::from(world.http.send(signed(&world, &body(&["111"]), SECRET)).await.status == 200);
            }
            stored
        })
    });
    let stored: usize = join_all(posts).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(stored, 500);
    assert_eq!(world.count("select count(*) from webhook_journal").await, 500);
    let jobs = world.count("select count(*) from apalis.jobs where job_type = 'inbound'").await;
    assert!(jobs < 250, "{jobs} jobs for 500 posts");
}
