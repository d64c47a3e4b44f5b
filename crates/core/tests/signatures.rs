//! A signed request is believed exactly as it was signed, and in no other form.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail")]

use chrono::DateTime;
use http::{HeaderMap, HeaderName, HeaderValue};
use postroad_core::signature::{
    KEY, REQUEST_ID, Request, SIGNATURE, Secret, SignatureError, SignedHeaders, Stamp, TIMESTAMP, canonical, sign,
    verify,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    name: String,
    key_id: String,
    secret: String,
    method: String,
    path: String,
    query: String,
    timestamp: i64,
    request_id: String,
    body_utf8: String,
    body_sha256: String,
    canonical: String,
    signature: String,
}

impl Vector {
    fn secret(&self) -> Secret {
        Secret::parse(&self.secret).unwrap()
    }

    fn request(&self) -> Request<'_> {
        let query = Some(self.query.as_str()).filter(|query| !query.is_empty());
        Request { method: &self.method, path: &self.path, query, body: self.body_utf8.as_bytes() }
    }

    fn stamp(&self) -> Stamp {
        Stamp::new(&self.key_id, self.timestamp, &self.request_id).unwrap()
    }

    fn headers(&self) -> HeaderMap {
        headers(&[
            (KEY, &self.key_id),
            (TIMESTAMP, &self.timestamp.to_string()),
            (REQUEST_ID, &self.request_id),
            (SIGNATURE, &self.signature),
        ])
    }
}

/// The published vectors, unchanged.
fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("vectors/request-signing.json")).unwrap()
}

fn headers(values: &[(&'static str, &str)]) -> HeaderMap {
    values.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
}

/// What a server that knows this one key makes of a request.
fn received(headers: &HeaderMap, request: &Request<'_>, vector: &Vector) -> Result<(), SignatureError> {
    let headers = SignedHeaders::read(headers)?;
    headers.check_age(DateTime::from_timestamp(vector.timestamp, 0).unwrap())?;
    let secret = (headers.stamp.key_id() == vector.key_id).then(|| vector.secret());
    verify(&headers, request, secret.as_ref())
}

#[test]
fn the_published_vectors_hold() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 5);
    for vector in vectors {
        let name = &vector.name;
        assert_eq!(vector.request().body_sha256(), vector.body_sha256, "{name}");
        assert_eq!(canonical(&vector.stamp(), &vector.request()).as_deref(), Ok(vector.canonical.as_str()), "{name}");
        assert_eq!(sign(&vector.stamp(), &vector.request(), &vector.secret()), Ok(vector.signature.clone()), "{name}");
        assert_eq!(received(&vector.headers(), &vector.request(), &vector), Ok(()), "{name}");
    }
}

