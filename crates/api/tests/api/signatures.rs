//! Who is believed: the published vectors, and everything that is one byte off.

use chrono::{DateTime, TimeDelta};
use http::{Method, Request};
use postroad_api::Settings;
use postroad_app::clients;
use postroad_core::signature;
use postroad_testkit::SignedCaller;
use serde_json::Value;

use crate::world::{World, all_scopes};

const VECTORS: &str = include_str!("../../../core/tests/vectors/request-signing.json");
const SIGNED_AT: i64 = 1_767_225_600;

fn vectors() -> Vec<Value> {
    serde_json::from_str(VECTORS).unwrap()
}

fn word<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap()
}

/// The installation of the vectors: their two keys, at their time.
async fn world() -> World {
    let world = World::at(DateTime::from_timestamp(SIGNED_AT, 0).unwrap(), Settings::default()).await;
    let tenant = world.tenant().await;
    let client = clients::create(&world.app, tenant.id, true, &all_scopes()).await.unwrap();
    let mut keys: Vec<(String, String)> =
        vectors().iter().map(|v| (word(v, "key_id").to_owned(), word(v, "secret").to_owned())).collect();
    keys.sort_unstable();
    keys.dedup();
    for (key_id, secret) in keys {
        world.insert_key(tenant.id, client.id, &key_id, &secret).await;
    }
    world
}

/// What a client that only knows the vector sends.
fn request(world: &World, vector: &Value) -> Request<Vec<u8>> {
    let (path, query) = (word(vector, "path"), word(vector, "query"));
    let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    Request::builder()
        .method(word(vector, "method"))
        .uri(format!("{}{target}", world.base))
        .header(signature::KEY, word(vector, "key_id"))
        .header(signature::TIMESTAMP, vector["timestamp"].to_string())
        .header(signature::REQUEST_ID, word(vector, "request_id"))
        .header(signature::SIGNATURE, word(vector, "signature"))
        .header("content-type", "application/json")
        .body(word(vector, "body_utf8").as_bytes().to_vec())
        .unwrap()
}

#[tokio::test]
async fn every_published_vector_is_believed() {
    let world = world().await;
    for vector in vectors() {
        let answer = world.http.send(request(&world, &vector)).await;
        assert_ne!(answer.status, 401, "{}: {}", vector["name"], answer.text());
        assert!(answer.status < 500, "{}: {}", vector["name"], answer.text());
    }
}

#[tokio::test]
async fn one_changed_byte_anywhere_is_not_believed() {
    let world = world().await;
    let vector = &vectors()[0];
    let mut flips: Vec<Request<Vec<u8>>> = Vec::new();
    for at in 0..word(vector, "body_utf8").len() {
        let mut flipped = request(&world, vector);
        flipped.body_mut()[at] ^= 1;
        flips.push(flipped);
    }
    for name in [signature::KEY, signature::TIMESTAMP, signature::REQUEST_ID, signature::SIGNATURE] {
        let value = request(&world, vector).headers()[name].to_str().unwrap().to_owned();
        for at in 0..value.len() {
            let mut bytes = value.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(changed) = http::HeaderValue::from_bytes(&bytes) {
                let mut flipped = request(&world, vector);
                flipped.headers_mut().insert(name, changed);
                flips.push(flipped);
            }
        }
    }
    for flipped in flips {
        let shown = format!("{flipped:?}");
        // Strangers are slowed down, and here is one at work.
        world.clock.advance(TimeDelta::milliseconds(110));
        let answer = world.http.send(flipped).await;
        assert_eq!(answer.status, 401, "{shown}");
    }
    assert_eq!(world.count("select count(*) from messages").await, 0);
}

