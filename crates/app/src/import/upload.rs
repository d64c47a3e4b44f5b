//! Files that come over the API: received in parts, read by jobs.
//!
//! A signed request is hashed before anybody knows whose it is, so it stays small, and a long file comes in several. The
//! parts lie in the database: every worker reaches them, on whatever machine, and a backup has them. A job reads for some
//! seconds and writes the job that goes on; whatever dies, the count of lines says where.

use std::io::{self, Cursor, Read};

use postroad_core::{
    ids::{ImportId, TenantId},
    jobs::ReadImport,
    limits::{IMPORT_PARTS_MAX, IMPORT_SLICE},
};
use postroad_store::{Error, TenantTx, import, import::NewImport, import_parts, queue};
use sha2::{Digest, Sha256};
use tokio::{sync::mpsc, time::Instant};

use super::{Import, ImportError, ImportFile, ImportOptions, chunks, finish, new_import, read_on, sha256};
use crate::App;

/// Parts read ahead.
const AHEAD: usize = 2;

/// The first part of a file, or all of it. Never printed.
pub struct Upload {
    /// As people know the file.
    pub name: String,
    pub bytes: Vec<u8>,
    pub options: ImportOptions,
    /// No further parts follow.
    pub is_whole: bool,
}

/// A further part. Never printed.
pub struct Part {
    /// From 1: the upload was part 0.
    pub number: i32,
    pub bytes: Vec<u8>,
    pub is_last: bool,
}

/// Takes a file, or its first part, with the whole header in it. The same file again, while it is read, is the same import.
pub async fn upload(app: &App, tenant: TenantId, upload: Upload) -> Result<Import, ImportError> {
    let now = app.clock.now();
    let opened = chunks::open(Cursor::new(upload.bytes.as_slice()), &upload.options)?;
    let sha256 = sha256(upload.bytes.as_slice()).map_err(csv::Error::from)?;
    let file = ImportFile { name: upload.name, sha256 };
    let new = new_import(ImportId::new(now), &file, &opened, &upload.options)?;
    let new = NewImport { state: "receiving", ..new };
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if upload.is_whole
        && let Some(running) = import::find_running(&mut tx, &file.sha256, true).await?
    {
        return Ok(running);
    }
    import::insert(&mut tx, &new, now).await?;
    import_parts::append(&mut tx, new.id, (0, &upload.bytes), &file.sha256, now).await?;
    if upload.is_whole {
        start(&mut tx, new.id, app).await?;
    }
    committed(tx, new.id).await
}

/// Takes a further part. One that was taken before is not taken again: the answer may have been lost.
pub async fn upload_part(app: &App, tenant: TenantId, id: ImportId, part: Part) -> Result<Import, ImportError> {
    if part.number >= IMPORT_PARTS_MAX {
        return Err(ImportError::TooManyParts);
    }
    if part.bytes.is_empty() {
        return Err(ImportError::EmptyPart);
    }
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let import = import::find(&mut tx, id).await?.filter(|import| import.parts > 0).ok_or(ImportError::NotFound)?;
    if part.number < import.parts {
        return Ok(import);
    }
    let sha256 = chained(&import.file_sha256, &part.bytes);
    if !import_parts::append(&mut tx, id, (part.number, &part.bytes), &sha256, app.clock.now()).await? {
        return Err(ImportError::OutOfOrder { wanted: import.parts, got: part.number });
    }
    if part.is_last {
        start(&mut tx, id, app).await?;
    }
    committed(tx, id).await
}

/// The name of a file in parts: the hash of the name so far and the part.
fn chained(so_far: &str, bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::new().chain_update(so_far).chain_update(bytes).finalize())
}

async fn start(tx: &mut TenantTx, id: ImportId, app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    import_parts::end(tx, id, now).await?;
    let job = ReadImport { tenant: tx.tenant(), import: id, at: 0, woken: 0 };
    queue::push(tx, &job, now).await
}

async fn committed(mut tx: TenantTx, id: ImportId) -> Result<Import, ImportError> {
    let import = import::find(&mut tx, id).await?.ok_or(ImportError::NotFound)?;
    tx.commit().await?;
    Ok(import)
}

/// How one job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worked {
    /// The file is at its end, or can never be read further.
    Finished,
    /// The next job goes on.
    Continues,
    /// Somebody else reads it, or it is read.
    NotWanted,
}

