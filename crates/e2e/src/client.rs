//! A program that calls the signed API.

use std::time::Duration;

use anyhow::{Context, Result};
use postroad_core::{
    clock::Clock,
    signature::{self, Request, Secret, Stamp},
};
use serde_json::Value;

/// A key and its secret.
pub struct Key {
    pub id: String,
    pub secret: Secret,
}

/// Signs and sends requests to one server.
pub struct Client {
    http: reqwest::Client,
    base_url: String,
    key: Key,
    clock: Clock,
}

/// What the server said.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    /// The answer of an earlier request with the same id.
    pub replayed: bool,
}

impl Client {
    pub fn new(base_url: impl Into<String>, key: Key) -> Self {
        Self { http: http_client(), base_url: base_url.into(), key, clock: Clock::system() }
    }

    /// `request_id` has 16 to 64 characters: the same one again is the same wish.
    pub async fn post(&self, path: &str, request_id: &str, body: &Value) -> Result<Answer> {
        self.call("POST", path, request_id, body.to_string().into_bytes()).await
    }

    /// With a request id of its own.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.call("GET", path, &fresh_request_id(), Vec::new()).await
    }

    pub async fn call(&self, method: &str, path_and_query: &str, request_id: &str, body: Vec<u8>) -> Result<Answer> {
        let request = self.request(method, path_and_query, request_id, body)?;
        read(self.http.execute(request).await?).await
    }

    /// A signed request, ready to be sent.
    pub fn request(
        &self,
        method: &str,
        path_and_query: &str,
        request_id: &str,
        body: Vec<u8>,
    ) -> Result<reqwest::Request> {
        let stamp = Stamp::new(&self.key.id, self.clock.now().timestamp(), request_id)?;
        let (path, query) =
            path_and_query.split_once('?').map_or((path_and_query, None), |(path, query)| (path, Some(query)));
        let signature = signature::sign(&stamp, &Request { method, path, query, body: &body }, &self.key.secret)?;
        let request = self
            .http
            .request(method.parse()?, format!("{}{path_and_query}", self.base_url))
            .header(signature::KEY, stamp.key_id())
            .header(signature::TIMESTAMP, stamp.timestamp())
            .header(signature::REQUEST_ID, request_id)
            .header(signature::SIGNATURE, signature)
            .header("content-type", "application/json")
            .body(body)
            .build()?;
        Ok(request)
    }

    pub const fn http(&self) -> &reqwest::Client {
        &self.http
    }
}

/// A client that waits 15 s for an answer and knows no proxy.
pub fn http_client() -> reqwest::Client {
    // A second installation finds the first: equal.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().timeout(Duration::from_secs(15)).no_proxy().tcp_nodelay(true);
    builder.build().expect("the client is built from constants")
}

async fn read(response: reqwest::Response) -> Result<Answer> {
    let status = response.status().as_u16();
    let replayed = response.headers().contains_key("idempotency-replayed");
    let bytes = response.bytes().await?;
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes)
            .with_context(|| format!("answer {status} is no JSON: {}", String::from_utf8_lossy(&bytes)))?
    };
    Ok(Answer { status, body, replayed })
}

/// Unique, and of a legal length.
pub fn fresh_request_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
