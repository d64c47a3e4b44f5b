//! Signatures of webhooks: our vectors, every flipped bit, and the signatures of Twilio's own library.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use postroad_core::provider::{Credentials, Forged, Hook, Provider};
use postroad_providers::twilio;
use serde_json::Value;

use super::webhooks;
use crate::{
    peers::{python, skipped},
    samples,
};

const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");
const SETTINGS: HeaderName = HeaderName::from_static("x-twilio-webhooks-signature-settings");
const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";
const TOKEN: &str = "a token of Twilio's";

/// A webhook with everything that its signature depends on.
#[derive(Debug, Clone)]
struct Signed {
    token: String,
    url: String,
    content_type: &'static str,
    body: Vec<u8>,
    settings: Option<&'static str>,
    signature: Vec<u8>,
}

impl Signed {
    fn verify(&self) -> Result<(), Forged> {
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE, HeaderValue::from_bytes(&self.signature).map_err(|_| Forged)?);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.extend(self.settings.map(|settings| (SETTINGS, HeaderValue::from_static(settings))));
        let credentials = Credentials::new(vec![("auth_token".to_owned(), self.token.clone().into())]);
        twilio::SMS.verify(
            &Hook { headers: &headers, url: &self.url, body: &self.body, received_at: samples::now() },
            &credentials,
        )
    }

    /// Whether the two say the same, though not by the same bytes: `%2B` and `%2b`, or a field that was there twice.
    fn says_the_same(&self, other: &[u8]) -> bool {
        let pairs = |body: &[u8]| {
            let mut pairs: Vec<_> = url::form_urlencoded::parse(body).into_owned().collect();
            pairs.sort();
            pairs.dedup();
            pairs.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect::<String>()
        };
        self.content_type == FORM && pairs(&self.body) == pairs(other)
    }

    fn assert_every_flip_is_refused(&self) {
        for bit in 0..self.body.len() * 8 {
            let body = flipped(&self.body, bit);
            let refused = Signed { body, ..self.clone() }.verify() == Err(Forged);
            assert!(refused || self.says_the_same(&flipped(&self.body, bit)), "bit {bit} of the body");
        }
        for bit in 0..self.signature.len() * 8 {
            let signature = flipped(&self.signature, bit);
            assert_eq!(Signed { signature, ..self.clone() }.verify(), Err(Forged), "bit {bit} of the signature");
        }
        for place in 0..self.url.len() {
            let mut url = self.url.clone();
            url.replace_range(place..=place, if url[place..].starts_with('~') { "!" } else { "~" });
            assert_eq!(Signed { url, ..self.clone() }.verify(), Err(Forged), "character {place} of the address");
        }
    }
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

fn vectors(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/provider-signatures.json");
    let mut vectors: Value =
        serde_json::from_slice(&std::fs::read(path).expect("the vectors are there")).expect("they are JSON");
    vectors[name].take()
}

fn text(vector: &Value, name: &str) -> String {
    vector[name].as_str().expect("the vector has it").to_owned()
}

fn form_vector() -> Signed {
    let vector = vectors("twilio_form");
    let params = vector["params"].as_object().expect("there are fields");
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(params.iter().map(|(name, value)| (name, value.as_str().expect("it is text"))));
    Signed {
        token: text(&vector, "auth_token"),
        url: text(&vector, "url"),
        content_type: FORM,
        body: form.finish().into_bytes(),
        settings: None,
        signature: text(&vector, "X-Twilio-Signature_hmac_sha1").into_bytes(),
    }
}

#[test]
fn the_vector_of_a_form_holds_and_every_flip_is_refused() {
    let signed = form_vector();
    assert_eq!(signed.verify(), Ok(()));
    signed.assert_every_flip_is_refused();
}

#[test]
fn the_vector_of_a_shared_key_holds_and_only_under_its_own_algorithm() {
    let signature = text(&vectors("twilio_form"), "hmac_sha256_sharedkey").into_bytes();
    let settings = Some("key=webhooks_sharedkey_1,algorithm=HMAC_SHA256");
    let signed = Signed { settings, signature, ..form_vector() };
    assert_eq!(signed.verify(), Ok(()));
    signed.assert_every_flip_is_refused();
    for settings in [None, Some("key=k,algorithm=HMAC_SHA1"), Some("key=k,algorithm=HMAC_SHA512")] {
        assert_eq!(Signed { settings, ..signed.clone() }.verify(), Err(Forged), "{settings:?}");
    }
}

