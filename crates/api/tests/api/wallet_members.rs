//! What members may spend of a wallet.

use postroad_app::credit;
use postroad_core::ids::TenantId;
use postroad_testkit::Answer;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, colleague, owner},
    paying::PAID,
    world::World,
};

/// A shop that pays, with a number.
async fn shop(world: &World) -> (TenantId, Browser<'_>) {
    let mut ada = owner(world).await;
    let account = json!({"provider": "whatsapp_cloud", "external_id": "1001", "display_name": "Shop",
                         "credentials": {"access_token": "t", "app_secret": "s", "verify_token": "v", "waba_id": "200000000000001"}});
    let connected = ada.post("/v1/accounts", account).await;
    assert_eq!(connected.status, 201, "{}", connected.text());
    world.execute("update tenants set credit_enforced = true").await;
    let tenant = world.text("select id::text from tenants where slug = 'shop'").await;
    let tenant = TenantId::from_uuid(tenant.parse().unwrap());
    credit::top_up(&world.app, tenant, 10, PAID).await.unwrap();
    (tenant, ada)
}

async fn send(browser: &mut Browser<'_>) -> Answer {
    browser.post("/v1/messages", json!({"to": "+12025550123", "type": "text", "text": "x"})).await
}

async fn id_of(browser: &mut Browser<'_>) -> String {
    browser.get("/v1/auth/me").await.json()["works_for"]["member_id"].as_str().unwrap().to_owned()
}

async fn allow(browser: &mut Browser<'_>, member: &str, credits: Value) -> Answer {
    let path = format!("/v1/billing/credits/allowances/{member}");
    browser.call(http::Method::PUT, &path, &json!({"credits": credits})).await
}

async fn left(browser: &mut Browser<'_>) -> Value {
    browser.get("/v1/billing/credits").await.json()["allowance"].clone()
}

#[tokio::test]
async fn a_member_spends_their_allowance_and_no_more_and_gets_back_what_was_not_sent() {
    let world = World::new().await;
    let (tenant, mut ada) = shop(&world).await;
    let mut bo = colleague(&world, &mut ada, "bo@shop.example", "manager").await;
    assert_eq!(send(&mut bo).await.status, 202, "nobody said what they may spend");
    let bo_id = id_of(&mut bo).await;
    let allowed = allow(&mut ada, &bo_id, json!(2)).await;
    assert_eq!((allowed.status, &allowed.json()["credits"]), (200, &json!(2)), "{}", allowed.text());
    let first = send(&mut bo).await;
    assert_eq!((first.status, &first.json()["balance"]), (202, &json!(8)));
    assert_eq!((send(&mut bo).await.status, left(&mut bo).await), (202, json!(0)));
    let refused = send(&mut bo).await.json();
    let told = (&refused["status"], &refused["code"], &refused["balance"], &refused["allowance"]);
    assert_eq!(told, (&json!(402), &json!("allowance_exceeded"), &json!(7), &json!(0)), "{refused}");
    let cancel = format!("/v1/messages/{}/cancel", first.json()["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(bo.post(&cancel, json!({})).await.status, 200);
    }
    assert_eq!((left(&mut bo).await, credit::balance(&world.app, tenant).await.unwrap()), (json!(1), 8));
    assert_eq!((send(&mut bo).await.status, send(&mut bo).await.status), (202, 402));
    assert_eq!(allow(&mut ada, &bo_id, Value::Null).await.status, 200);
    assert_eq!((send(&mut bo).await.status, left(&mut bo).await), (202, Value::Null));
    let program = world.caller(tenant).await;
    let text = json!({"to": "+12025550123", "type": "text", "text": "x"});
    assert_eq!(program.post("/v1/messages", &text).await.status, 202, "a program has no allowance");
}

#[tokio::test]
async fn owners_and_admins_need_no_allowance_unless_the_tenant_says_so() {
    let world = World::new().await;
    let (_, mut ada) = shop(&world).await;
    let mut cy = colleague(&world, &mut ada, "cy@shop.example", "admin").await;
    let (ada_id, cy_id) = (id_of(&mut ada).await, id_of(&mut cy).await);
    assert_eq!(allow(&mut ada, &cy_id, json!(0)).await.json()["unlimited"], json!(true));
    assert_eq!(send(&mut cy).await.status, 202);
    let policy = json!({"admins_unlimited": false});
    assert_eq!(ada.call(http::Method::PUT, "/v1/billing/credits/policy", &policy).await.status, 200);
    assert_eq!(send(&mut cy).await.json()["code"], "allowance_exceeded");
    assert_eq!(send(&mut ada).await.status, 202, "nobody said what the owner may spend");
    assert_eq!(allow(&mut ada, &ada_id, json!(0)).await.status, 200);
    assert_eq!(send(&mut ada).await.json()["code"], "allowance_exceeded");
    let refused = [allow(&mut cy, &cy_id, json!(9)).await, allow(&mut cy, &ada_id, json!(9)).await];
    assert_eq!(
        refused.map(|answer| (answer.status, answer.code())),
        [(403, "own_allowance".to_owned()), (403, "role_too_high".to_owned())]
    );
    let listed = cy.get("/v1/billing/credits/allowances").await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2, "{listed}");
    assert!(listed["data"].as_array().unwrap().iter().all(|one| one["unlimited"] == json!(false)));
}

#[tokio::test]
async fn who_does_not_run_the_tenant_sees_what_they_spent_themselves() {
    let world = World::new().await;
    let (_, mut ada) = shop(&world).await;
    let mut bo = colleague(&world, &mut ada, "bo@shop.example", "manager").await;
    assert_eq!((send(&mut ada).await.status, send(&mut bo).await.status), (202, 202));
    let (ada_id, bo_id) = (id_of(&mut ada).await, id_of(&mut bo).await);
    let own = bo.get(&format!("/v1/billing/credits/statement?member_id={ada_id}")).await.json();
    assert_eq!(own["data"].as_array().unwrap().len(), 1, "{own}");
    assert_eq!(own["data"][0]["member_id"], json!(bo_id));
    assert_eq!(bo.get("/v1/billing/credits/statement/export.csv").await.text().lines().count(), 2);
    assert_eq!(ada.get("/v1/billing/credits/statement").await.json()["data"].as_array().unwrap().len(), 3);
    assert_eq!(bo.get("/v1/billing/credits/allowances").await.status, 403);
    assert_eq!(allow(&mut bo, &bo_id, json!(100)).await.status, 403);
}
