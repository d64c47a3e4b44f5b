//! Reading files of contacts, of any length: line by line checked, chunk by chunk written, and continued where it was cut.
//!
//! Every line is counted once: created, updated, or invalid with its reason. A file is known by its hash, so the same call
//! after a crash goes on behind the last chunk that was committed.

mod chunks;
mod dialect;
mod error_file;
mod header;
mod line;
mod options;
mod preview;
mod text;
mod upload;
mod writing;

use std::io::Read;

use postroad_core::ids::{ImportId, TenantId};
pub use postroad_store::import::{Import, LineError};
use postroad_store::{
    Error, TenantTx,
    import::{self, NewImport},
    import_parts, people,
};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::{App, contacts::Reading};
pub(crate) use chunks::small_table;
use chunks::{Chunks, Opened};
pub use dialect::{Delimiter, FileEncoding, UnknownDelimiter, UnknownEncoding};
pub use error_file::ErrorFile;
pub(crate) use header::attribute_heading;
pub use header::{Column, Found, HeaderError, Heading};
use line::LineReader;
pub use options::{Duplicates, ImportOptions, UnknownDuplicates};
pub use preview::{Preview, PreviewLine, PreviewPerson, preview};
pub(crate) use upload::abandon;
pub use upload::{Part, Upload, Worked, upload, upload_part, work};
use writing::Writer;

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
    #[error("part {wanted} of the file is next, and this is part {got}")]
    OutOfOrder { wanted: i32, got: i32 },
    #[error("the file has more than {} parts", postroad_core::limits::IMPORT_PARTS_MAX)]
    TooManyParts,
    #[error("the part is empty")]
    EmptyPart,
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

/// Who hears of an import after each chunk.
pub type Watch<'a> = &'a (dyn Fn(&Import) + Send + Sync);

/// Reads a file of contacts: a header, then a line per person. See [`Column`] for what columns may be; every column that is
/// none of these is an attribute.
pub async fn import_csv(
    app: &App,
    tenant: TenantId,
    file: &ImportFile,
    bytes: impl Read + Send + 'static,
    options: ImportOptions,
) -> Result<ImportReport, ImportError> {
    import_csv_watched(app, tenant, (file, bytes), options, &|_| {}).await
}

/// The same, telling `watch` how far it is.
pub async fn import_csv_watched(
    app: &App,
    tenant: TenantId,
    (file, bytes): (&ImportFile, impl Read + Send + 'static),
    options: ImportOptions,
    watch: Watch<'_>,
) -> Result<ImportReport, ImportError> {
    let opened = chunks::open(bytes, &options)?;
    let new = new_import(ImportId::new(app.clock.now()), file, &opened, &options)?;
    let mut import = begin(app, tenant, new).await?;
    read_on(app, (tenant, &mut import), (opened, options), None, watch).await?;
    finish(app, tenant, import.id).await
}

/// The import of this file that was cut, or a new one.
async fn begin(app: &App, tenant: TenantId, new: NewImport) -> Result<Import, ImportError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if let Some(running) = import::find_running(&mut tx, &new.file_sha256, false).await? {
        tracing::info!(import.id = %running.id, lines = running.lines_done, "the import of this file goes on");
        return Ok(running);
    }
    import::insert(&mut tx, &new, now).await?;
    let import = import::find(&mut tx, new.id).await?.ok_or(ImportError::NotFound)?;
    tx.commit().await?;
    Ok(import)
}

fn new_import<R: Read>(
    id: ImportId,
    file: &ImportFile,
    opened: &Opened<R>,
    options: &ImportOptions,
) -> Result<NewImport, ImportError> {
    Ok(NewImport {
        id,
        file_name: file.name.clone(),
        file_sha256: file.sha256.clone(),
        state: "running",
        options: serde_json::to_value(options).map_err(Error::from)?,
        columns: opened.headings.iter().map(|heading| heading.name.replace('\0', "")).collect(),
        encoding: opened.encoding.to_string(),
        delimiter: opened.delimiter.as_str(),
        size_bytes: None,
    })
}

/// Reads behind the lines that are done, until the file ends or `until` is over. True: it ended.
async fn read_on<R: Read + Send + 'static>(
    app: &App,
    (tenant, import): (TenantId, &mut Import),
    (opened, options): (Opened<R>, ImportOptions),
    until: Option<Instant>,
    watch: Watch<'_>,
) -> Result<bool, ImportError> {
    let reading = Reading { import: import.id, duplicates: options.duplicates };
    let lines = LineReader::new(opened.columns(), options, import.created_at);
    let mut chunks = chunks::read(opened, lines, import.lines_done);
    let mut writer = Writer::new(app, (tenant, import), reading, watch);
    let ended = write_all(&mut chunks, &mut writer, until).await;
    // What was read before the file broke counts.
    writer.finish().await?;
    ended
}

/// True: the file ended. False: the time did.
async fn write_all(chunks: &mut Chunks, writer: &mut Writer<'_>, until: Option<Instant>) -> Result<bool, ImportError> {
    while let Some(chunk) = chunks.recv().await {
        writer.push(chunk?).await?;
        if until.is_some_and(|until| Instant::now() >= until) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Two transactions: whether statistics are fresh changes nothing about what was read.
async fn finish(app: &App, tenant: TenantId, id: ImportId) -> Result<ImportReport, ImportError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    import::mark_completed(&mut tx, id, app.clock.now()).await?;
    import_parts::delete(&mut tx, id).await?;
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
