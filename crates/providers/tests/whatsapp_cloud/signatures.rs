//! Signatures of webhooks: our vector, every flipped bit, and the signatures of another library.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use http::{HeaderMap, HeaderValue};
use postroad_core::provider::{Credentials, Forged, Hook, Provider};
use postroad_providers::whatsapp_cloud::WhatsappCloud;
use serde_json::Value;

use super::recorded;
use crate::{
    peers::{python, skipped},
    samples,
};

const HEADER: &str = "x-hub-signature-256";

fn verify(body: &[u8], signature: &[u8], secret: &str) -> Result<(), Forged> {
    let mut headers = HeaderMap::new();
    headers.insert(HEADER, HeaderValue::from_bytes(signature).map_err(|_| Forged)?);
    let credentials = Credentials::new(vec![("app_secret".to_owned(), secret.to_owned().into())]);
    WhatsappCloud.verify(
        &Hook { headers: &headers, url: "https://postroad.example/webhooks", body, received_at: samples::now() },
        &credentials,
    )
}

struct Vector {
    secret: String,
    body: Vec<u8>,
    signature: String,
}

fn vector() -> Vector {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/provider-signatures.json");
    let vectors: Value =
        serde_json::from_slice(&std::fs::read(path).expect("the vectors are there")).expect("they are JSON");
    let field = |name: &str| vectors["meta"][name].as_str().expect("the vector has it").to_owned();
    Vector { secret: field("app_secret"), body: field("body").into_bytes(), signature: field("X-Hub-Signature-256") }
}

fn assert_every_flip_is_refused(secret: &str, body: &[u8], signature: &[u8]) {
    for bit in 0..body.len() * 8 {
        let mut flipped = body.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(verify(&flipped, signature, secret), Err(Forged), "bit {bit} of the body");
    }
    for bit in 0..signature.len() * 8 {
        let mut flipped = signature.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(verify(body, &flipped, secret), Err(Forged), "bit {bit} of the signature");
    }
}

#[test]
fn the_vector_holds_and_every_flipped_bit_is_refused() {
    let Vector { secret, body, signature } = vector();
    assert_eq!(verify(&body, signature.as_bytes(), &secret), Ok(()));
    assert_every_flip_is_refused(&secret, &body, signature.as_bytes());
}

#[test]
fn a_signature_of_another_shape_is_refused() {
    let Vector { secret, body, signature } = vector();
    let hex = signature.trim_start_matches("sha256=");
    let shapes = [
        hex.to_owned(),
        format!("sha1={hex}"),
        format!("sha256={}", &hex[..62]),
        format!("sha256={hex}00"),
        format!("sha256= {hex}"),
        String::new(),
    ];
    for shape in shapes {
        assert_eq!(verify(&body, shape.as_bytes(), &secret), Err(Forged), "{shape}");
    }
    assert_eq!(verify(&body, signature.as_bytes(), "another secret"), Err(Forged));
    assert_eq!(verify(&body[..body.len() - 1], signature.as_bytes(), &secret), Err(Forged));
}

#[test]
fn two_signatures_are_a_riddle_and_refused() {
    let Vector { secret, body, signature } = vector();
    let mut headers = HeaderMap::new();
    for value in [signature.as_str(), "sha256=00"] {
        headers.append(HEADER, value.parse().expect("it is a header"));
    }
    let credentials = Credentials::new(vec![("app_secret".to_owned(), secret.into())]);
    let hook =
        Hook { headers: &headers, url: "https://postroad.example/webhooks", body: &body, received_at: samples::now() };
    assert_eq!(WhatsappCloud.verify(&hook, &credentials), Err(Forged));
}

/// What `pywa` signs and accepts: `sha256=…`.
fn signed_by_pywa(python: &Path, secret: &str, body: &[u8]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pywa/sign.py");
    let mut child = Command::new(python)
        .arg(script)
        .arg(secret)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the Python that just ran runs again");
    std::io::Write::write_all(&mut child.stdin.take().expect("it is piped"), body).expect("the script reads its input");
    let output = child.wait_with_output().expect("the script ends");
    assert!(output.status.success(), "the other library refuses its own signature");
    String::from_utf8(output.stdout).expect("it prints text").trim().to_owned()
}

#[test]
fn what_another_library_signs_is_accepted() {
    let Some(python) = python("pywa", "pywa.utils") else {
        return skipped("python3 with pywa cannot be had here, so no foreign signature is checked");
    };
    let bodies: Vec<Vec<u8>> = recorded("webhooks").into_iter().map(|(_, body)| body).take(4).collect();
    for body in
        bodies.iter().map(Vec::as_slice).chain([&b""[..], "{\"text\":\"\\u00fc ü\"}".as_bytes(), &[0, 255, 10, 13]])
    {
        let signature = signed_by_pywa(&python, "a secret of Meta's", body);
        assert_eq!(verify(body, signature.as_bytes(), "a secret of Meta's"), Ok(()));
        assert_every_flip_is_refused("a secret of Meta's", body, signature.as_bytes());
    }
}