#[tokio::test]
async fn path_query_and_method_are_signed_as_they_stand_on_the_request_line() {
    let world = world().await;
    let vectors = vectors();
    let get = vectors.iter().find(|v| v["name"] == "get-query-empty-body").unwrap();
    let encoded = vectors.iter().find(|v| v["name"] == "delete-encoded-path").unwrap();
    let with = |vector: &Value, target: &str| {
        let mut changed = request(&world, vector);
        *changed.uri_mut() = format!("{}{target}", world.base).parse().unwrap();
        changed
    };
    let cases = [
        with(get, "/v1/messages"),
        with(get, "/v1/messages?limit=50&status=failed&after=a%2Bb"),
        with(get, "/v1/messages?status=failed&limit=50&after=a+b"),
        with(get, "/v1/messages%3Fstatus=failed&limit=50&after=a%2Bb"),
        with(get, "/v1//messages?status=failed&limit=50&after=a%2Bb"),
        with(encoded, "/v1/contacts/a/b"),
        with(encoded, "/v1/contacts/a%2fb"),
    ];
    for changed in cases {
        let shown = changed.uri().to_string();
        assert_eq!(world.http.send(changed).await.status, 401, "{shown}");
    }
    let mut post = request(&world, get);
    *post.method_mut() = Method::POST;
    assert_eq!(world.http.send(post).await.status, 401);
}

#[tokio::test]
async fn five_minutes_are_the_most_a_clock_may_be_wrong() {
    let world = world().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    world.clock.advance(TimeDelta::hours(1));
    for (off, status) in [(-301, 401), (-299, 200), (0, 200), (299, 200), (301, 401)] {
        let signed = caller.signed(&Method::GET, "/v1/messages", &caller.request_id(), b"");
        world.clock.advance(TimeDelta::seconds(off));
        let answer = world.http.send(signed).await;
        assert_eq!(answer.status, status, "{off}");
        if status == 401 {
            assert_eq!(answer.code(), "stale_timestamp");
            assert_eq!(answer.json()["server_time"], world.clock.now().timestamp());
        }
        world.clock.advance(TimeDelta::seconds(-off));
    }
}

#[tokio::test]
async fn whoever_is_not_believed_learns_nothing() {
    let world = world().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let signed = || caller.signed(&Method::GET, "/v1/messages", &caller.request_id(), b"");
    let mut unsigned = signed();
    unsigned.headers_mut().remove(signature::SIGNATURE);
    let mut twice = signed();
    let key = twice.headers()[signature::KEY].clone();
    twice.headers_mut().append(signature::KEY, key);
    let mut upper = signed();
    let shouted = upper.headers()[signature::SIGNATURE].to_str().unwrap().to_uppercase().replace("V1=", "v1=");
    upper.headers_mut().insert(signature::SIGNATURE, shouted.parse().unwrap());
    let mut stranger = signed();
    stranger.headers_mut().insert(signature::KEY, "prk_live_nobody".parse().unwrap());
    let forger =
        SignedCaller::new(&world.base, &caller.key_id, signature::Secret::from_bytes([7; 32]), world.clock.clone());
    let forged = forger.signed(&Method::GET, "/v1/messages", &caller.request_id(), b"");
    let mut told = Vec::new();
    for refused in [unsigned, twice, upper, stranger, forged] {
        let answer = world.http.send(refused).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("www-authenticate"), "POSTROAD-HMAC-SHA256-V1");
        let mut body = answer.json();
        let id = body.as_object_mut().unwrap().remove("request_id").unwrap();
        assert_eq!(answer.header("x-request-id"), id.as_str().unwrap());
        told.push(body);
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");

    world.api.flush().await;
    let reasons =
        world.text("select string_agg(code, ' ' order by code) from (select distinct code from request_log) x").await;
    assert_eq!(reasons, "bad_signature malformed unknown_key");
}

