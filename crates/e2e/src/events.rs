//! A stream of live updates, as a client reads it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::client::{Client, fresh_request_id};

/// Longer than any stream of ours.
const STREAM_MAX: Duration = Duration::from_hours(1);

/// One event. Comments are left out.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    pub id: Option<i64>,
    pub event: String,
    pub data: String,
}

impl Frame {
    /// Null when it is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_default()
    }
}

/// An answer that goes on.
pub struct EventStream {
    response: reqwest::Response,
    read: Vec<u8>,
}

impl EventStream {
    /// `target`: `/v1/events`, with a query. `last`: the number that the client has.
    pub async fn open(client: &Client, target: &str, last: Option<i64>) -> Result<Self> {
        let mut request = client.request("GET", target, &fresh_request_id(), Vec::new())?;
        *request.timeout_mut() = Some(STREAM_MAX);
        if let Some(last) = last {
            request.headers_mut().insert("last-event-id", last.into());
        }
        let response = client.http().execute(request).await?;
        ensure!(response.status() == 200, "a stream was answered with {}", response.status());
        Ok(Self { response, read: Vec::new() })
    }

    /// None: it ended, or the connection broke.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(end) = self.read.windows(2).position(|two| two == b"\n\n") {
                let text: Vec<u8> = self.read.drain(..end + 2).collect();
                let frame = parse(&String::from_utf8_lossy(&text));
                if !frame.event.is_empty() {
                    return Some(frame);
                }
                continue;
            }
            let more = self.response.chunk().await.ok()??;
            self.read.extend_from_slice(&more);
        }
    }

    /// The next `count` events with a number; each is one above the one before.
    pub async fn numbers(&mut self, after: i64, count: usize) -> Result<()> {
        let mut last = after;
        while last < after + i64::try_from(count)? {
            let frame = self.next().await.with_context(|| format!("the stream ended after {last}"))?;
            let Some(id) = frame.id.filter(|_| frame.event.contains('.')) else { continue };
            ensure!(id == last + 1, "after {last} came {id}");
            last = id;
        }
        Ok(())
    }
}

fn parse(text: &str) -> Frame {
    let mut frame = Frame::default();
    for line in text.lines() {
        match line.split_once(": ") {
            Some(("id", id)) => frame.id = id.parse().ok(),
            Some(("event", event)) => event.clone_into(&mut frame.event),
            Some(("data", data)) => data.clone_into(&mut frame.data),
            _ => {}
        }
    }
    frame
}
