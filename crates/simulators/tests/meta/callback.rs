//! A callback address that keeps what it was told, and answers as a test wishes.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// A webhook that waits for its answer.
pub(crate) struct Told {
    pub(crate) signature: String,
    pub(crate) body: Bytes,
    pub(crate) uri: Uri,
    answer: oneshot::Sender<(StatusCode, String)>,
}

impl Told {
    pub(crate) fn acknowledge(self) -> Value {
        let body = self.json();
        self.answer(StatusCode::OK);
        body
    }

    pub(crate) fn answer(self, status: StatusCode) {
        self.answer_with(status, String::new());
    }

    pub(crate) fn answer_with(self, status: StatusCode, body: String) {
        let _ = self.answer.send((status, body));
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) struct Callback {
    pub(crate) url: String,
    told: mpsc::UnboundedReceiver<Told>,
}

impl Callback {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhook", listener.local_addr().unwrap());
        let (sender, told) = mpsc::unbounded_channel();
        let app = axum::Router::new().fallback(keep).with_state(Arc::new(sender));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, told }
    }

    /// The next webhook. A test that waits for one that never comes fails by its own time limit.
    pub(crate) async fn next(&mut self) -> Told {
        let patience = std::time::Duration::from_secs(20);
        tokio::time::timeout(patience, self.told.recv()).await.expect("a webhook within 20 s").unwrap()
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.told.is_empty()
    }

    /// Acknowledges webhooks until `wanted` statuses were told, in the order they came.
    pub(crate) async fn statuses(&mut self, wanted: usize) -> Vec<Value> {
        let mut statuses = Vec::new();
        while statuses.len() < wanted {
            statuses.extend(statuses_in(&self.next().await.acknowledge()));
        }
        statuses
    }
}

pub(crate) fn statuses_in(body: &Value) -> Vec<Value> {
    let entries = body["entry"].as_array().unwrap().iter();
    let changes = entries.flat_map(|entry| entry["changes"].as_array().unwrap());
    changes.flat_map(|change| change["value"]["statuses"].as_array().cloned().unwrap_or_default()).collect()
}

type Sender = Arc<mpsc::UnboundedSender<Told>>;

async fn keep(State(sender): State<Sender>, uri: Uri, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let (answer, answered) = oneshot::channel();
    let signature = headers.get("x-hub-signature-256").map_or("", |value| value.to_str().unwrap()).to_owned();
    sender.send(Told { signature, body, uri, answer }).unwrap();
    answered.await.unwrap_or((StatusCode::GONE, String::new()))
}
