//! The statement as a file, safe for spreadsheets.

use std::borrow::Cow;

use chrono::SecondsFormat;
use postroad_core::{
    account::Channel,
    credit::Category,
    ids::{EntryId, TenantId},
    limits::EXPORT_PAGE,
};
use postroad_store::{
    Error, TenantTx,
    credit::entries::{self, Entry, Listed},
};

use crate::{App, cells};

const COLUMNS: [&str; 14] = [
    "id",
    "at",
    "kind",
    "credits",
    "spent",
    "messages",
    "channel",
    "category",
    "message_id",
    "campaign_id",
    "member_id",
    "allowance",
    "made_by",
    "note",
];

/// A statement, read piece by piece, newest first.
#[derive(Debug)]
pub struct StatementExport {
    tenant: TenantId,
    listed: Listed,
    next: Next,
}

#[derive(Debug)]
enum Next {
    Header,
    Before(Option<EntryId>),
    Nothing,
}

impl StatementExport {
    pub const fn new(tenant: TenantId, listed: Listed) -> Self {
        Self { tenant, listed, next: Next::Header }
    }

    /// The next piece; none behind the last.
    pub async fn next(&mut self, app: &App) -> Result<Option<Vec<u8>>, Error> {
        match self.next {
            Next::Header => {
                self.next = Next::Before(self.listed.before);
                Ok(Some(cells::rows([COLUMNS.map(Cow::Borrowed)])))
            }
            Next::Before(before) => self.page(app, before).await,
            Next::Nothing => Ok(None),
        }
    }

    async fn page(&mut self, app: &App, before: Option<EntryId>) -> Result<Option<Vec<u8>>, Error> {
        let mut tx = TenantTx::begin(&app.store, self.tenant).await?;
        let lines = entries::list(&mut tx, &Listed { before, ..self.listed }, EXPORT_PAGE).await?;
        let is_last = i64::try_from(lines.len()).unwrap_or(i64::MAX) < EXPORT_PAGE;
        self.next = match lines.last() {
            Some(last) if !is_last => Next::Before(Some(last.id)),
            _ => Next::Nothing,
        };
        Ok((!lines.is_empty()).then(|| cells::rows(lines.iter().map(row))))
    }
}

/// Amounts are ours, and digits: they stay numbers, so that a spreadsheet can add them up. What people wrote is guarded.
fn row(line: &Entry) -> [Cow<'_, str>; 14] {
    let amount = |credits: i64| Cow::Owned(credits.to_string());
    let id = |id: Option<String>| Cow::Owned(id.unwrap_or_default());
    [
        Cow::Owned(line.id.to_string()),
        Cow::Owned(line.at.to_rfc3339_opts(SecondsFormat::Secs, true)),
        Cow::Borrowed(line.kind.as_str()),
        amount(line.credits),
        amount(line.spent),
        amount(line.messages),
        Cow::Borrowed(line.channel.map_or("", Channel::as_str)),
        Cow::Borrowed(line.category.map_or("", Category::as_str)),
        id(line.message.map(|id| id.to_string())),
        id(line.campaign.map(|id| id.to_string())),
        id(line.member.map(|id| id.to_string())),
        amount(line.allowance),
        cells::guard(&line.made_by),
        cells::guard(line.note.as_deref().unwrap_or_default()),
    ]
}
