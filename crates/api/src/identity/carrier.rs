//! Carries requests to providers who say who somebody is. Their addresses are ours or the operator's, and no tenant's: so any may be
//! called, and it follows no redirect, waits not long and reads little.

use std::time::Duration;

use futures::future::BoxFuture;
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};

const CONNECT_MAX: Duration = Duration::from_secs(5);
const CALL_MAX: Duration = Duration::from_secs(10);
/// Of an answer. A person's addresses at GitHub are the longest, and a few hundred bytes each.
const ANSWER_BYTES_MAX: usize = 256 * 1_024;

/// No answer came, or not whole.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{0}")]
pub(super) struct Lost(pub(super) &'static str);

#[derive(Debug)]
pub(super) struct Carrier(reqwest::Client);

impl Carrier {
    /// # Panics
    /// Never in practice: the client is built from constants.
    pub(super) fn new(is_test: bool) -> Self {
        // A second installation finds the first: equal.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .https_only(!is_test)
            .connect_timeout(CONNECT_MAX)
            .timeout(CALL_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .pool_max_idle_per_host(4)
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("postroad/", env!("CARGO_PKG_VERSION")))
            .build()
            .expect("the client is built from constants");
        Self(client)
    }

    /// A fault of theirs is no answer.
    pub(super) async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, Lost> {
        let request = reqwest::Request::try_from(request).map_err(|_| Lost("its address cannot be called"))?;
        let mut response = self.0.execute(request).await.map_err(|error| lost(&error))?;
        if response.status().is_server_error() || response.status() == http::StatusCode::TOO_MANY_REQUESTS {
            return Err(Lost("it has a fault, or too much to do"));
        }
        let mut answer = http::Response::builder().status(response.status());
        if let Some(headers) = answer.headers_mut() {
            headers.clone_from(response.headers());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| lost(&error))? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(Lost("its answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        answer.body(body).map_err(|_| Lost("its answer cannot be read"))
    }
}

impl<'c> AsyncHttpClient<'c> for Carrier {
    type Error = Lost;
    type Future = BoxFuture<'c, Result<HttpResponse, Lost>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.carry(request))
    }
}

fn lost(error: &reqwest::Error) -> Lost {
    Lost(match (error.is_connect(), error.is_timeout()) {
        (true, _) => "it cannot be reached",
        (false, true) => "it takes too long",
        (false, false) => "the connection was lost",
    })
}
