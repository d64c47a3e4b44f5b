//! The text that is signed.

use postroad_core::signature::{Request, Stamp, canonical};

use crate::parts;

/// Method, path, query, body; a query of `-` stands for none. Whoever finds the parts in the text again finds no two requests in it.
#[test]
fn every_part_of_a_request_stands_in_its_own_line_of_what_is_signed() {
    let stamp = Stamp::new("prk_live_a1", 1_767_225_600, "0198c1b2-0000-7000-8000-000000000001").unwrap();
    target!(|input: &[u8]| {
        let [method, path, query, body] = parts::bytes(input).map(std::str::from_utf8);
        let (Ok(method), Ok(path), Ok(query), Ok(body)) = (method, path, query, body) else { return false };
        let request = Request { method, path, query: Some(query).filter(|query| *query != "-"), body: body.as_bytes() };
        let Ok(text) = canonical(&stamp, &request) else { return false };
        let lines: Vec<&str> = text.split('\n').collect();
        let body = request.body_sha256();
        assert_eq!(lines[4..], [method, path, request.query.unwrap_or_default(), &body]);
        assert_eq!((lines.len(), request.query), (8, Some(lines[6]).filter(|query| !query.is_empty())));
        true
    });
}
