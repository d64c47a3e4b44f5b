//! A server that accepts everything as fast as possible: the ceiling of a benchmark, and no judge.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;

use crate::clock::Clock;
use crate::server::{Answer, Cut, Line, Reply, Server};

/// Answers every request with the success body of the WhatsApp Cloud API and an id of its own. Counts them, no more.
#[derive(Clone)]
pub struct StubServer {
    stub: Arc<Stub>,
    server: Arc<Server>,
}

#[derive(Debug, Default)]
struct Stub {
    requests: AtomicU64,
}

impl Answer for Stub {
    async fn answer(self: Arc<Self>, request: Request<Incoming>, _: Arc<Line>) -> Result<Reply, Cut> {
        let mut body = request.into_body();
        while let Some(Ok(_)) = body.frame().await {}
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let body = format!(
            r#"{{"messaging_product":"whatsapp","contacts":[{{"input":"+15550100001","wa_id":"15550100001"}}],"messages":[{{"id":"wamid.STUB{number:016X}"}}]}}"#
        );
        let mut reply = Response::new(Full::new(Bytes::from(body)));
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(reply)
    }
}

impl StubServer {
    /// On 127.0.0.1, any free port.
    pub async fn start() -> io::Result<Self> {
        let stub = Arc::new(Stub::default());
        let server = Server::start("simulate-stub", 0, Clock::start(), Arc::clone(&stub)).await?;
        Ok(Self { stub, server: Arc::new(server) })
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    pub fn requests(&self) -> u64 {
        self.stub.requests.load(Ordering::Relaxed)
    }

    pub async fn stop(&self) {
        self.server.stop().await;
    }
}
