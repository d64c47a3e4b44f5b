//! Writes chunks, two at a time: the database prepares one on each of two connections, and they are committed in the order
//! of the file, so that the count of lines always says where to go on.
//!
//! Two chunks about one person meet: the later one waits for the earlier, finds the person there, and is written again.
//! Should the earlier one wait for the later, it stops waiting after a moment, the later one is taken back, and both are
//! written one after the other. Where lines of one person add up, their order matters, and one chunk is written at a time.

use std::{collections::VecDeque, sync::Arc};

use postroad_core::{ids::TenantId, tag::TagError};
use postroad_store::{
    Error, TenantTx,
    import::{self, Counts, Import, LineError},
    people,
};
use tokio::task::JoinHandle;

use super::{
    ImportError, Watch,
    chunks::{self, Chunk},
    line::LineProblem,
    options::Duplicates,
};
use crate::{
    App,
    contacts::{self, ContactError, Reading, merge::Fate},
};

/// Chunks that are prepared at once.
const AT_ONCE: usize = 2;
/// How long one waits for rows that another holds: longer than a chunk takes.
const LOCK_WAIT_MS: u32 = 2_000;
/// How often a chunk is tried alone: another import may make the same people.
const TRIES_MAX: usize = 5;

pub(super) struct Writer<'a> {
    app: &'a App,
    tenant: TenantId,
    import: &'a mut Import,
    reading: Reading,
    watch: Watch<'a>,
    flying: VecDeque<Flying>,
}

/// A chunk that is being prepared. Dropped, it is prepared for nobody, and taken back.
struct Flying {
    chunk: Arc<Chunk>,
    task: JoinHandle<Result<Prepared, Error>>,
}

/// Everybody of a chunk, written and not committed.
struct Prepared {
    tx: TenantTx,
    fates: Vec<Fate>,
}

