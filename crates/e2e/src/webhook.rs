//! Webhooks as Meta makes them, signed with the secret of the app.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::seed::APP_SECRET;

/// The path for WhatsApp's webhooks.
pub const PATH: &str = "/webhooks/meta/whatsapp";

/// One status of one message.
#[derive(Debug, Clone)]
pub struct Status {
    /// Of the message at the provider.
    pub provider_ref: String,
    pub state: &'static str,
    /// Our correlation, which the provider echoes.
    pub echo: String,
    pub unix_s: i64,
}

/// The body of a POST that tells these statuses of one number.
pub fn statuses(phone_number_id: &str, statuses: &[Status]) -> Vec<u8> {
    let told: Vec<Value> = statuses
        .iter()
        .map(|status| {
            json!({
                "id": status.provider_ref,
                "status": status.state,
                "timestamp": status.unix_s.to_string(),
                "recipient_id": "15550000000",
                "biz_opaque_callback_data": status.echo,
            })
        })
        .collect();
    body(phone_number_id, &json!({ "statuses": told }))
}

/// One thing that one person says.
#[derive(Debug, Clone)]
pub struct Said {
    /// Of the message at the provider.
    pub provider_ref: String,
    /// Digits only.
    pub from: String,
    pub text: String,
    pub unix_s: i64,
}

/// The body of a POST that tells what people say to one number.
pub fn messages(phone_number_id: &str, said: &[Said]) -> Vec<u8> {
    let contacts: Vec<Value> =
        said.iter().map(|one| json!({ "wa_id": one.from, "profile": { "name": "Somebody" } })).collect();
    let messages: Vec<Value> = said
        .iter()
        .map(|one| {
            json!({
                "from": one.from,
                "id": one.provider_ref,
                "timestamp": one.unix_s.to_string(),
                "type": "text",
                "text": { "body": one.text },
            })
        })
        .collect();
    body(phone_number_id, &json!({ "contacts": contacts, "messages": messages }))
}

fn body(phone_number_id: &str, told: &Value) -> Vec<u8> {
    let mut value = told.clone();
    value["messaging_product"] = "whatsapp".into();
    value["metadata"] = json!({ "display_phone_number": "15550100001", "phone_number_id": phone_number_id });
    let change = json!({ "field": "messages", "value": value });
    let body =
        json!({ "object": "whatsapp_business_account", "entry": [{ "id": "200000000000001", "changes": [change] }] });
    body.to_string().into_bytes()
}

/// The value of `X-Hub-Signature-256`.
pub fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(APP_SECRET.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
}

/// A signed POST, ready to be sent.
pub fn post(http: &reqwest::Client, base_url: &str, body: Vec<u8>) -> reqwest::RequestBuilder {
    http.post(format!("{base_url}{PATH}"))
        .header("content-type", "application/json")
        .header("x-hub-signature-256", signature(&body))
        .body(body)
}
