//! Who changed what, from where: read by whoever runs the tenant. It is written with the change itself, by the database.

use std::borrow::Cow;

use chrono::SecondsFormat;
use postroad_core::ids::{AuditId, TenantId};
pub use postroad_store::audit::{Entry, Wanted};
use postroad_store::{Result, TenantTx, audit};

use crate::{App, cells};

/// Lines that are read at once.
const EXPORT_PAGE: i64 = 1_000;
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

/// The audit as lines of a file, the newest first, read piece by piece.
pub struct AuditExport {
    tenant: TenantId,
    wanted: Wanted,
    next: Next,
}

enum Next {
    Header,
    Before(Option<AuditId>),
    Nothing,
}

impl AuditExport {
    pub const fn new(tenant: TenantId, wanted: Wanted) -> Self {
        Self { tenant, wanted, next: Next::Header }
    }

    /// The next piece; none behind the last.
    pub async fn next(&mut self, app: &App) -> Result<Option<Vec<u8>>> {
        match self.next {
            Next::Header => {
                self.next = Next::Before(None);
                Ok(Some(cells::rows([COLUMNS.map(Cow::Borrowed)])))
            }
            Next::Before(before) => self.page(app, before).await,
            Next::Nothing => Ok(None),
        }
    }

    async fn page(&mut self, app: &App, before: Option<AuditId>) -> Result<Option<Vec<u8>>> {
        let entries = list(app, self.tenant, &self.wanted, before, EXPORT_PAGE).await?;
        self.next = entries.last().map_or(Next::Nothing, |last| Next::Before(Some(last.id)));
        Ok((!entries.is_empty()).then(|| cells::rows(entries.iter().map(row))))
    }
}

fn row(entry: &Entry) -> [Cow<'_, str>; 9] {
    let text = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    [
        Cow::Owned(entry.at.to_rfc3339_opts(SecondsFormat::Millis, true)),
        Cow::Borrowed(&entry.actor),
        Cow::Owned(text(&entry.ip)),
        Cow::Owned(text(&entry.request_id)),
        Cow::Borrowed(&entry.action),
        Cow::Borrowed(&entry.noun),
        cells::guard(&entry.noun_id),
        Cow::Owned(entry.before.to_string()),
        Cow::Owned(entry.after.to_string()),
    ]
}
