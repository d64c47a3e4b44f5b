//! What superadmins say of the installation, and what a new tenant begins with.

use http::Method;
use postroad_app::{
    sign_in::{self, NewUser, Passwords},
    tenants::{self, NewTenant},
};
use postroad_core::{conversation::Role, ids::TenantId};
use serde_json::{Value, json};

use crate::{
    browser::{Browser, PASSWORD, code, colleague, owner, refused},
    world::World,
};

const SETTINGS: &str = "/v1/system/settings";

/// As it is before anybody has said anything.
fn at_first() -> Value {
    json!({"new_tenants": {"time_zone": "UTC", "media_retention_days": 180, "bodies": "plain",
                           "second_factor_required": false, "credit_enforced": false}})
}

fn others() -> Value {
    json!({"name": "Our Desk", "support_email": "help@desk.example", "new_tenants": {
        "time_zone": "Asia/Tokyo", "quiet_hours": "22:00-07:30", "media_retention_days": 30, "bodies": "sealed",
        "second_factor_required": true, "credit_enforced": true}})
}

async fn put(browser: &mut Browser<'_>, settings: &Value) -> postroad_testkit::Answer {
    browser.call(Method::PUT, SETTINGS, settings).await
}

/// What a tenant's own people see of how it began.
async fn begun(world: &World, tenant: TenantId) -> Value {
    let caller = world.caller(tenant).await;
    let of = async |path: &str, name: &str| caller.get(path).await.json()[name].clone();
    let shown = caller.get("/v1/tenant").await.json();
    json!({
        "time_zone": shown["settings"]["time_zone"],
        "quiet_hours": shown["settings"]["quiet_hours"],
        "media_retention_days": of("/v1/tenant/media-retention", "days").await,
        "bodies": of("/v1/tenant/privacy", "bodies").await,
        "second_factor_required": of("/v1/tenant/sign-in", "second_factor_required").await,
        "credit_enforced": shown["credit_enforced"],
    })
}

#[tokio::test]
async fn nothing_changes_until_somebody_says_so_and_then_for_new_tenants_alone() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    assert_eq!(ada.get(SETTINGS).await.json(), json!({"settings": at_first()}));
    let old = tenants::create(&world.app, &NewTenant::named("old", "Old")).await.unwrap();
    let mut usual = at_first()["new_tenants"].clone();
    usual["quiet_hours"] = Value::Null;
    assert_eq!(begun(&world, old).await, usual);

    let kept = put(&mut ada, &others()).await;
    let said = json!({"settings": others(), "updated_at": "2026-03-02T12:00:00Z"});
    assert_eq!((kept.status, kept.json()), (200, said.clone()), "{}", kept.text());
    assert_eq!(ada.get(SETTINGS).await.json(), said);
    assert_eq!(begun(&world, old).await, usual, "who is there already stays as they are");

    let made = ada.post("/v1/tenants", json!({"slug": "new", "name": "New"})).await.json();
    let id: TenantId = made["id"].as_str().unwrap().parse().unwrap();
    let keys = "select count(*) from data_keys k join tenants t on t.id = k.tenant_id where t.slug = 'new'";
    assert_eq!(world.count(keys).await, 1, "what is said there can be sealed from the first word on");
    assert_eq!(begun(&world, id).await, others()["new_tenants"]);
    let zone = json!({"slug": "paris", "name": "Paris", "time_zone": "Europe/Paris"});
    let named = ada.post("/v1/tenants", zone).await.json();
    assert_eq!(named["settings"]["time_zone"], "Europe/Paris", "whoever makes it has the last word");
    assert_eq!(named["settings"]["quiet_hours"], "22:00-07:30");
}

#[tokio::test]
async fn settings_that_no_installation_can_have_are_refused_by_name_and_change_nothing() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let cases = [
        ("/name", json!(""), "invalid_name"),
        ("/name", json!("x".repeat(201)), "invalid_name"),
        ("/support_email", json!("nobody"), "invalid_email"),
        ("/new_tenants/time_zone", json!("Paris"), "unknown_time_zone"),
        ("/new_tenants/quiet_hours", json!("22-7"), "invalid_quiet_hours"),
        ("/new_tenants/media_retention_days", json!(0), "out_of_range"),
        ("/new_tenants/media_retention_days", json!(3_651), "out_of_range"),
        ("/new_tenants/bodies", json!("open"), "invalid_body"),
    ];
    for (place, value, expected) in cases {
        let mut wanted = others();
        *wanted.pointer_mut(place).unwrap() = value;
        assert_eq!(code(&put(&mut ada, &wanted).await), refused(422, expected), "{place}");
    }
    assert_eq!(code(&put(&mut ada, &json!({})).await), refused(422, "invalid_body"));
    assert_eq!(ada.get(SETTINGS).await.json(), json!({"settings": at_first()}));
}

#[tokio::test]
async fn only_superadmins_see_and_change_them_and_who_did_is_told() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let mut bo = colleague(&world, &mut ada, "bo@shop.example", "owner").await;
    for (method, path) in
        [(Method::GET, SETTINGS), (Method::PUT, SETTINGS), (Method::GET, "/v1/system/settings/changes")]
    {
        let answer = bo.call(method.clone(), path, &others()).await;
        assert_eq!(code(&answer), refused(403, "superadmin_needed"), "{method} {path}");
        let anonymous = Browser::new(&world).call(method, path, &others()).await;
        assert_eq!(anonymous.status, 401);
    }
    put(&mut ada, &others()).await;
    put(&mut ada, &others()).await;
    put(&mut ada, &at_first()).await;
    let page = ada.get("/v1/system/settings/changes?limit=1").await.json();
    let last = &page["data"][0];
    assert_eq!((&last["before"]["name"], &last["after"]["name"]), (&json!("Our Desk"), &Value::Null), "{page}");
    assert_eq!((&last["ip"], last["actor"].as_str().unwrap().starts_with("usr_")), (&json!("127.0.0.1"), true));
    let rest = ada.get(&format!("/v1/system/settings/changes?after={}", page["next"].as_str().unwrap())).await.json();
    assert_eq!(rest["data"].as_array().unwrap().len(), 1, "what is said again is no change: {rest}");
    assert_eq!(rest["data"][0]["after"]["support_email"], "help@desk.example");
    let mut admin = world.db.admin().await;
    for change in ["update system_changes set actor = 'nobody'", "delete from system_changes"] {
        let sql = sqlx::AssertSqlSafe(format!("begin; set local role postroad_system; {change}"));
        let done = sqlx::raw_sql(sql).execute(&mut admin).await;
        assert!(done.unwrap_err().to_string().contains("permission denied"), "{change}");
        sqlx::raw_sql("rollback").execute(&mut admin).await.unwrap();
    }
}

#[tokio::test]
async fn where_new_tenants_require_a_second_factor_their_first_people_get_one_first() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    put(&mut ada, &others()).await;
    let id = tenants::create(&world.app, &NewTenant::named("new", "New")).await.unwrap();
    let new = NewUser { email: "bo@new.example".into(), name: "Bo".into(), password: PASSWORD.into() };
    sign_in::create(&world.app, &Passwords::start(1), new, (id, Role::Owner)).await.unwrap();
    let mut bo = Browser::new(&world);
    assert_eq!(bo.log_in("bo@new.example", PASSWORD).await.status, 200);
    assert_eq!(code(&bo.get("/v1/tenant").await), refused(403, "second_factor_required"));
}
