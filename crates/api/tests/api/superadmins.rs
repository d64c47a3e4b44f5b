//! People who run the installation: they make tenants, and are seen wherever they look.

use http::Method;
use postroad_app::sign_in;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, PASSWORD, code, colleague, owner, refused},
    world::World,
};

async fn made(ada: &mut Browser<'_>, slug: &str) -> String {
    let made = ada.post("/v1/tenants", json!({"slug": slug, "name": "Acme", "time_zone": "Asia/Tokyo"})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_superadmin_makes_tenants_and_works_for_them_where_everybody_sees_it() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    assert_eq!(ada.get("/v1/auth/me").await.json()["superadmin"], true, "the first person runs the installation");
    let acme = made(&mut ada, "acme").await;
    let again = ada.post("/v1/tenants", json!({"slug": "acme", "name": "x"})).await;
    assert_eq!(code(&again), refused(409, "slug_taken"));
    let tenants = ada.get("/v1/tenants").await.json();
    let mut slugs: Vec<&str> =
        tenants["data"].as_array().unwrap().iter().map(|tenant| tenant["slug"].as_str().unwrap()).collect();
    slugs.sort_unstable();
    assert_eq!(slugs, ["acme", "shop"]);

    let switched = ada.post("/v1/auth/switch-tenant", json!({"tenant_id": acme})).await;
    assert_eq!((switched.status, &switched.json()["works_for"]["slug"]), (200, &json!("acme")));
    let members = ada.get("/v1/members").await.json();
    let member = &members["data"][0];
    assert_eq!((&member["name"], &member["role"], &member["capacity"]), (&json!("Ada"), &json!("owner"), &json!(0)));
    let told = ada.get("/v1/audit?noun=members").await.json()["data"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&told["action"], told["actor"].as_str().unwrap().starts_with("usr_")), (&json!("created"), true));
    assert_eq!(ada.invite("boss@acme.example", "owner").await.status, 201, "its first people are invited");
}

#[tokio::test]
async fn who_is_no_superadmin_neither_makes_nor_sees_tenants_nor_switches_to_others() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let acme = made(&mut ada, "acme").await;
    let mut bo = colleague(&world, &mut ada, "bo@shop.example", "owner").await;
    for (method, path) in [
        (Method::GET, "/v1/tenants".to_owned()),
        (Method::POST, "/v1/tenants".to_owned()),
        (Method::GET, format!("/v1/tenants/{acme}")),
        (Method::PATCH, format!("/v1/tenants/{acme}")),
        (Method::POST, format!("/v1/tenants/{acme}/pause")),
        (Method::POST, format!("/v1/tenants/{acme}/resume")),
    ] {
        assert_eq!(
            code(&bo.call(method.clone(), &path, &json!({})).await),
            refused(403, "superadmin_needed"),
            "{method} {path}"
        );
    }
    let switched = bo.post("/v1/auth/switch-tenant", json!({"tenant_id": acme})).await;
    assert_eq!(code(&switched), refused(404, "not_found"));
    assert_eq!(world.count("select count(*) from members where email = 'bo@shop.example'").await, 1);

    let user = sign_in::find_user(&world.app, "ada@shop.example").await.unwrap().unwrap();
    sign_in::set_superadmin(&world.app, user.id, false).await.unwrap();
    assert_eq!(code(&ada.get("/v1/tenants").await), refused(403, "superadmin_needed"), "at once");
}

#[tokio::test]
async fn a_tenant_is_stopped_named_and_made_to_pay_from_outside_and_its_people_read_who_did_it() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let acme = made(&mut ada, "acme").await;
    let path = format!("/v1/tenants/{acme}");
    let changed = ada.call(Method::PATCH, &path, &json!({"name": "Acme Ltd", "credit_enforced": true})).await.json();
    assert_eq!((&changed["settings"]["name"], &changed["credit_enforced"]), (&json!("Acme Ltd"), &json!(true)));
    let paused = ada.post(&format!("{path}/pause"), json!({"reason": "unpaid"})).await.json();
    assert_eq!((&paused["sending_paused"], &paused["paused_reason"]), (&json!(true), &json!("unpaid")));
    assert_eq!(ada.post(&format!("{path}/resume"), Value::Null).await.json()["sending_paused"], false);
    assert_eq!(code(&ada.call(Method::PATCH, &path, &json!({"name": ""})).await).0, 422);
    let nothing = "/v1/tenants/ten_00000000000000000000000000000000";
    assert_eq!(code(&ada.call(Method::PATCH, nothing, &json!({"name": "x"})).await), refused(404, "not_found"));
    let paid = ada.post(&format!("{path}/credits"), json!({"credits": 500, "note": "invoice 1"})).await;
    assert_eq!((paid.status, &paid.json()["balance"]), (200, &json!(500)), "{}", paid.text());
    let wrong = ada.post(&format!("{path}/credits"), json!({"credits": -501, "note": "too much"})).await;
    assert_eq!(wrong.status, 409, "{}", wrong.text());
    ada.post("/v1/auth/switch-tenant", json!({"tenant_id": acme})).await;
    let statement = ada.get("/v1/billing/credits/statement").await.json();
    assert!(statement["data"][0]["by"].as_str().unwrap().starts_with("usr_"), "{statement}");
    let told = ada.get("/v1/audit?noun=tenants").await.json();
    assert_eq!(told["data"].as_array().unwrap().len(), 5, "made, named, made to pay, paused, resumed: {told}");
    assert_eq!(ada.log_in("ada@shop.example", PASSWORD).await.status, 200);
}
