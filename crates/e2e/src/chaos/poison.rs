//! F9: things that nobody can read, among things that everybody can.

use anyhow::Result;
use postroad_core::jobs::Queue;

use super::{ledger, report::Faults, world::World};

/// What is stored of a message that makes no sense.
const NONSENSE: &str = r#"{"type":"telepathy","thought":1}"#;

/// A job whose payload is no payload, in each queue, and messages without readable content in each lane.
pub(super) async fn plant(world: &mut World, faults: &mut Faults) -> Result<()> {
    for queue in Queue::ALL {
        let sql = "insert into apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, idempotency_key)
                   values ($1, $2, $3, 'Pending', 0, 8, now(), 0, 'poison ' || $1) on conflict do nothing";
        let id = ulid::Ulid::generate().to_string();
        sqlx::query(sql)
            .bind(id)
            .bind(queue.as_str())
            .bind(&br#"{"of":"another version"}"#[..])
            .execute(&world.db)
            .await?;
        faults.f9.jobs += 1;
    }
    let lanes = world.lanes.clone();
    for (nth, lane) in lanes.iter().enumerate() {
        let id = ledger::id_of(9, u32::try_from(nth)?);
        ledger::write(&world.db, world.seed.tenant, lane.id, &[(id, u32::try_from(nth)?)], "agent_reply", NONSENSE)
            .await?;
        faults.f9.messages.push(id);
    }
    Ok(())
}

/// Poisoned jobs rest among the dead letters, where a person sees why.
pub(super) async fn unburied_jobs(world: &World) -> Result<u64> {
    let sql =
        "select count(*) from apalis.jobs where idempotency_key like 'poison %' and status not in ('Killed', 'Failed')";
    let count: i64 = sqlx::query_scalar(sql).fetch_one(&world.db).await?;
    Ok(u64::try_from(count)?)
}
