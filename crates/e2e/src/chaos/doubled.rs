//! What happened to a message that the provider got twice, from both sides: without it nobody can say whether the evidence
//! came too late or was not heeded.

use std::fmt::Write as _;

use anyhow::Result;
use chrono::{DateTime, Utc};
use postroad_simulators::meta::{Search, Sent};
use uuid::Uuid;

use super::world::World;

/// Of so many is told; of the others only their number.
const TOLD_MAX: usize = 10;

/// One line for each call that the provider had taken before, the first few of them with their history.
pub(super) async fn tell(world: &World) -> Result<Vec<String>> {
    let doubled = world.sim.messages(&Search { duplicate: true, ..Search::default() });
    let mut told: Vec<String> = doubled.iter().map(|sent| sent.callback.clone().unwrap_or_default()).collect();
    for line in told.iter_mut().take(TOLD_MAX) {
        if let Some(id) = line.rsplit_once('.').and_then(|(id, _)| id.parse().ok()) {
            *line = history(world, id).await?;
        }
    }
    Ok(told)
}

async fn history(world: &World, id: Uuid) -> Result<String> {
    let mut told = id.to_string();
    for call in world.sim.messages(&Search { key: Some(id.to_string()), ..Search::default() }) {
        let attempt =
            call.callback.as_deref().and_then(|echo| echo.rsplit_once('.')).map_or("", |(_, attempt)| attempt);
        let Sent { outcome, arrived_ms, .. } = call;
        write!(told, "; call {attempt} at {arrived_ms} ms {outcome:?}")?;
    }
    for (attempt, started_at, finished_at, result) in attempts(world, id).await? {
        write!(told, "; attempt {attempt} {} to {} {result}", second(started_at), second(finished_at))?;
    }
    for (attempt, kind, received_at) in receipts(world, id).await? {
        write!(told, "; {kind} of {} received {}", attempt.unwrap_or_default(), second(received_at))?;
    }
    Ok(told)
}

fn second(at: DateTime<Utc>) -> impl std::fmt::Display {
    at.format("%H:%M:%S%.3f")
}

async fn attempts(world: &World, id: Uuid) -> Result<Vec<(i32, DateTime<Utc>, DateTime<Utc>, String)>> {
    let sql = "select attempt, started_at, finished_at, result from attempts where message_id = $1 order by attempt";
    Ok(sqlx::query_as(sql).bind(id).fetch_all(&world.db).await?)
}

async fn receipts(world: &World, id: Uuid) -> Result<Vec<(Option<i32>, String, DateTime<Utc>)>> {
    let sql = "select attempt, kind, received_at from receipts where message_id = $1 order by received_at";
    Ok(sqlx::query_as(sql).bind(id).fetch_all(&world.db).await?)
}
