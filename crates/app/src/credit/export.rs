//! The statement as a file, safe for spreadsheets.

use chrono::SecondsFormat;
use postroad_core::{
    account::Channel,
    credit::Category,
    ids::{EntryId, TenantId},
};
use postroad_store::{
    Result, TenantTx,
    credit::entries::{self, Entry, Listed},
};

use crate::{
    cells::Cell,
    lines::{Export, Lines},
};

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

/// A statement as a file, newest first.
pub type StatementExport = Export<Statement>;

/// What of the statement is told.
#[derive(Debug)]
pub struct Statement {
    listed: Listed,
}

impl StatementExport {
    pub const fn new(tenant: TenantId, listed: Listed) -> Self {
        Self::of(tenant, Statement { listed })
    }
}

impl Lines for Statement {
    type Line = Entry;
    type Key = EntryId;

    fn header(&self) -> Vec<Cell<'_>> {
        COLUMNS.map(Cell::from).into()
    }

    async fn page(&self, tx: &mut TenantTx, before: Option<EntryId>, limit: i64) -> Result<Vec<Entry>> {
        entries::list(tx, &Listed { before: before.or(self.listed.before), ..self.listed }, limit).await
    }

    fn key(line: &Entry) -> EntryId {
        line.id
    }

    fn cells<'a>(&'a self, line: &'a Entry) -> Vec<Cell<'a>> {
        let id = |id: Option<String>| Cell::from(id.unwrap_or_default());
        vec![
            line.id.to_string().into(),
            line.at.to_rfc3339_opts(SecondsFormat::Secs, true).into(),
            line.kind.as_str().into(),
            Cell::Number(line.credits),
            Cell::Number(line.spent),
            Cell::Number(line.messages),
            line.channel.map_or("", Channel::as_str).into(),
            line.category.map_or("", Category::as_str).into(),
            id(line.message.map(|id| id.to_string())),
            id(line.campaign.map(|id| id.to_string())),
            id(line.member.map(|id| id.to_string())),
            Cell::Number(line.allowance),
            line.made_by.as_str().into(),
            Cell::maybe(line.note.as_deref()),
        ]
    }
}
