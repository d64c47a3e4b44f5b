//! Signed API sends beside the campaign, as a shop would make them, with the time each takes to its 202.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use futures::{StreamExt, stream};
use http::Method;
use postroad_core::ids::MessageId;
use serde::Deserialize;
use serde_json::json;

use super::{
    progress::Bar,
    stage::{LANGUAGE, NEWS},
};
use crate::{commands::sign::new_request_id, http::Caller};

/// Calls at once.
const CONCURRENCY: usize = 32;
/// Of one call, when the API asks to come again; and the time in between, which is what `Retry-After` says.
const TRIES_MAX: u32 = 10;
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What the API took, and how long that lasted.
#[derive(Debug, Default)]
pub struct Calls {
    pub sent: usize,
    /// Of those answered 202.
    pub accepted: Vec<MessageId>,
    /// What else was answered, at most a few.
    pub refused: Vec<String>,
    latencies: Vec<Duration>,
}

#[derive(Deserialize)]
struct Accepted {
    id: MessageId,
}

/// Sends one message to each of these people.
pub async fn send(caller: Caller, people: Vec<String>, bar: Arc<Bar>) -> Calls {
    let mut calls = Calls { sent: people.len(), ..Calls::default() };
    let mut answers = stream::iter(people).map(|to| one(&caller, to)).buffer_unordered(CONCURRENCY);
    while let Some((answer, took)) = answers.next().await {
        bar.add(1);
        match answer {
            Ok(id) => {
                calls.accepted.push(id);
                calls.latencies.push(took);
            }
            Err(error) if calls.refused.len() < 10 => calls.refused.push(format!("{error:#}")),
            Err(_) => {}
        }
    }
    calls.latencies.sort_unstable();
    calls
}

async fn one(caller: &Caller, to: String) -> (Result<MessageId>, Duration) {
    let body = json!({
        "to": to,
        "type": "template",
        "template": {"name": NEWS, "language": LANGUAGE, "parameters": ["A-1047"]},
    });
    let began = Instant::now();
    let answer = submit(caller, &body).await;
    (answer, began.elapsed())
}

/// As a shop would: told to come again, it does, under the same request id.
async fn submit(caller: &Caller, body: &serde_json::Value) -> Result<MessageId> {
    let request_id = new_request_id();
    let mut tries = 1;
    loop {
        let (status, answer) = caller.call_as(&request_id, Method::POST, "/v1/messages", Some(body)).await?;
        match status {
            202 => return Ok(serde_json::from_slice::<Accepted>(&answer)?.id),
            503 if tries < TRIES_MAX => tokio::time::sleep(AGAIN_AFTER).await,
            _ => bail!("HTTP {status}: {}", String::from_utf8_lossy(&answer)),
        }
        tries += 1;
    }
}

impl Calls {
    /// The latency that `percent` of the accepted calls stayed within, in milliseconds; 0 without any.
    pub fn percentile_ms(&self, percent: usize) -> f64 {
        let Some(last) = self.latencies.len().checked_sub(1) else { return 0.0 };
        let place = (self.latencies.len() * percent).div_ceil(100).saturating_sub(1).min(last);
        (self.latencies[place].as_secs_f64() * 1e5).round() / 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_latency_that_was_seen() {
        let of = |count: u64| Calls { latencies: (1..=count).map(Duration::from_millis).collect(), ..Calls::default() };
        for (count, p50, p99) in [(0, 0.0, 0.0), (1, 1.0, 1.0), (2, 1.0, 2.0), (100, 50.0, 99.0), (1_000, 500.0, 990.0)]
        {
            let calls = of(count);
            assert_eq!((calls.percentile_ms(50), calls.percentile_ms(99)), (p50, p99), "{count}");
        }
    }
}
