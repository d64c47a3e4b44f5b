//! Counters in sixteen rows, for what everybody draws from: one row would be a queue of its own.
//!
//! A draw first takes whatever slot nobody holds. When that fails it may have locked slots that turned out to be empty, and
//! going on to lock all of them in order could wait for somebody who waits for us: so a failed draw is undone, locks and
//! all. Rows are chosen in a materialized part of the statement, because a plan that chose them again for every row it
//! updates would take several.

use sqlx::Executor;

use crate::{Result, TenantTx};

/// From here on, what is done can be undone.
pub(crate) async fn mark(tx: &mut TenantTx) -> Result<()> {
    tx.conn().execute("savepoint draw").await?;
    Ok(())
}

/// Undoes everything since [`mark`], and lets go of its locks.
pub(crate) async fn undo(tx: &mut TenantTx) -> Result<()> {
    tx.conn().execute("rollback to savepoint draw").await?;
    Ok(())
}

/// Spreads a take of `wanted` over slots that have so much left; none: together they have less.
pub fn spread(left: &[(i16, i64)], wanted: i64) -> Option<Vec<(i16, i64)>> {
    let mut missing = wanted;
    let mut taken = Vec::new();
    for (slot, left) in left {
        let part = missing.min(*left);
        if part > 0 {
            taken.push((*slot, part));
            missing -= part;
        }
    }
    (missing == 0).then_some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_take_empties_slots_in_order_and_never_takes_a_part() {
        let left = [(0, 0), (1, 2), (2, 3)];
        assert_eq!(spread(&left, 0), Some(vec![]));
        assert_eq!(spread(&left, 4), Some(vec![(1, 2), (2, 2)]));
        assert_eq!(spread(&left, 5), Some(vec![(1, 2), (2, 3)]));
        assert_eq!(spread(&left, 6), None);
    }
}
