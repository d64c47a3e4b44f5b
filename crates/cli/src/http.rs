//! A client for our own API and for simulators on this machine: plain HTTP, no retries.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::TokioExecutor,
};
use postroad_core::{
    clock::Clock,
    signature::{self, Secret, Stamp},
};

use crate::commands::sign::{self, new_request_id};

/// Longer than any answer of ours takes.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Bytes of one answer.
const ANSWER_BYTES_MAX: usize = 64 * 1_024 * 1_024;

/// Status and body.
pub type Answer = (u16, Bytes);

/// Keeps connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client(Pool<HttpConnector, Full<Bytes>>);

impl Default for Client {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(Pool::builder(TokioExecutor::new()).pool_max_idle_per_host(64).build(connector))
    }
}

impl Client {
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer> {
        match tokio::time::timeout(ANSWER_MAX, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => bail!("no answer within {} s", ANSWER_MAX.as_secs()),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer> {
        let response = self.0.request(request).await.context("nobody answers")?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?;
        Ok((status, body.to_bytes()))
    }
}

/// One question.
pub async fn get(url: &str) -> Result<Answer> {
    Client::default().send(Request::get(url).body(Full::default())?).await
}

/// A caller of the signed API.
#[derive(Clone)]
pub struct Caller {
    client: Client,
    /// `http://127.0.0.1:7800`
    base_url: String,
    key_id: String,
    secret: std::sync::Arc<Secret>,
    clock: Clock,
}

impl Caller {
    pub fn new(base_url: String, key_id: String, secret: Secret, clock: Clock) -> Self {
        Self { client: Client::default(), base_url, key_id, secret: secret.into(), clock }
    }

    /// Signs and sends. The request id is new, so every call is one of its own.
    pub async fn call(&self, method: Method, path: &str, body: Option<&serde_json::Value>) -> Result<Answer> {
        self.call_as(&new_request_id(), method, path, body).await
    }

    /// Under a request id of the caller's: a repetition under the same one is carried out once.
    pub async fn call_as(
        &self,
        request_id: &str,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Answer> {
        let url = format!("{}{path}", self.base_url);
        let uri: Uri = url.parse()?;
        let body = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        let stamp = Stamp::new(&self.key_id, self.clock.now().timestamp(), request_id)?;
        let headers = sign::sign(&stamp, &signature::Request::new(&method, &uri, &body), &self.secret)?;
        let mut request = Request::builder().method(&method).uri(&uri);
        for (name, value) in headers.lines() {
            request = request.header(name, value);
        }
        if !body.is_empty() {
            request = request.header(http::header::CONTENT_TYPE, "application/json");
        }
        self.client.send(request.body(Full::from(body))?).await
    }
}
