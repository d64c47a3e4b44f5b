//! Who changed what, from where: read by whoever runs the tenant. It is written with the change itself, by the database.

use chrono::SecondsFormat;
use postroad_core::ids::{AuditId, TenantId};
pub use postroad_store::audit::{Entry, Wanted};
use postroad_store::{Result, TenantTx, audit};

use crate::{
    App,
    cells::Cell,
    lines::{Export, Lines},
};

const COLUMNS: [&str; 9] = ["at", "actor", "ip", "request_id", "action", "noun", "noun_id", "before", "after"];

/// A page, the newest first.
pub async fn list(
    app: &App,
    tenant: TenantId,
    wanted: &Wanted,
    before: Option<AuditId>,
    limit: i64,
) -> Result<Vec<Entry>> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    audit::list(&mut tx, wanted, before, limit).await
}

/// The audit as a file, the newest first.
pub type AuditExport = Export<Audit>;

/// What of the audit is told.
pub struct Audit {
    wanted: Wanted,
}

impl AuditExport {
    pub const fn new(tenant: TenantId, wanted: Wanted) -> Self {
        Self::of(tenant, Audit { wanted })
    }
}

impl Lines for Audit {
    type Line = Entry;
    type Key = AuditId;

    fn header(&self) -> Vec<Cell<'_>> {
        COLUMNS.map(Cell::from).into()
    }

    async fn page(&self, tx: &mut TenantTx, before: Option<AuditId>, limit: i64) -> Result<Vec<Entry>> {
        audit::list(tx, &self.wanted, before, limit).await
    }

    fn key(entry: &Entry) -> AuditId {
        entry.id
    }

    fn cells<'a>(&'a self, entry: &'a Entry) -> Vec<Cell<'a>> {
        vec![
            entry.at.to_rfc3339_opts(SecondsFormat::Millis, true).into(),
            entry.actor.as_str().into(),
            Cell::maybe(entry.ip.as_deref()),
            Cell::maybe(entry.request_id.as_deref()),
            entry.action.as_str().into(),
            entry.noun.as_str().into(),
            entry.noun_id.as_str().into(),
            entry.before.to_string().into(),
            entry.after.to_string().into(),
        ]
    }
}