#[test]
fn a_shared_key_of_its_own_is_used_where_there_is_one() {
    let signed = form_vector();
    let sha256 = text(&vectors("twilio_form"), "hmac_sha256_sharedkey");
    let mut headers = HeaderMap::new();
    headers.insert(SIGNATURE, sha256.parse().expect("it is a header"));
    headers.insert(SETTINGS, HeaderValue::from_static("algorithm=HMAC_SHA256"));
    let hook = Hook { headers: &headers, url: &signed.url, body: &signed.body, received_at: samples::now() };
    let with = |shared: &str| {
        let named = [("auth_token", "something else"), ("webhook_secret", shared)];
        Credentials::new(named.map(|(name, value)| (name.to_owned(), value.to_owned().into())).into())
    };
    assert_eq!(twilio::SMS.verify(&hook, &with(&signed.token)), Ok(()));
    assert_eq!(twilio::SMS.verify(&hook, &with("wrong")), Err(Forged));
}

fn json_vector() -> Signed {
    let vector = vectors("twilio_json");
    Signed {
        token: text(&vector, "auth_token"),
        url: text(&vector, "url"),
        content_type: "application/json",
        body: text(&vector, "body").into_bytes(),
        settings: None,
        signature: text(&vector, "X-Twilio-Signature").into_bytes(),
    }
}

#[test]
fn the_vector_of_json_holds_and_every_flip_is_refused() {
    let signed = json_vector();
    assert_eq!(signed.verify(), Ok(()));
    signed.assert_every_flip_is_refused();
    let as_form = Signed { content_type: FORM, ..signed };
    assert_eq!(as_form.verify(), Err(Forged), "nothing vouches for the fields of a form but their own signature");
}

#[test]
fn a_port_that_is_added_or_left_out_changes_nothing() {
    let signed = form_vector();
    let with_port = |port: &str| signed.url.replace("mycompany.com", &format!("mycompany.com:{port}"));
    for url in [with_port("443"), with_port("8443")] {
        assert_eq!(Signed { url: url.clone(), ..signed.clone() }.verify(), Ok(()), "{url}: signed without");
    }
    let other_host = signed.url.replace("mycompany.com", "mycompany.org:443");
    assert_eq!(Signed { url: other_host, ..signed }.verify(), Err(Forged));
}

#[test]
fn two_signatures_are_a_riddle_and_refused() {
    let signed = form_vector();
    let mut headers = HeaderMap::new();
    for value in [&signed.signature[..], b"AAAA"] {
        headers.append(SIGNATURE, HeaderValue::from_bytes(value).expect("it is a header"));
    }
    let credentials = Credentials::new(vec![("auth_token".to_owned(), signed.token.into())]);
    let hook = Hook { headers: &headers, url: &signed.url, body: &signed.body, received_at: samples::now() };
    assert_eq!(twilio::SMS.verify(&hook, &credentials), Err(Forged));
}

/// What Twilio's library signs and accepts.
fn signed_by_twilio(python: &Path, signed: Signed) -> Signed {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/twilio/sign.py");
    let algorithm = if signed.settings.is_some() { "HMAC_SHA256" } else { "HMAC_SHA1" };
    let mut child = Command::new(python)
        .arg(script)
        .args([&signed.token, &signed.url, algorithm])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the Python that just ran runs again");
    let mut input = child.stdin.take().expect("it is piped");
    std::io::Write::write_all(&mut input, &signed.body).expect("the script reads its input");
    drop(input);
    let output = child.wait_with_output().expect("the script ends");
    assert!(output.status.success(), "the library refuses its own signature of {}", signed.url);
    Signed { signature: output.stdout.trim_ascii().to_vec(), ..signed }
}

fn unsigned(url: &str, content_type: &'static str, body: &[u8]) -> Signed {
    Signed {
        token: TOKEN.to_owned(),
        url: url.to_owned(),
        content_type,
        body: body.to_vec(),
        settings: None,
        signature: Vec::new(),
    }
}

#[test]
fn what_the_library_of_twilio_signs_is_accepted() {
    let Some(python) = python("twilio", "twilio.request_validator") else {
        return skipped("python3 with twilio cannot be had here, so no signature of its library is checked");
    };
    let recorded = webhooks();
    let mut cases: Vec<Signed> = recorded.iter().map(|webhook| unsigned(&webhook.url, FORM, &webhook.body)).collect();
    let addresses = ["http://127.0.0.1:7800/x?a=%2B1&b=c+d", "https://a.example:8443/", "https://a.example"];
    cases.extend(
        addresses.map(|url| unsigned(url, FORM, "b=2&a=1&a=1&a=0&empty=&name=J%C3%BCrgen+%26+%E2%9C%85".as_bytes())),
    );
    let hash = "a591a6d40bf420404a011733cfb7b190d62c65bf0bcda32b57b277d9ad9f146e";
    cases.push(unsigned(&format!("https://a.example/x?bodySHA256={hash}"), "application/json", b"Hello World"));
    for case in cases {
        for settings in [None, Some("key=webhooks_sharedkey_1,algorithm=HMAC_SHA256")] {
            let signed = signed_by_twilio(&python, Signed { settings, ..case.clone() });
            assert_eq!(signed.verify(), Ok(()), "{signed:?}");
            signed.assert_every_flip_is_refused();
        }
    }
}
