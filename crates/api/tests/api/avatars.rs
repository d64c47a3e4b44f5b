//! How people look.

use http::Method;
use postroad_app::sign_in::{self, NewUser, Passwords};
use postroad_core::conversation::Role;
use serde_json::Value;

use crate::{
    browser::{Browser, CSRF, PASSWORD, code, colleague, owner, refused},
    world::World,
};

const OWN: &str = "/v1/auth/me/avatar";
/// One red pixel.
const PNG: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde\x00\x00\x00\x0cIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00IEND\xaeB`\x82";

async fn put(browser: &mut Browser<'_>, kind: &str, bytes: &[u8]) -> postroad_testkit::Answer {
    browser.call_with_bytes(Method::PUT, OWN, bytes, &[CSRF, ("content-type", kind)]).await
}

/// Where the pictures of the members that are listed are read.
async fn faces(browser: &mut Browser<'_>) -> Vec<String> {
    let members = browser.get("/v1/members").await.json()["data"].as_array().unwrap().clone();
    members.iter().filter_map(|member| member["avatar"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_picture_is_drawn_anew_and_seen_by_colleagues_only() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let mut bo = colleague(&world, &mut ada, "bo@shop.example", "limited_agent").await;
    assert_eq!(code(&ada.get(OWN).await), refused(404, "not_found"));
    let hidden = [PNG, b"<script>alert(1)</script>"].concat();
    assert_eq!(put(&mut ada, "image/png", &hidden).await.status, 204);
    let me = ada.get("/v1/auth/me").await.json();
    assert_eq!(me["user"]["avatar"], OWN);
    let own = ada.get(OWN).await;
    assert_eq!((own.header("content-type"), own.header("x-content-type-options")), ("image/jpeg", "nosniff"));
    assert!(own.body.starts_with(b"\xff\xd8\xff") && !own.body.windows(7).any(|window| window == b"<script"));
    let member = me["works_for"]["member_id"].as_str().unwrap();
    let listed = format!("/v1/members/{member}/avatar");
    assert_eq!(faces(&mut bo).await, [listed.as_str()], "Ada has one, and Bo has none");
    assert_eq!(bo.get(&listed).await.body, own.body);
    let other = world.tenant().await.id;
    let stranger = NewUser { email: "eve@other.example".into(), name: "Eve".into(), password: PASSWORD.into() };
    sign_in::create(&world.app, &Passwords::start(1), stranger, (other, Role::Owner)).await.unwrap();
    let mut eve = Browser::new(&world);
    assert_eq!(eve.log_in("eve@other.example", PASSWORD).await.status, 200);
    assert_eq!(code(&eve.get(&listed).await), refused(404, "not_found"));
    assert_eq!(Browser::new(&world).get(&listed).await.status, 401);
    assert_eq!(ada.call(Method::DELETE, OWN, &Value::Null).await.status, 204);
    assert_eq!((bo.get(&listed).await.status, ada.get(OWN).await.status), (404, 404));
    assert_eq!(faces(&mut bo).await, Vec::<String>::new());
    assert_eq!(code(&ada.call(Method::DELETE, OWN, &Value::Null).await), refused(404, "not_found"));
}

#[tokio::test]
async fn what_is_no_picture_too_large_or_too_often_is_refused() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let cases: [(&str, &[u8]); 4] = [
        ("image/png", b"not a picture"),
        ("image/jpeg", PNG),
        ("image/svg+xml", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
        ("image/png", b""),
    ];
    for (kind, bytes) in cases {
        assert_eq!(code(&put(&mut ada, kind, bytes).await), refused(422, "picture_refused"), "{kind}");
    }
    let large = vec![0_u8; 5 * 1_048_576 + 1];
    assert_eq!(code(&put(&mut ada, "image/png", &large).await), refused(413, "body_too_large"));
    let foreign = ada.call_with_bytes(Method::PUT, OWN, PNG, &[("content-type", "image/png")]).await;
    assert_eq!(code(&foreign), refused(403, "foreign_page"));
    assert_eq!(put(&mut ada, "image/png", PNG).await.status, 204);
    assert_eq!(code(&put(&mut ada, "image/png", PNG).await), refused(429, "rate_limited"), "drawing costs");
    assert_eq!(world.count("select count(*) from avatars").await, 1);
}
