//! Health, metrics, and what happens when the database is away.

use http::Request;
use postroad_api::Settings;
use postroad_testkit::Answer;
use serde_json::json;

use crate::world::{World, noon};

async fn get(world: &World, path: &str) -> Answer {
    world.http.send(Request::get(format!("{}{path}", world.base)).body(Vec::new()).unwrap()).await
}

#[tokio::test]
async fn health_tells_the_process_and_its_role() {
    let world = World::new().await;
    let health = get(&world, "/health").await;
    assert_eq!(
        (health.status, health.json()["status"].as_str(), health.json()["role"].as_str()),
        (200, Some("ok"), Some("serve"))
    );
    assert_eq!(get(&world, "/health/db").await.status, 200);
    assert!(health.header("x-request-id").starts_with("req_"));
}

#[tokio::test]
async fn every_answer_tells_browsers_what_to_refuse() {
    let settings = Settings { public_url: "https://messages.example".to_owned(), ..Settings::default() };
    let world = World::at(noon(), settings).await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let answers = [
        (caller.get("/v1/labels").await, "default-src 'none'; frame-ancestors 'none'", "no-store"),
        (get(&world, "/v1/labels").await, "default-src 'none'; frame-ancestors 'none'", "no-store"),
        (get(&world, "/nothing").await, "default-src 'none'; frame-ancestors 'none'", ""),
        (get(&world, "/docs/").await, "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'", ""),
    ];
    for (answer, policy, cache) in answers {
        assert!(answer.header("content-security-policy").starts_with(policy), "{:?}", answer.headers);
        assert_eq!(answer.headers.get("cache-control").map_or("", |value| value.to_str().unwrap()), cache);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(answer.header(name), value, "{name}");
        }
    }
    let plain = World::new().await;
    assert!(
        get(&plain, "/health").await.headers.get("strict-transport-security").is_none(),
        "no TLS, no promise of it"
    );
}

#[tokio::test]
async fn metrics_count_by_route_and_never_by_what_strangers_send() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    caller.get("/v1/messages/msg_00000000000000000000000000000000").await;
    get(&world, "/v1/secret-path").await;
    get(&world, "/secret-path").await;
    let metrics = get(&world, "/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain"));
    let text = metrics.text();
    assert!(
        text.contains(r#"postroad_api_requests_total{code="404",method="GET",route="/v1/messages/{id}"} 1"#),
        "{text}"
    );
    assert!(text.contains(r#"postroad_api_auth_failures_total{reason="malformed"} 1"#), "{text}");
    assert!(text.contains(r#"postroad_api_auth_failures_total{reason="bad_signature"} 0"#), "counts begin at zero");
    assert!(text.contains("postroad_api_request_duration_seconds_bucket"));
    assert!(!text.contains("secret-path"), "{text}");
}

#[tokio::test]
async fn a_database_that_is_away_is_told_with_when_to_come_again() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    world.db.store.close().await;
    for answer in [
        get(&world, "/health/db").await,
        caller.get("/v1/messages").await,
        caller.post("/v1/messages", &json!({ "to": "+12025550123", "type": "text", "text": "x" })).await,
    ] {
        assert_eq!((answer.status, answer.code().as_str(), answer.header("retry-after")), (503, "unavailable", "1"));
    }
    assert_eq!(get(&world, "/health").await.status, 200, "the process itself is well");
}

#[tokio::test]
async fn what_does_not_exist_is_a_problem_like_all_others() {
    let world = World::new().await;
    let answer = get(&world, "/nothing").await;
    assert_eq!((answer.status, answer.header("content-type")), (404, "application/problem+json"));
    assert_eq!(answer.json()["code"], "not_found");
}

#[tokio::test]
async fn the_description_and_its_page_come_from_here() {
    let world = World::new().await;
    let description = get(&world, "/openapi.json").await;
    assert!(description.json()["paths"]["/v1/messages"]["post"].is_object());
    let page = get(&world, "/docs/").await;
    assert_eq!(page.status, 200);
    for asset in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "swagger-initializer.js"]
    {
        assert!(page.text().contains(asset), "{}", page.text());
        assert_eq!(get(&world, &format!("/docs/{asset}")).await.status, 200, "{asset}");
    }
    assert!(!page.text().contains("//"), "nothing is fetched from elsewhere: {}", page.text());
    let start = get(&world, "/docs/swagger-initializer.js").await.text();
    assert!(start.contains("validatorUrl") && !start.contains("http"), "{start}");
}

#[tokio::test]
async fn a_process_that_ends_writes_its_last_lines() {
    let mut world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    caller.get("/v1/messages").await;
    world.stop().await;
    assert_eq!(world.count("select count(*) from request_log").await, 1);
}
