//! Reading files of contacts, of any length: line by line checked, chunk by chunk written, and continued where it was cut.
//!
//! Every line is counted once: created, updated, or invalid with its reason. A file is known by its hash, so the same call
//! after a crash goes on behind the last chunk that was committed.

mod chunks;
mod header;
mod line;

use std::io::Read;

use csv::{Reader, ReaderBuilder, StringRecord};
use postroad_core::ids::{ImportId, TenantId};
pub use postroad_store::import::{Import, LineError};
use postroad_store::{
    Error, TenantTx,
    import::{self, Counts},
    people,
};
use sha2::{Digest, Sha256};

use crate::{
    App,
    contacts::{
        self,
        merge::{Fate, Row},
    },
};
use chunks::Chunk;
pub use header::HeaderError;
pub use line::ImportOptions;
use line::LineProblem;

/// How often a chunk is tried: two imports at once may make the same person.
const TRIES_MAX: usize = 5;

/// A file to be read.
#[derive(Debug, Clone)]
pub struct ImportFile {
    /// As people know it.
    pub name: String,
    /// Of its bytes, see [`sha256`].
    pub sha256: String,
}

/// What an import came to.
#[derive(Debug, Clone)]
pub struct ImportReport {
    pub import: Import,
    /// How often each thing was wrong with a line.
    pub errors: Vec<(String, i64)>,
}

/// Why a file cannot be read to its end. What was read stays, and the same call goes on behind it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("the file cannot be read: {0}")]
    File(#[from] csv::Error),
    #[error("somebody else is reading this file")]
    Overtaken,
    #[error("there is no such import")]
    NotFound,
    #[error(transparent)]
    Store(#[from] Error),
}

/// The name by which an import knows a file again.
pub fn sha256(mut file: impl Read) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 65_536];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(data_encoding::HEXLOWER.encode(&hash.finalize())),
            length => hash.update(&buffer[..length]),
        }
    }
}

/// Reads a file of contacts: a header, then a line per person.
///
/// Known columns: `external_key`, `phone`, `email`, `display_name`, `language`, `time_zone`, `consent`, `consent_source`,
/// `consent_text`, `consent_at`, `opted_out`; every other column is an attribute.
pub async fn import_csv(
    app: &App,
    tenant: TenantId,
    file: &ImportFile,
    bytes: impl Read + Send + 'static,
    options: ImportOptions,
) -> Result<ImportReport, ImportError> {
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(bytes);
    let columns = header::read(&read_header(&mut reader)?)?;
    let mut import = begin(app, tenant, file).await?;
    let lines = line::LineReader::new(columns, options, import.created_at);
    let mut chunks = chunks::read(reader, lines, import.lines_done);
    while let Some(chunk) = chunks.recv().await {
        write(app, tenant, &mut import, chunk?).await?;
    }
    finish(app, tenant, import.id).await
}

fn read_header<R: Read>(reader: &mut Reader<R>) -> Result<StringRecord, ImportError> {
    let header = reader.byte_headers()?.clone();
    StringRecord::from_byte_record(header).map_err(|_| HeaderError::NotUtf8.into())
}

/// The import of this file that was cut, or a new one.
async fn begin(app: &App, tenant: TenantId, file: &ImportFile) -> Result<Import, ImportError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if let Some(running) = import::find_running(&mut tx, &file.sha256).await? {
        tracing::info!(import.id = %running.id, lines = running.lines_done, "the import of this file goes on");
        return Ok(running);
    }
    let id = ImportId::new(now);
    import::insert(&mut tx, id, &file.name, &file.sha256, now).await?;
    let import = import::find(&mut tx, id).await?.ok_or(ImportError::NotFound)?;
    tx.commit().await?;
    Ok(import)
}

async fn write(app: &App, tenant: TenantId, import: &mut Import, chunk: Chunk) -> Result<(), ImportError> {
    let mut tries = 1;
    let counts = loop {
        match write_once(app, tenant, import, &chunk).await {
            Err(ImportError::Store(error)) if tries < TRIES_MAX && is_passing(&error) => tries += 1,
            other => break other?,
        }
    };
    import.lines_done += counts.created + counts.updated + counts.invalid;
    Ok(())
}

/// Somebody else made the same person, or held a row that we wanted while we held theirs.
const fn is_passing(error: &Error) -> bool {
    matches!(error, Error::Taken { .. } | Error::Unavailable(_))
}

async fn write_once(app: &App, tenant: TenantId, import: &Import, chunk: &Chunk) -> Result<Counts, ImportError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let rows: Vec<Row> = chunk.rows.iter().map(|(_, row)| row.clone()).collect();
    let fates = contacts::write(&mut tx, rows, Some(import.id), app.clock.now()).await?;
    let errors = errors(chunk, &fates);
    let count = |wanted: fn(&Fate) -> bool| fates.iter().filter(|fate| wanted(fate)).count();
    let counts = Counts {
        created: as_count(count(|fate| matches!(fate, Fate::Created(_)))),
        updated: as_count(count(|fate| matches!(fate, Fate::Updated(_)))),
        invalid: as_count(errors.len()),
    };
    import::insert_errors(&mut tx, import.id, &errors).await?;
    if !import::advance(&mut tx, import.id, import.lines_done, counts).await? {
        return Err(ImportError::Overtaken);
    }
    tx.commit().await?;
    Ok(counts)
}

/// What was wrong with lines when they were read, and what turned out wrong when they met the others.
fn errors(chunk: &Chunk, fates: &[Fate]) -> Vec<LineError> {
    let conflict = |((line, _), fate): (&(i64, Row), &Fate)| {
        fate.whose().err().map(|error| chunks::error(*line, &LineProblem::Contact(error)))
    };
    let conflicts = chunk.rows.iter().zip(fates).filter_map(conflict);
    chunk.errors.iter().cloned().chain(conflicts).collect()
}

fn as_count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Two transactions: whether statistics are fresh changes nothing about what was read.
async fn finish(app: &App, tenant: TenantId, id: ImportId) -> Result<ImportReport, ImportError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    import::mark_completed(&mut tx, id, app.clock.now()).await?;
    tx.commit().await?;
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    people::analyze(&mut tx).await?;
    tx.commit().await?;
    report(app, tenant, id).await
}

/// How far an import got.
pub async fn report(app: &App, tenant: TenantId, id: ImportId) -> Result<ImportReport, ImportError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let import = import::find(&mut tx, id).await?.ok_or(ImportError::NotFound)?;
    Ok(ImportReport { errors: import::count_errors(&mut tx, id).await?, import })
}

/// Imports, newest first.
pub async fn list(
    app: &App,
    tenant: TenantId,
    before: Option<ImportId>,
    limit: i64,
) -> Result<Vec<Import>, ImportError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(import::list(&mut tx, before, limit).await?)
}

/// Lines that could not be taken, after line `after` of the file.
pub async fn line_errors(
    app: &App,
    tenant: TenantId,
    id: ImportId,
    after: i64,
    limit: i64,
) -> Result<Vec<LineError>, ImportError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(import::list_errors(&mut tx, id, after, limit).await?)
}