/// Each text that differs from this one in one bit.
fn flips(text: &str) -> impl Iterator<Item = Vec<u8>> {
    let bytes = text.as_bytes().to_vec();
    (0..bytes.len() * 8).map(move |bit| {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

#[test]
fn a_flipped_bit_of_a_header_is_refused() {
    for vector in vectors() {
        for name in [KEY, TIMESTAMP, REQUEST_ID, SIGNATURE] {
            let honest = vector.headers();
            for flipped in flips(honest[name].to_str().unwrap()) {
                let Ok(value) = HeaderValue::from_bytes(&flipped) else { continue };
                let mut headers = honest.clone();
                headers.insert(name, value);
                assert!(received(&headers, &vector.request(), &vector).is_err(), "{}: {name} {flipped:?}", vector.name);
            }
        }
    }
}

#[test]
fn a_flipped_bit_of_the_request_is_refused() {
    for vector in vectors() {
        let honest = vector.request();
        let check = |request: Request<'_>| {
            assert!(received(&vector.headers(), &request, &vector).is_err(), "{}", vector.name);
        };
        for body in flips(&vector.body_utf8) {
            check(Request { body: &body, ..honest });
        }
        for path in flips(&vector.path).filter_map(|path| String::from_utf8(path).ok()) {
            check(Request { path: &path, ..honest });
        }
        for query in flips(&vector.query).filter_map(|query| String::from_utf8(query).ok()) {
            check(Request { query: Some(&query), ..honest });
        }
        for method in flips(&vector.method).filter_map(|method| String::from_utf8(method).ok()) {
            check(Request { method: &method, ..honest });
        }
    }
}

#[test]
fn what_proxies_and_routers_take_for_the_same_is_another_request() {
    let vectors = vectors();
    let (query, encoded) = (&vectors[1], &vectors[4]);
    let mismatch = Err(SignatureError::Mismatch);
    let reordered = Request { query: Some("limit=50&status=failed&after=a%2Bb"), ..query.request() };
    assert_eq!(received(&query.headers(), &reordered, query), mismatch);
    let decoded = Request { query: Some("status=failed&limit=50&after=a+b"), ..query.request() };
    assert_eq!(received(&query.headers(), &decoded, query), mismatch);
    let decoded = Request { path: "/v1/contacts/a/b", ..encoded.request() };
    assert_eq!(received(&encoded.headers(), &decoded, encoded), mismatch);
    let lower = Request { path: "/v1/contacts/a%2fb", ..encoded.request() };
    assert_eq!(received(&encoded.headers(), &lower, encoded), mismatch);
    let slash = Request { path: "/v1/messages/", ..query.request() };
    assert_eq!(received(&query.headers(), &slash, query), mismatch);
    let moved = format!("{}?{}", query.path, query.query);
    let moved = Request { path: &moved, query: None, ..query.request() };
    assert_eq!(received(&query.headers(), &moved, query), Err(SignatureError::Path));
}

#[test]
fn a_path_that_somebody_would_rewrite_is_refused_before_it_is_signed() {
    let stamp = vectors()[0].stamp();
    let canonical = |method, path, query| canonical(&stamp, &Request { method, path, query, body: b"" });
    let paths = [
        "", "v1", "//", "/a//b", "/./a", "/a/.", "/a/./b", "/..", "/a/../b", "/a/..", "/a#b", "/a?b", "/a b", "/a\nb",
        "/é",
    ];
    for path in paths {
        assert_eq!(canonical("GET", path, None), Err(SignatureError::Path), "{path}");
    }
    for path in ["/", "/a/", "/.well-known/a", "/a/...", "/a..b", "/a%20b", "/~a/$b;c=1,2:@!'()*+&"] {
        assert!(canonical("GET", path, None).is_ok(), "{path}");
    }
    for query in ["", "a b", "a#b", "a\nb", "é"] {
        assert_eq!(canonical("GET", "/", Some(query)), Err(SignatureError::Query), "{query}");
    }
    for method in ["", "get", "GeT", "GET ", "G\nT", "É"] {
        assert_eq!(canonical(method, "/", None), Err(SignatureError::Method), "{method}");
    }
}

#[test]
fn a_request_is_believed_for_five_minutes_before_and_after_its_time() {
    let vector = &vectors()[0];
    let headers = SignedHeaders::read(&vector.headers()).unwrap();
    for (away, believed) in [(0, true), (299, true), (300, true), (301, false), (86_400, false)] {
        for now in [vector.timestamp - away, vector.timestamp + away] {
            let expected = if believed { Ok(()) } else { Err(SignatureError::Stale { server_time: now }) };
            assert_eq!(headers.check_age(DateTime::from_timestamp(now, 0).unwrap()), expected, "{now}");
        }
    }
}

#[test]
fn a_header_that_is_missing_doubled_or_not_exactly_right_is_refused() {
    let vector = &vectors()[0];
    let hex = "0".repeat(64);
    let wrong = |name, value: &str| {
        let mut changed = vector.headers();
        changed.insert(name, HeaderValue::from_str(value).unwrap());
        assert_eq!(SignedHeaders::read(&changed), Err(SignatureError::Malformed(name)), "{name}: {value}");
    };
    for name in [KEY, TIMESTAMP, REQUEST_ID, SIGNATURE] {
        let mut changed = vector.headers();
        let value = changed.remove(name).unwrap();
        assert_eq!(SignedHeaders::read(&changed), Err(SignatureError::Missing(name)), "{name}");
        changed.append(name, value.clone());
        changed.append(name, value);
        assert_eq!(SignedHeaders::read(&changed), Err(SignatureError::Repeated(name)), "{name}");
        wrong(name, "");
        wrong(name, &format!("{} ", vector.headers()[name].to_str().unwrap()));
    }
    for value in ["live_a1", "prk_", "prk_a b", "prk_a\tb", "PRK_live_a1", &format!("prk_{}", "a".repeat(61))] {
        wrong(KEY, value);
    }
    for value in ["-1", "+1767225600", "01767225600", "1767225600.0", "0x69", "176722560000", "1 767", "0"] {
        wrong(TIMESTAMP, value);
    }
    for value in ["a".repeat(15), "a".repeat(65), format!("{}.", "a".repeat(20)), "a b c d e f g h i j".to_owned()] {
        wrong(REQUEST_ID, &value);
    }
    let upper = vector.signature.to_uppercase().replace("V1", "v1");
    let none = hex.clone();
    for value in [
        upper,
        none,
        format!("v1={hex}0"),
        format!("v1={}", &hex[1..]),
        format!("v2={hex}"),
        format!("v1={hex},"),
        format!("v1={hex}, v1={hex}"),
        format!("v1={hex},v2={hex}"),
        format!("{},v1={hex}", vec![format!("v1={hex}"); 4].join(",")),
    ] {
        wrong(SIGNATURE, &value);
    }
}

#[test]
fn while_a_secret_is_rotated_any_of_the_signatures_may_fit() {
    let vector = &vectors()[0];
    let other = format!("v1={}", "0".repeat(64));
    let check = |signatures: &[&str]| {
        let mut headers = vector.headers();
        headers.insert(SIGNATURE, HeaderValue::from_str(&signatures.join(",")).unwrap());
        received(&headers, &vector.request(), vector)
    };
    assert_eq!(check(&[&vector.signature, &other]), Ok(()));
    assert_eq!(check(&[&other, &other, &other, &vector.signature]), Ok(()));
    assert_eq!(check(&[&other, &other]), Err(SignatureError::Mismatch));
}

#[test]
fn an_unknown_key_is_refused_even_with_a_signature_of_the_secret_that_stands_in_for_it() {
    let vector = &vectors()[0];
    let dummy = Secret::from_bytes([0; 32]);
    let mut headers = vector.headers();
    let signature = sign(&vector.stamp(), &vector.request(), &dummy).unwrap();
    headers.insert(SIGNATURE, HeaderValue::from_str(&signature).unwrap());
    let headers = SignedHeaders::read(&headers).unwrap();
    assert_eq!(verify(&headers, &vector.request(), Some(&dummy)), Ok(()));
    assert_eq!(verify(&headers, &vector.request(), None), Err(SignatureError::Mismatch));
}

#[test]
fn a_request_is_signed_as_it_stands_on_the_request_line() {
    let method = http::Method::GET;
    let uri: http::Uri = "https://example.org/v1/a%2Fb?x=%20&y".parse().unwrap();
    let request = Request::new(&method, &uri, b"");
    assert_eq!((request.method, request.path, request.query), ("GET", "/v1/a%2Fb", Some("x=%20&y")));
}

#[test]
fn a_secret_has_one_spelling() {
    let secret = Secret::from_bytes(std::array::from_fn(|position| u8::try_from(position).unwrap()));
    assert_eq!(secret.reveal(), "prs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    assert_eq!(Secret::parse(&secret.reveal()).ok().map(|read| *read.bytes()), Some(*secret.bytes()));
    let wrong = [
        "",
        "prs_",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "PRS_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "prs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        // The last character carries bits that no byte has.
        "prs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9",
        "prs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg",
        "prs_+AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
    ];
    for text in wrong {
        assert!(Secret::parse(text).is_err(), "{text}");
    }
}

#[test]
fn generated_secrets_take_their_bytes_from_the_given_source() {
    use rand::{SeedableRng, rngs::StdRng};
    let generate = |seed| Secret::generate(&mut StdRng::seed_from_u64(seed)).reveal();
    assert_eq!(generate(1), generate(1));
    assert_ne!(generate(1), generate(2));
    assert_eq!(generate(1).len(), 47);
}

/// Few letters, so that two requests are often almost the same.
fn any_request() -> impl Strategy<Value = (String, i64, String, String, String, Option<String>, Vec<u8>)> {
    (
        "prk_[ab]{1,2}",
        1..12_i64,
        "[ab]{16,17}",
        select(&["GET", "GETA", "POST"][..]).prop_map(str::to_owned),
        "/[ab/%2F.?]{0,3}",
        option::of("[ab&=/?\n]{0,3}"),
        vec(select(&b"ab\n"[..]), 0..3),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn two_different_requests_never_give_one_canonical_string(one in any_request(), other in any_request()) {
        let canonical = |(key_id, timestamp, request_id, method, path, query, body): &(String, i64, String, String, String, Option<String>, Vec<u8>)| {
            let stamp = Stamp::new(key_id, *timestamp, request_id).unwrap();
            canonical(&stamp, &Request { method, path, query: query.as_deref(), body })
        };
        if let (Ok(first), Ok(second)) = (canonical(&one), canonical(&other)) {
            prop_assert_eq!(first == second, one == other);
            prop_assert_eq!(first.lines().count(), 8);
        }
    }
}

proptest! {
    #[test]
    fn reading_headers_never_panics_and_takes_only_what_it_would_write(
        values in vec((select(&[KEY, TIMESTAMP, REQUEST_ID, SIGNATURE][..]), vec(any::<u8>(), 0..80)), 0..6),
        plausible in "(v1=[0-9a-fA-F]{62,66},?){0,6}",
    ) {
        let vector = &vectors()[0];
        let mut headers = vector.headers();
        for (name, bytes) in values {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                headers.insert(name, value);
            }
        }
        let _ = SignedHeaders::read(&headers);
        let mut headers = vector.headers();
        headers.insert(SIGNATURE, HeaderValue::from_str(&plausible).unwrap());
        if SignedHeaders::read(&headers).is_ok() {
            prop_assert!(plausible.split(',').all(|item| item.len() == 67 && !item.contains(char::is_uppercase)));
        }
    }

    #[test]
    fn what_one_secret_signs_no_other_verifies(one: [u8; 32], other: [u8; 32], body: Vec<u8>) {
        let vector = &vectors()[0];
        let request = Request { body: &body, ..vector.request() };
        let mut headers = vector.headers();
        let signature = sign(&vector.stamp(), &request, &Secret::from_bytes(one)).unwrap();
        headers.insert(SIGNATURE, HeaderValue::from_str(&signature).unwrap());
        let headers = SignedHeaders::read(&headers).unwrap();
        prop_assert_eq!(verify(&headers, &request, Some(&Secret::from_bytes(one))), Ok(()));
        prop_assert_eq!(verify(&headers, &request, Some(&Secret::from_bytes(other))).is_ok(), one == other);
    }
}
