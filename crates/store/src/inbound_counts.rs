//! What came in from providers, counted against what became of it. Written in the transactions that they are about, so that
//! nothing is counted that did not happen, and nothing happens uncounted.

use postroad_core::inbound::Counted;

use crate::{Result, SystemTx};

/// Adds to the counts. Call it after other rows are written and before anything is told: its rows are shared.
pub async fn add(tx: &mut SystemTx, counts: &[(Counted, u64)]) -> Result<()> {
    let counts: Vec<_> = counts.iter().filter(|(_, count)| *count > 0).collect();
    if counts.is_empty() {
        return Ok(());
    }
    let what: Vec<&str> = counts.iter().map(|(what, _)| what.as_str()).collect();
    let count: Vec<i64> = counts.iter().map(|(_, count)| i64::try_from(*count).unwrap_or(i64::MAX)).collect();
    sqlx::query!(
        r#"
        insert into inbound_counts as c (what, slot, count)
        select x.what, (pg_backend_pid() % 16)::smallint, x.count
        from   unnest($1::text[], $2::bigint[]) as x (what, count)
        order  by x.what
        on conflict (what, slot) do update set count = c.count + excluded.count
        "#,
        &what as &[&str],
        &count,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Everything that was ever counted, and what lies unread, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inflow {
    pub counts: Vec<(String, i64)>,
    pub unread: i64,
}

impl Inflow {
    pub fn of(&self, what: Counted) -> i64 {
        self.counts.iter().find(|(name, _)| name == what.as_str()).map_or(0, |(_, count)| *count)
    }

    /// Webhooks that came in and are neither read nor unread. Not 0: some were lost, or were written or taken away past the
    /// counts.
    pub fn webhooks_unaccounted(&self) -> i64 {
        self.of(Counted::Journalled) + self.of(Counted::Replayed)
            - self.of(Counted::Applied)
            - self.of(Counted::Quarantined)
            - self.unread
    }

    /// Events of webhooks that were applied and became nothing.
    pub fn events_unaccounted(&self) -> i64 {
        self.of(Counted::Events) - Counted::BECAME.into_iter().map(|what| self.of(what)).sum::<i64>()
    }
}

/// One statement, and so one moment: what is read between two would look lost.
pub async fn inflow(tx: &mut SystemTx) -> Result<Inflow> {
    let rows = sqlx::query!(
        r#"
        select what as "what!", sum(count)::bigint as "count!" from inbound_counts group by what
        union  all
        select 'unread', count(*) from webhook_journal where state = 'unread'
        "#,
    )
    .fetch_all(tx.conn())
    .await?;
    let (unread, counts): (Vec<_>, Vec<_>) =
        rows.into_iter().map(|row| (row.what, row.count)).partition(|(what, _)| what == "unread");
    Ok(Inflow { counts, unread: unread.iter().map(|(_, count)| count).sum() })
}
