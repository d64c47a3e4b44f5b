//! Takes away what has served its time.

use chrono::TimeDelta;
use postroad_core::{
    limits::{DELIVERIES_KEPT, EVENTS_KEPT, IDEMPOTENCY_KEPT, IMPORT_UPLOAD_MAX, LINK_KEPT, NOTIFICATIONS_KEPT},
    sign_in::{FAILURES_KEPT, IDLE_MAX},
};
use postroad_store::{
    Result, SystemTx, automations::runs, contact_links, deliveries, events, housekeeping, identities, import,
    incarnations, mails, notifications, opt_ins, portfolios, queue, sessions, user_words,
};

use crate::{App, import::abandon, opt_ins::UNCONFIRMED_KEPT};

/// Buried and failed jobs stay this long, for looking at.
const DEAD_KEPT: TimeDelta = TimeDelta::days(30);
/// The request log.
const LOG_KEPT: TimeDelta = TimeDelta::days(90);
/// Webhooks that were applied.
const JOURNAL_KEPT: TimeDelta = TimeDelta::days(30);
/// Runs of automations that ended, and events that started none.
const RUNS_KEPT: TimeDelta = TimeDelta::days(90);
/// Mails of the installation itself that ended, and those that were for nobody.
const MAILS_KEPT: TimeDelta = TimeDelta::days(30);
const MAILS_FOR_NOBODY_KEPT: TimeDelta = TimeDelta::days(1);
/// Lines that an import could not take.
const WRONG_LINES_KEPT: TimeDelta = TimeDelta::days(30);
/// Rounds of one run; each deletes a bounded number of rows.
const ROUNDS_MAX: usize = 50;

/// Uploads one run gives up.
const UPLOADS_MAX: i64 = 1_000;

/// One run of the pruner: bounded rounds, each its own transaction.
pub async fn prune(app: &App) -> Result<()> {
    give_up_uploads(app).await?;
    for _ in 0..ROUNDS_MAX {
        if prune_once(app).await? + prune_portfolios(app).await? == 0 {
            break;
        }
    }
    purge_events(app).await
}

/// Tenants, and events of each, that one transaction looks at: they wait for it to tell something.
const EVENT_TENANTS: i64 = 20;
const EVENTS_OF_TENANT: i64 = 500;
/// Transactions of one run.
const EVENT_ROUNDS_MAX: usize = 1_000;

/// The oldest events of every tenant, page by page; a page in which much was old is looked at again.
async fn purge_events(app: &App) -> Result<()> {
    let before = app.clock.now() - EVENTS_KEPT;
    let mut after = None;
    for _ in 0..EVENT_ROUNDS_MAX {
        let mut tx = SystemTx::begin(&app.store).await?;
        let (gone, last) = events::purge(&mut tx, (after, EVENT_TENANTS), EVENTS_OF_TENANT, before).await?;
        tx.commit().await?;
        if i64::try_from(gone).is_ok_and(|gone| gone >= EVENTS_OF_TENANT) {
            continue;
        }
        let Some(last) = last else { break };
        after = Some(last);
    }
    Ok(())
}

/// The parts of files whose last part never came.
async fn give_up_uploads(app: &App) -> Result<()> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let before = app.clock.now() - IMPORT_UPLOAD_MAX;
    let still = import::still(&mut tx, "receiving", before, UPLOADS_MAX).await?;
    tx.commit().await?;
    for upload in still {
        abandon(app, upload.tenant, upload.id, "the last part of the file never came").await?;
    }
    Ok(())
}

/// In a transaction of its own: what it holds, senders wait for.
async fn prune_portfolios(app: &App) -> Result<u64> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let people = portfolios::prune(&mut tx, app.clock.now()).await?;
    tx.commit().await?;
    Ok(people)
}

async fn prune_once(app: &App) -> Result<u64> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let jobs = queue::prune(&mut tx, now - queue::FINISHED_KEPT, now - DEAD_KEPT).await?;
    let answers = housekeeping::prune_idempotency(&mut tx, now - IDEMPOTENCY_KEPT).await?;
    let log = housekeeping::prune_request_log(&mut tx, now - LOG_KEPT).await?;
    let journal = housekeeping::prune_journal(&mut tx, now - JOURNAL_KEPT).await?;
    let lines = housekeeping::prune_import_lines(&mut tx, now - WRONG_LINES_KEPT).await?;
    let links = contact_links::prune(&mut tx, now - LINK_KEPT).await?;
    let opt_ins = opt_ins::prune(&mut tx, now - UNCONFIRMED_KEPT).await?;
    let runs = runs::prune(&mut tx, now - RUNS_KEPT).await?;
    let told = notifications::purge(&mut tx, now - NOTIFICATIONS_KEPT).await?;
    let sessions = sessions::prune(&mut tx, IDLE_MAX, FAILURES_KEPT, now).await?;
    let delivered = deliveries::prune(&mut tx, now - DELIVERIES_KEPT).await?;
    let mailed = mails::prune(&mut tx, now - MAILS_KEPT, now - MAILS_FOR_NOBODY_KEPT).await?;
    let words = user_words::prune(&mut tx, now - MAILS_FOR_NOBODY_KEPT).await?;
    let journeys = identities::prune(&mut tx, now).await?;
    queue::prune_workers(&mut tx, now - TimeDelta::minutes(10)).await?;
    incarnations::prune(&mut tx, now - TimeDelta::hours(1)).await?;
    tx.commit().await?;
    let of_people = sessions + mailed + words + journeys;
    Ok(jobs + answers + log + journal + lines + links + opt_ins + runs + told + delivered + of_people)
}
