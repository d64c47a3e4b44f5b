//! The one place that calls providers. It owns timeouts, TLS and the question "did it leave?".
//!
//! One request is one call: no retries, no redirects, no proxy from the environment. Whether to try again is the ledger's
//! business.

use std::time::Duration;

use postroad_core::limits::{ANSWER_BYTES_MAX, CALL_MAX, CONNECT_MAX, FETCH_MAX};

/// What is known after a call.
#[derive(Debug)]
pub enum Wire {
    /// The provider answered, whatever it said.
    Answered(http::Response<Vec<u8>>),
    /// No connection was made: not a byte of the request left.
    NotSent { why: &'static str },
    /// The request left, or may have, and no answer came: nobody knows.
    Ambiguous { why: &'static str },
}

/// A pool of connections to all providers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Transport {
    client: reqwest::Client,
}

impl Transport {
    /// # Panics
    /// Never in practice: the client is built from constants.
    pub fn new() -> Self {
        // A second installation finds the first: equal.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(std(CONNECT_MAX))
            .timeout(std(CALL_MAX))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .pool_max_idle_per_host(256)
            .pool_idle_timeout(Duration::from_secs(30))
            .tcp_nodelay(true)
            .user_agent(concat!("postroad/", env!("CARGO_PKG_VERSION")))
            .build()
            .expect("the client is built from constants");
        Self { client }
    }

    /// Makes one call and reads at most 256 KiB of the answer.
    pub async fn send(&self, request: http::Request<Vec<u8>>) -> Wire {
        let Ok(request) = reqwest::Request::try_from(request) else {
            return Wire::NotSent { why: "bad_address" };
        };
        self.call(request, ANSWER_BYTES_MAX).await
    }

    /// Fetches a file of at most `bytes_max`; a larger one is [`TOO_LONG`], found before more than that was read.
    pub async fn fetch(&self, request: http::Request<Vec<u8>>, bytes_max: usize) -> Wire {
        let Ok(mut request) = reqwest::Request::try_from(request) else {
            return Wire::NotSent { why: "bad_address" };
        };
        *request.timeout_mut() = Some(std(FETCH_MAX));
        self.call(request, bytes_max).await
    }

    async fn call(&self, request: reqwest::Request, bytes_max: usize) -> Wire {
        match self.client.execute(request).await {
            Ok(response) => read(response, bytes_max).await,
            Err(error) => classify(&error),
        }
    }
}

impl Default for Transport {
    fn default() -> Self {
        Self::new()
    }
}

/// Only an error before the first byte of the request is a definite "not sent".
fn classify(error: &reqwest::Error) -> Wire {
    if error.is_connect() {
        Wire::NotSent { why: if error.is_timeout() { "connect_timeout" } else { "connect" } }
    } else if error.is_builder() {
        Wire::NotSent { why: "bad_request" }
    } else if error.is_timeout() {
        Wire::Ambiguous { why: "timeout" }
    } else {
        Wire::Ambiguous { why: "connection_lost" }
    }
}

/// Why an answer was not read to its end.
pub const TOO_LONG: &str = "answer_too_long";

async fn read(mut response: reqwest::Response, bytes_max: usize) -> Wire {
    if response.content_length().is_some_and(|bytes| bytes > bytes_max as u64) {
        return Wire::Ambiguous { why: TOO_LONG };
    }
    let mut answer = http::Response::builder().status(response.status());
    if let Some(headers) = answer.headers_mut() {
        headers.clone_from(response.headers());
    }
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= bytes_max => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Wire::Ambiguous { why: TOO_LONG },
            Ok(None) => break,
            Err(_) => return Wire::Ambiguous { why: "answer_cut" },
        }
    }
    answer.body(body).map_or(Wire::Ambiguous { why: "answer_unreadable" }, Wire::Answered)
}

fn std(length: chrono::TimeDelta) -> Duration {
    length.to_std().unwrap_or(Duration::from_secs(20))
}