#[tokio::test]
async fn a_path_that_does_not_exist_asks_for_a_signature_too() {
    let world = world().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let bare = Request::get(format!("{}/v1/nothing", world.base)).body(Vec::new()).unwrap();
    assert_eq!(world.http.send(bare).await.status, 401);
    assert_eq!(caller.get("/v1/nothing").await.status, 404);
    let wrong_method = caller.call(Method::PUT, "/v1/messages", &caller.request_id(), b"{}").await;
    assert_eq!((wrong_method.status, wrong_method.code().as_str()), (405, "method_not_allowed"));
    assert_eq!(wrong_method.header("allow"), "POST,GET,HEAD");
}

#[tokio::test]
async fn the_body_is_plain_json_of_at_most_a_mebibyte() {
    let world = world().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let huge = vec![b' '; 1_048_577];
    let answer = caller.call(Method::POST, "/v1/messages", &caller.request_id(), &huge).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    let largest = vec![b' '; 1_048_576];
    let answer = caller.call(Method::POST, "/v1/messages", &caller.request_id(), &largest).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "malformed_json"));

    let mut packed = caller.signed(&Method::POST, "/v1/messages", &caller.request_id(), b"{}");
    packed.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    let answer = world.http.send(packed).await;
    assert_eq!((answer.status, answer.code().as_str()), (415, "content_encoding"));

    let mut form = caller.signed(&Method::POST, "/v1/messages", &caller.request_id(), b"{}");
    form.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    let answer = world.http.send(form).await;
    assert_eq!((answer.status, answer.code().as_str()), (415, "unsupported_media_type"));

    for (body, code) in [
        (&b"{"[..], "malformed_json"),
        (b"\xff\xfe", "malformed_json"),
        (b"[]", "invalid_body"),
        (br#"{"to":"+12025550123","type":"text","text":"a\u0000b"}"#, "nul_character"),
        (br#"{"to":"+12025550123","type":"text","text":"\ud800"}"#, "malformed_json"),
        (br#"{"to":"+12025550123","to":"+12025550124","type":"text","text":"a"}"#, "invalid_body"),
    ] {
        let answer = caller.call(Method::POST, "/v1/messages", &caller.request_id(), body).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, code), "{}", String::from_utf8_lossy(body));
    }
}

#[tokio::test]
async fn the_order_of_the_checks_is_kept() {
    let world = world().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let huge = vec![b' '; 1_048_577];
    let codes = |request: Request<Vec<u8>>| async { world.http.send(request).await.code() };

    // Malformed headers before the size of the body.
    let mut request = caller.signed(&Method::POST, "/v1/messages", &caller.request_id(), &huge);
    request.headers_mut().remove(signature::KEY);
    assert_eq!(codes(request).await, "unauthorized");
    // The size of the body before the clock.
    let mut request = caller.signed(&Method::POST, "/v1/messages", &caller.request_id(), &huge);
    request.headers_mut().insert(signature::TIMESTAMP, "1".parse().unwrap());
    assert_eq!(codes(request).await, "body_too_large");
    // The clock before the key.
    let mut request = caller.signed(&Method::POST, "/v1/messages", &caller.request_id(), b"{}");
    request.headers_mut().insert(signature::TIMESTAMP, "1".parse().unwrap());
    request.headers_mut().insert(signature::KEY, "prk_live_nobody".parse().unwrap());
    assert_eq!(codes(request).await, "stale_timestamp");
    // The signature before the shape of the body.
    let mut request = caller.signed(&Method::POST, "/v1/messages", &caller.request_id(), b"{}");
    request.body_mut().push(b'!');
    assert_eq!(codes(request).await, "unauthorized");
}

#[tokio::test]
async fn an_address_that_keeps_failing_is_not_listened_to() {
    let world = world().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let forger =
        SignedCaller::new(&world.base, &caller.key_id, signature::Secret::from_bytes([7; 32]), world.clock.clone());
    for _ in 0..100 {
        assert_eq!(forger.get("/v1/messages").await.status, 401);
    }
    let answer = forger.get("/v1/messages").await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"));
    assert_eq!(answer.header("retry-after"), "1");
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(caller.get("/v1/messages").await.status, 200);
}
