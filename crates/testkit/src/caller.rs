//! Somebody who calls the API over HTTP, signed or not.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use postroad_core::{
    clock::Clock,
    signature::{self, Secret, Stamp},
};
use serde_json::Value;

use crate::stream::EventStream;

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The `code` of a problem.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Sends requests as they are: what stands in the address arrives byte by byte.
#[derive(Debug, Clone)]
pub struct Http(Client<HttpConnector, Full<Bytes>>);

impl Default for Http {
    fn default() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }
}

impl Http {
    /// # Panics
    /// When nobody answers.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Answer {
        self.try_send(request).await.expect("the server answers")
    }

    pub async fn try_send(&self, request: Request<Vec<u8>>) -> Option<Answer> {
        let response = self.0.request(request.map(|body| Full::new(Bytes::from(body)))).await.ok()?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}

impl Http {
    /// An answer that goes on.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn follow(&self, request: Request<Vec<u8>>) -> EventStream {
        let response = self.0.request(request.map(|body| Full::new(Bytes::from(body)))).await;
        let (parts, body) = response.expect("the server answers").into_parts();
        EventStream::new(parts.status.as_u16(), parts.headers, body.boxed())
    }
}

/// Holds a key and signs with it.
pub struct SignedCaller {
    /// `http://127.0.0.1:7800`
    pub base: String,
    pub key_id: String,
    pub secret: Secret,
    pub clock: Clock,
    pub http: Http,
    calls: AtomicU64,
}

impl SignedCaller {
    pub fn new(base: &str, key_id: &str, secret: Secret, clock: Clock) -> Self {
        Self {
            base: base.to_owned(),
            key_id: key_id.to_owned(),
            secret,
            clock,
            http: Http::default(),
            calls: AtomicU64::new(0),
        }
    }

    /// A request id that this caller did not use yet.
    pub fn request_id(&self) -> String {
        let random = uuid::Uuid::new_v4().simple().to_string();
        format!("{:08}-{}", self.calls.fetch_add(1, Ordering::Relaxed), &random[..16])
    }

    /// The request as it goes out. `target`: path and query, raw.
    ///
    /// # Panics
    /// When the request cannot be signed.
    pub fn signed(&self, method: &Method, target: &str, request_id: &str, body: &[u8]) -> Request<Vec<u8>> {
        let stamp =
            Stamp::new(&self.key_id, self.clock.now().timestamp(), request_id).expect("the stamp is well-formed");
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let asked = signature::Request { method: method.as_str(), path, query, body };
        let signature = signature::sign(&stamp, &asked, &self.secret).expect("the request can be signed");
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.base))
            .header(signature::KEY, stamp.key_id())
            .header(signature::TIMESTAMP, stamp.timestamp().to_string())
            .header(signature::REQUEST_ID, stamp.request_id())
            .header(signature::SIGNATURE, signature);
        if !body.is_empty() {
            request = request.header(http::header::CONTENT_TYPE, "application/json");
        }
        request.body(body.to_vec()).expect("the request is well-formed")
    }

    pub async fn call(&self, method: Method, target: &str, request_id: &str, body: &[u8]) -> Answer {
        self.http.send(self.signed(&method, target, request_id, body)).await
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.call(Method::GET, target, &self.request_id(), b"").await
    }

    /// A stream; `last`: what was had of it.
    pub async fn follow(&self, target: &str, last: Option<i64>) -> EventStream {
        let mut request = self.signed(&Method::GET, target, &self.request_id(), b"");
        if let Some(last) = last {
            request.headers_mut().insert("last-event-id", last.into());
        }
        self.http.follow(request).await
    }

    pub async fn post(&self, target: &str, body: &Value) -> Answer {
        self.call(Method::POST, target, &self.request_id(), body.to_string().as_bytes()).await
    }

    pub async fn patch(&self, target: &str, body: &Value) -> Answer {
        self.call(Method::PATCH, target, &self.request_id(), body.to_string().as_bytes()).await
    }

    pub async fn delete(&self, target: &str) -> Answer {
        self.call(Method::DELETE, target, &self.request_id(), b"").await
    }
}
