//! Tells an endpoint what is due, some deliveries at once, and writes down what came of each.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures::future::join_all;
use postroad_app::{
    endpoints::{self, Round, Taken, Taking, Tried},
    secrets::SecretError,
};
use postroad_core::jobs::Deliver;

use super::{Ctx, Done, Failure, Handle};
use crate::metrics;

/// Rounds of one job. What is left comes again, so that no endpoint keeps a worker.
const TURNS_MAX: usize = 20;
/// After this no further round is begun: one takes up to 15 s, and a handler has 30.
const BEGINS_WITHIN: Duration = Duration::from_secs(10);
/// A rest that ends so soon is the one that this job was written for.
const SOON: TimeDelta = TimeDelta::seconds(1);

impl Handle for Deliver {
    async fn run(self, ctx: Ctx) -> Result<Done, Failure> {
        let began = Instant::now();
        for _ in 0..TURNS_MAX {
            let round = match endpoints::take(&ctx.app, self.tenant, self.endpoint).await.map_err(unopened)? {
                Taking::Round(round) => round,
                Taking::Resting { until } if until <= ctx.app.clock.now() + SOON => return Ok(Done::Snoozed { until }),
                // Whoever calls it, or let it rest, has queued what comes after.
                Taking::Resting { .. } => return Ok(Done::Skipped { why: "the endpoint rests" }),
                Taking::Nothing => return Ok(Done::Completed),
            };
            let tried = join_all(round.deliveries.iter().map(|delivery| tell(&ctx, &round, delivery))).await;
            crash_point!("after_delivery");
            for state in endpoints::settle(&ctx.app, &round, tried).await? {
                metrics::DELIVERIES.with_label_values(&[state.as_str()]).inc();
            }
            if began.elapsed() > BEGINS_WITHIN {
                break;
            }
        }
        Ok(Done::Completed)
    }
}

async fn tell(ctx: &Ctx, round: &Round, delivery: &Taken) -> Tried {
    let (at, began) = (ctx.app.clock.now(), Instant::now());
    let answer = match round.request(delivery, at) {
        Ok(request) => ctx.egress.send(request).await.map_err(|silence| silence.word()),
        Err(_) => Err("refused_address"),
    };
    let duration_ms = i32::try_from(began.elapsed().as_millis()).unwrap_or(i32::MAX);
    match answer {
        Ok(answer) => {
            let text = Some(answer.text).filter(|text| !text.is_empty());
            Tried { at, duration_ms, status: Some(answer.status), failure: None, answer: text }
        }
        Err(failure) => Tried { at, duration_ms, status: None, failure: Some(failure), answer: None },
    }
}

fn unopened(error: SecretError) -> Failure {
    match error {
        SecretError::Store(error) => error.into(),
        error => Failure::Retry(error.into()),
    }
}
