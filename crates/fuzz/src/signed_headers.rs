//! The four headers of a signed request.

use http::{HeaderMap, HeaderName, HeaderValue};
use postroad_core::signature::{KEY, REQUEST_ID, Request, SIGNATURE, Secret, SignedHeaders, TIMESTAMP, sign, verify};

use crate::parts;

const NAMES: [&str; 4] = [KEY, TIMESTAMP, REQUEST_ID, SIGNATURE];

/// Key, time, id of the request, signatures.
#[test]
fn signed_headers_are_read_as_they_would_be_written_or_not_at_all() {
    // The published vector `post-json`.
    let secret = Secret::parse("prs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").unwrap();
    let body = br#"{"to":"+628111000111","type":"text","text":"hi"}"#;
    let request = Request { method: "POST", path: "/v1/messages", query: None, body };
    target!(|input: &[u8]| {
        let values: [&[u8]; 4] = parts::bytes(input);
        let header = |(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_bytes(value).ok()?));
        let headers: HeaderMap = NAMES.into_iter().zip(values).filter_map(header).collect();
        let Ok(read) = SignedHeaders::read(&headers) else { return false };
        let stamp = &read.stamp;
        let written = format!("{}\n{}\n{}", stamp.key_id(), stamp.timestamp(), stamp.request_id());
        assert_eq!(written.as_bytes(), values[..3].join(&b'\n'));
        assert!(values[3].split(|byte| *byte == b',').all(|one| one.len() == 67 && one.starts_with(b"v1=")));
        let ours = sign(stamp, &request, &secret).unwrap();
        let is_signed = values[3].split(|byte| *byte == b',').any(|one| one == ours.as_bytes());
        assert_eq!(verify(&read, &request, Some(&secret)).is_ok(), is_signed);
        assert!(verify(&read, &request, None).is_err(), "nobody has this key");
        is_signed
    });
}