/// Reads on for some seconds.
pub async fn work(app: &App, job: &ReadImport) -> Result<Worked, ImportError> {
    let Some(mut import) = wanted(app, job).await? else { return Ok(Worked::NotWanted) };
    match read_slice(app, job.tenant, &mut import).await {
        Ok(true) => {
            finish(app, job.tenant, import.id).await?;
            Ok(Worked::Finished)
        }
        Ok(false) => go_on(app, job, import.lines_done).await,
        Err(ImportError::Overtaken) => Ok(Worked::NotWanted),
        Err(error) if is_for_good(&error) => give_up(app, job, &error).await,
        Err(error) => Err(error),
    }
}

/// A job that a dead worker left begins behind what that worker wrote.
async fn wanted(app: &App, job: &ReadImport) -> Result<Option<Import>, ImportError> {
    let mut tx = TenantTx::begin(&app.store, job.tenant).await?;
    let import = import::find(&mut tx, job.import).await?;
    Ok(import.filter(|import| import.state == "running" && import.parts > 0 && import.lines_done >= job.at))
}

async fn read_slice(app: &App, tenant: TenantId, import: &mut Import) -> Result<bool, ImportError> {
    let until = Instant::now() + IMPORT_SLICE.to_std().unwrap_or_default();
    let options: ImportOptions = serde_json::from_value(import.options.clone()).map_err(Error::from)?;
    let file = feed(app, tenant, import.id);
    let (opened, options) = tokio::task::spawn_blocking(move || (chunks::open(file, &options), options))
        .await
        .map_err(|error| Error::Corrupt(format!("reading the file broke off: {error}")))?;
    read_on(app, (tenant, import), (opened?, options), Some(until), &|_| {}).await
}

async fn go_on(app: &App, job: &ReadImport, at: i64) -> Result<Worked, ImportError> {
    let mut tx = TenantTx::begin(&app.store, job.tenant).await?;
    queue::push(&mut tx, &ReadImport { at, woken: 0, ..job.clone() }, app.clock.now()).await?;
    tx.commit().await?;
    Ok(Worked::Continues)
}

/// The file is wrong, and not the database away.
fn is_for_good(error: &ImportError) -> bool {
    match error {
        ImportError::Header(_) => true,
        ImportError::File(error) => match error.kind() {
            csv::ErrorKind::Io(cause) => {
                !cause.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Error>)
            }
            _ => true,
        },
        _ => false,
    }
}

async fn give_up(app: &App, job: &ReadImport, error: &ImportError) -> Result<Worked, ImportError> {
    tracing::info!(import.id = %job.import, %error, "the file of an import cannot be read on");
    abandon(app, job.tenant, job.import, &error.to_string()).await?;
    Ok(Worked::Finished)
}

/// Ends an import whose file cannot be read further; what was read stays.
pub(crate) async fn abandon(app: &App, tenant: TenantId, id: ImportId, why: &str) -> Result<(), Error> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    import::mark_failed(&mut tx, id, why, app.clock.now()).await?;
    import_parts::delete(&mut tx, id).await?;
    tx.commit().await
}

/// The parts one after the other, for a thread that may wait. Ends when the reader is dropped.
fn feed(app: &App, tenant: TenantId, id: ImportId) -> Parts {
    let (sender, parts) = mpsc::channel(AHEAD);
    let app = app.clone();
    tokio::spawn(async move {
        for part in 0..IMPORT_PARTS_MAX {
            let found = part_of(&app, tenant, id, part).await.transpose();
            let Some(found) = found else { return };
            let is_error = found.is_err();
            if sender.send(found).await.is_err() || is_error {
                return;
            }
        }
    });
    Parts { parts, part: Cursor::default() }
}

async fn part_of(app: &App, tenant: TenantId, id: ImportId, part: i32) -> Result<Option<Vec<u8>>, Error> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    import_parts::find(&mut tx, id, part).await
}

/// Blocks where the next part is not here yet: never on a thread of the runtime.
struct Parts {
    parts: mpsc::Receiver<Result<Vec<u8>, Error>>,
    part: Cursor<Vec<u8>>,
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.part.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            match self.parts.blocking_recv() {
                Some(part) => self.part = Cursor::new(part.map_err(io::Error::other)?),
                None => return Ok(0),
            }
        }
    }
}
