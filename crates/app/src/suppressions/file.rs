//! The list as a file: out, safe for spreadsheets; and in, from ours or from another sender's system.

use chrono::{DateTime, SecondsFormat, Utc};
use csv::StringRecord;
use postroad_core::{
    account::Channel,
    consent::SuppressionReason,
    ids::{SuppressionId, TenantId},
    limits::BATCH_MAX,
};
use postroad_store::{Error, TenantTx, suppressions};

use super::{NewSuppression, Suppression, SuppressionError, entry, insert};
use crate::{
    App,
    cells::{self, Cell},
    import::{ImportError, small_table},
    lines::{Export, Lines},
};

const COLUMNS: [&str; 6] = ["address", "channel", "reason", "note", "postroad_id", "postroad_created_at"];
/// What stands for every channel, beside an empty cell.
const EVERY_CHANNEL: &str = "*";
/// Wrong lines that are told one by one.
const WRONG_MAX: usize = 1_000;

/// What a file came to: every line is counted once.
#[derive(Debug, Default)]
pub struct SuppressionsRead {
    pub rows: usize,
    pub added: usize,
    /// On the list before, or twice in the file.
    pub known: usize,
    pub invalid: usize,
    /// The first 1,000 of them.
    pub wrong: Vec<WrongSuppression>,
}

/// A line that could not be taken. Never says the address.
#[derive(Debug)]
pub struct WrongSuppression {
    /// Of the file, from 1; the header is line 1.
    pub line: i64,
    pub code: &'static str,
    pub detail: String,
}

/// Why a file is no suppression list.
#[derive(Debug, thiserror::Error)]
pub enum SuppressionFileError {
    #[error("the file has no column address")]
    NoAddress,
    #[error("the file has a column {0:?}, which is none of address, channel, reason and note")]
    Column(String),
    #[error(transparent)]
    File(#[from] ImportError),
    #[error(transparent)]
    Store(#[from] Error),
}

/// Where the columns are.
struct Columns {
    count: usize,
    address: usize,
    channel: Option<usize>,
    reason: Option<usize>,
    note: Option<usize>,
}

/// Reads a list: columns `address`, `channel`, `reason` and `note`, all but the first may be absent. Lines that cannot be
/// taken do not stop the others: of a list of people who must not be written to, every line that can count must.
pub async fn import_csv(app: &App, tenant: TenantId, bytes: &[u8]) -> Result<SuppressionsRead, SuppressionFileError> {
    let table = small_table(bytes)?;
    let columns = Columns::of(&table.header)?;
    let now = app.clock.now();
    let mut read = SuppressionsRead { rows: table.lines.len(), ..SuppressionsRead::default() };
    let mut entries = Vec::new();
    for (line, fields) in table.lines {
        match columns.entry(fields.as_ref(), now) {
            Ok(entry) => entries.push(entry),
            Err((code, detail)) => read.wrong(WrongSuppression { line, code, detail }),
        }
    }
    for batch in entries.chunks(BATCH_MAX) {
        let added = insert(app, tenant, batch).await.map_err(stored)?;
        read.added += added;
        read.known += batch.len() - added;
    }
    Ok(read)
}

/// Entries were checked before: what is left is the database.
fn stored(error: SuppressionError) -> SuppressionFileError {
    match error {
        SuppressionError::Store(error) => error.into(),
        other => Error::Corrupt(other.to_string()).into(),
    }
}

impl SuppressionsRead {
    fn wrong(&mut self, wrong: WrongSuppression) {
        self.invalid += 1;
        if self.wrong.len() < WRONG_MAX {
            self.wrong.push(wrong);
        }
    }
}

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, SuppressionFileError> {
        let names: Vec<String> = header.iter().map(|name| cells::unguard(name.trim()).to_lowercase()).collect();
        let place = |wanted: &str| names.iter().position(|name| name == wanted);
        let is_known =
            |name: &&String| name.is_empty() || name.starts_with("postroad_") || COLUMNS.contains(&name.as_str());
        if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
            return Err(SuppressionFileError::Column(unknown.chars().take(64).collect()));
        }
        Ok(Self {
            count: names.len(),
            address: place("address").ok_or(SuppressionFileError::NoAddress)?,
            channel: place("channel"),
            reason: place("reason"),
            note: place("note"),
        })
    }

    fn entry(&self, fields: Option<&StringRecord>, now: DateTime<Utc>) -> Result<Suppression, (&'static str, String)> {
        let fields =
            fields.ok_or_else(|| ("wrong_encoding", "the line is not text in the file's encoding".to_owned()))?;
        if fields.len() != self.count {
            let detail = format!("the line has {} fields, and the header has {}", fields.len(), self.count);
            return Err(("wrong_number_of_fields", detail));
        }
        let cell = |place: Option<usize>| {
            let text = place.and_then(|place| fields.get(place)).map(|text| cells::unguard(text.trim()));
            text.filter(|text| !text.is_empty())
        };
        let channel = cell(self.channel).filter(|text| *text != EVERY_CHANNEL).map(str::parse::<Channel>).transpose();
        let reason = cell(self.reason).map(str::parse::<SuppressionReason>).transpose();
        let new = NewSuppression {
            channel: channel.map_err(|error| ("unknown_channel", error.to_string()))?,
            address: cell(Some(self.address)).unwrap_or_default().to_owned(),
            reason: reason
                .map_err(|error| ("unknown_reason", error.to_string()))?
                .unwrap_or(SuppressionReason::Operator),
            note: cell(self.note).map(str::to_owned),
        };
        entry(new, 1, now).map_err(|error| match error {
            SuppressionError::Address { source, .. } => ("invalid_address", source.to_string()),
            other => ("invalid_note", other.to_string()),
        })
    }
}

/// The list as a file, oldest first.
pub type SuppressionExport = Export<SuppressionLines>;

/// The whole list.
#[derive(Debug)]
pub struct SuppressionLines;

impl SuppressionExport {
    pub const fn new(tenant: TenantId) -> Self {
        Self::of(tenant, SuppressionLines)
    }
}

impl Lines for SuppressionLines {
    type Line = Suppression;
    type Key = SuppressionId;

    fn header(&self) -> Vec<Cell<'_>> {
        COLUMNS.map(Cell::from).into()
    }

    async fn page(
        &self,
        tx: &mut TenantTx,
        after: Option<SuppressionId>,
        limit: i64,
    ) -> Result<Vec<Suppression>, Error> {
        suppressions::list(tx, None, after, limit).await
    }

    fn key(entry: &Suppression) -> SuppressionId {
        entry.id
    }

    fn cells<'a>(&'a self, entry: &'a Suppression) -> Vec<Cell<'a>> {
        vec![
            entry.address.as_str().into(),
            entry.channel.map_or(EVERY_CHANNEL, Channel::as_str).into(),
            entry.reason.as_str().into(),
            Cell::maybe(entry.note.as_deref()),
            entry.id.to_string().into(),
            entry.created_at.to_rfc3339_opts(SecondsFormat::Secs, true).into(),
        ]
    }
}
