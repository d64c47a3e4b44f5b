//! Somebody who follows a stream of server-sent events.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, combinators::BoxBody};
use serde_json::Value;

/// Longer than anything a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// One event as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    pub id: Option<i64>,
    pub event: String,
    pub data: Value,
    /// Of a comment: an event of no kind.
    pub comment: String,
    pub retry: Option<u64>,
}

/// An answer that goes on.
pub struct EventStream {
    pub status: u16,
    pub headers: HeaderMap,
    body: BoxBody<Bytes, hyper::Error>,
    read: String,
}

impl EventStream {
    pub(crate) fn new(status: u16, headers: HeaderMap, body: BoxBody<Bytes, hyper::Error>) -> Self {
        Self { status, headers, body, read: String::new() }
    }

    /// The next event or comment. None: the stream ended.
    ///
    /// # Panics
    /// When nothing comes for 20 seconds.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(end) = self.read.find("\n\n") {
                let frame = parse(&self.read[..end]);
                self.read.drain(..end + 2);
                return Some(frame);
            }
            let more = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("something comes in time");
            let more = more?.ok()?.into_data().unwrap_or_default();
            self.read.push_str(&String::from_utf8_lossy(&more));
        }
    }

    /// The next event of this kind; what comes before it is left out.
    ///
    /// # Panics
    /// When the stream ends before.
    pub async fn event(&mut self, kind: &str) -> Frame {
        loop {
            let frame = self.next().await.expect("the stream goes on");
            if frame.event == kind {
                return frame;
            }
        }
    }
}

fn parse(text: &str) -> Frame {
    let mut frame = Frame::default();
    for line in text.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.trim_start();
        match name {
            "" => value.clone_into(&mut frame.comment),
            "id" => frame.id = value.parse().ok(),
            "event" => value.clone_into(&mut frame.event),
            "data" => frame.data = serde_json::from_str(value).unwrap_or_default(),
            "retry" => frame.retry = value.parse().ok(),
            _ => {}
        }
    }
    frame
}
