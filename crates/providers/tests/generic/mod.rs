//! Platforms that speak our words: who may, what they may say, and whatever else arrives.

use chrono::{DateTime, Utc};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use postroad_core::provider::{Credentials, Event, Hook, Provider, Told, Unreadable};
use postroad_providers::generic::Generic;
use sha2::Sha256;

use crate::samples;

mod events;
mod properties;
mod signatures;

const URL: &str = "https://messages.example/integrations/viber/webhook/acc_00000000000000000000000000000001";
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const FORMER: &str = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

fn credentials(named: &[(&str, &str)]) -> Credentials {
    Credentials::new(named.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned().into())).collect())
}

fn of_viber() -> Credentials {
    credentials(&[("platform", "viber"), ("webhook_secret", SECRET)])
}

fn sign(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = BASE64.decode(secret.trim_start_matches("whsec_").as_bytes()).expect("it is base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any key will do");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
}

fn headers(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
    [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)]
        .into_iter()
        .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
        .collect()
}

fn is_believed(url: &str, headers: &HeaderMap, body: &[u8], at: DateTime<Utc>, credentials: &Credentials) -> bool {
    Generic.verify(&Hook { headers, url, body, received_at: at }, credentials).is_ok()
}

fn read(body: &[u8]) -> Result<Vec<Event>, Unreadable> {
    Generic.events(&Told { account: "bot", url: URL, body, received_at: samples::now() })
}