impl<'a> Writer<'a> {
    pub(super) const fn new(
        app: &'a App,
        (tenant, import): (TenantId, &'a mut Import),
        reading: Reading,
        watch: Watch<'a>,
    ) -> Self {
        Self { app, tenant, import, reading, watch, flying: VecDeque::new() }
    }

    /// Takes a chunk, and waits until there is room for another.
    pub(super) async fn push(&mut self, chunk: Chunk) -> Result<(), ImportError> {
        let flying = self.start(Arc::new(chunk));
        self.flying.push_back(flying);
        while self.flying.len() >= self.at_once() {
            self.land().await?;
        }
        Ok(())
    }

    /// Waits until everything is committed.
    pub(super) async fn finish(&mut self) -> Result<(), ImportError> {
        while !self.flying.is_empty() {
            self.land().await?;
        }
        Ok(())
    }

    const fn at_once(&self) -> usize {
        match self.reading.duplicates {
            Duplicates::Refuse => AT_ONCE,
            Duplicates::Merge => 1,
        }
    }

    fn start(&self, chunk: Arc<Chunk>) -> Flying {
        let (app, tenant, reading) = (self.app.clone(), self.tenant, self.reading);
        let rows = chunk.clone();
        let task = tokio::spawn(async move { prepare(&app, tenant, reading, &rows).await });
        Flying { chunk, task }
    }

    /// Commits the earliest chunk.
    async fn land(&mut self) -> Result<(), ImportError> {
        let Some(Flying { chunk, task }) = self.flying.pop_front() else { return Ok(()) };
        let prepared = task.await.map_err(|error| Error::Corrupt(format!("writing a chunk broke off: {error}")))?;
        let landed = match prepared {
            Ok(prepared) => self.commit(prepared, &chunk).await,
            Err(error) => Err(error.into()),
        };
        let landed = match landed {
            Err(ImportError::Store(error)) if is_passing(&error) => self.again(chunk).await,
            other => other,
        };
        if landed.is_err() {
            // Nothing behind a gap may be committed: it would be counted in the place of what is missing.
            self.flying.clear();
        }
        landed
    }

    /// Writes a chunk alone, and begins anew with those behind it.
    async fn again(&mut self, chunk: Arc<Chunk>) -> Result<(), ImportError> {
        let later: Vec<Arc<Chunk>> = self.flying.iter().map(|flying| flying.chunk.clone()).collect();
        for flying in self.flying.drain(..) {
            // Whatever came of it: its rows must be free.
            if let Ok(Ok(prepared)) = flying.task.await {
                prepared.tx.roll_back().await?;
            }
        }
        self.alone(&chunk).await?;
        for chunk in later {
            let flying = self.start(chunk);
            self.flying.push_back(flying);
        }
        Ok(())
    }

    async fn alone(&mut self, chunk: &Chunk) -> Result<(), ImportError> {
        let mut tries = 1;
        loop {
            let written = match prepare(self.app, self.tenant, self.reading, chunk).await {
                Ok(prepared) => self.commit(prepared, chunk).await,
                Err(error) => Err(error.into()),
            };
            match written {
                Err(ImportError::Store(error)) if tries < TRIES_MAX && is_passing(&error) => tries += 1,
                other => return other,
            }
        }
    }

    /// The count is moved before errors are written: of two readers of one file the second stops there.
    async fn commit(&mut self, prepared: Prepared, chunk: &Chunk) -> Result<(), ImportError> {
        let Prepared { mut tx, fates } = prepared;
        let errors = errors(chunk, &fates);
        let count = |wanted: fn(&Fate) -> bool| as_count(fates.iter().filter(|fate| wanted(fate)).count());
        let counts = Counts {
            created: count(|fate| matches!(fate, Fate::Created(_))),
            updated: count(|fate| matches!(fate, Fate::Updated(_))),
            invalid: as_count(errors.len()),
            read_bytes: i64::try_from(chunk.bytes_read).unwrap_or(i64::MAX),
        };
        let (id, done) = (self.import.id, self.import.lines_done);
        if !import::advance(&mut tx, (id, done), counts, self.app.clock.now()).await? {
            return Err(ImportError::Overtaken);
        }
        import::insert_errors(&mut tx, id, &errors).await?;
        tx.commit().await?;
        self.count(counts);
        Ok(())
    }

    fn count(&mut self, counts: Counts) {
        let import = &mut *self.import;
        import.lines_done += counts.created + counts.updated + counts.invalid;
        import.created += counts.created;
        import.updated += counts.updated;
        import.invalid += counts.invalid;
        import.read_bytes = counts.read_bytes;
        (self.watch)(import);
    }
}

async fn prepare(app: &App, tenant: TenantId, reading: Reading, chunk: &Chunk) -> Result<Prepared, Error> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    people::wait_at_most(&mut tx, LOCK_WAIT_MS).await?;
    match contacts::write(&mut tx, &chunk.rows, Some(reading), app.clock.now()).await {
        Ok(fates) => Ok(Prepared { tx, fates }),
        Err(error) => {
            // Now, and not when the connection is used again: somebody waits for its rows. A connection that is gone holds none.
            tx.roll_back().await.ok();
            Err(error)
        }
    }
}

/// Somebody else made the same person, or held a row that we wanted while we held theirs.
const fn is_passing(error: &Error) -> bool {
    matches!(error, Error::Taken { .. } | Error::Unavailable(_))
}

/// What was wrong with lines when they were read, and what turned out wrong when they met the others.
fn errors(chunk: &Chunk, fates: &[Fate]) -> Vec<LineError> {
    let late = chunk.lines.iter().zip(fates).filter_map(|(line, fate)| {
        let problem = match fate {
            Fate::Conflict => LineProblem::Contact(ContactError::Taken),
            Fate::Duplicate => LineProblem::Duplicate,
            Fate::TooManyTags => LineProblem::Tags(TagError::TooMany),
            Fate::Created(_) | Fate::Updated(_) => return None,
        };
        Some(chunks::error(line.number, &line.fields, &problem))
    });
    chunk.errors.iter().cloned().chain(late).collect()
}

fn as_count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
