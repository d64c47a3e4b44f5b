//! The daily quota of an API client, counted by the local date of the client's zone.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use postroad_core::{ids::ClientId, time};
use postroad_store::{
    Result, TenantTx,
    quota::{self, Day},
    slots::spread,
};

use crate::credit::any_slot;

/// A client's quota.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    pub client: ClientId,
    /// Messages per day.
    pub daily: i64,
    pub zone: Tz,
}

/// Why quota was not taken.
#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    #[error("the daily quota of {daily} messages is used up until {resets_at}")]
    UsedUp {
        daily: i64,
        resets_at: DateTime<Utc>,
        /// Seconds until then.
        wait_s: u64,
    },
    #[error(transparent)]
    Store(#[from] postroad_store::Error),
}

/// Takes all of it or nothing. One slot at first; only when none is found, all of them are looked at.
pub async fn draw(tx: &mut TenantTx, quota: &Quota, count: i64, now: DateTime<Utc>) -> Result<(), QuotaError> {
    let day = quota.day(now);
    if count == 0 || (count == 1 && quota::draw_one(tx, &day, any_slot()).await?) {
        return Ok(());
    }
    quota::open_day(tx, &day).await?;
    let slots = quota::lock_day(tx, &day).await?;
    match spread(&slots, count) {
        Some(taken) => Ok(quota::use_slots(tx, &day, &taken).await?),
        None => Err(quota.used_up(now)),
    }
}

/// Gives back one message that was accepted at `drawn_at` and did not leave.
pub async fn refund_one(tx: &mut TenantTx, client: ClientId, zone: Tz, drawn_at: DateTime<Utc>) -> Result<()> {
    quota::refund_one(tx, client, time::local_date(zone, drawn_at)).await?;
    Ok(())
}

impl Quota {
    fn used_up(&self, now: DateTime<Utc>) -> QuotaError {
        let resets_at = time::day_ends_at(self.zone, now);
        let wait_s = u64::try_from((resets_at - now).num_seconds()).unwrap_or_default() + 1;
        QuotaError::UsedUp { daily: self.daily, resets_at, wait_s }
    }

    fn day(&self, now: DateTime<Utc>) -> Day {
        Day { client: self.client, on_date: time::local_date(self.zone, now), allowed: self.daily }
    }
}
