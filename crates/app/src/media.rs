//! Files: fetched from providers or uploaded, looked at, kept, read by links that end, and deleted when their time is over.
//!
//! A file is a row that says where it stands; jobs are wake-ups. Bytes are written before the row says that they are there,
//! and lie under the hash of themselves, so that doing it again changes nothing. Deliberately absent: calls to providers, which
//! are the worker's, and what a file is, which the room of files knows.

mod link;
mod purge;
mod read;
mod upload;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    ids::AttachmentId,
    jobs::FetchMedia,
    limits::{FETCH_ATTEMPTS_MAX, FETCH_PAGE, PICTURES_AT_ONCE},
    media::{MediaLoss, MediaRefusal, bytes_max, is_sent_as},
};
use postroad_media::{Examined, Key, ObjectError, Objects, Thumbnail, Variant, examine, face};
use postroad_store::{
    Error, SystemTx,
    media::{self as stored, Fate, Found, Naming, Taken},
    queue,
};
use tokio::sync::Semaphore;

pub use link::{Links, links, url};
pub use purge::purge;
pub use read::{FileError, MediaError, Section, Served, days, get, hold, of_messages, open, set_days};
pub use upload::{Part, Upload, UploadError, add_part, upload, uploaded};

use crate::App;

/// Where bytes lie, and how many pictures are drawn at once.
#[derive(Clone)]
pub struct Media {
    pub objects: Objects,
    drawing: Arc<Semaphore>,
}

impl Media {
    /// Gone with the process: for tests, and for commands that touch no file.
    pub fn in_memory() -> Self {
        Self::new(Objects::in_memory())
    }

    pub fn new(objects: Objects) -> Self {
        Self { objects, drawing: Arc::new(Semaphore::new(PICTURES_AT_ONCE)) }
    }

    /// The middle of a picture, small. On a thread of its own, as every picture.
    pub(crate) async fn face(&self, declared: Option<String>, bytes: Bytes) -> Result<Thumbnail, Trouble> {
        let drawing = self.drawing.acquire().await;
        let drawn = tokio::task::spawn_blocking(move || face(declared.as_deref(), &bytes)).await;
        drop(drawing);
        drawn.unwrap_or(Err(MediaRefusal::UnreadableImage)).map_err(Trouble::Refused)
    }

    /// On a thread of its own: drawing keeps a processor busy.
    async fn examine(&self, declared: Option<String>, bytes: Bytes) -> Result<Examined, Trouble> {
        let drawing = self.drawing.acquire().await;
        let examined = tokio::task::spawn_blocking(move || examine(declared.as_deref(), bytes)).await;
        drop(drawing);
        // A decoder that panics met a picture that it cannot read.
        examined.unwrap_or(Err(MediaRefusal::UnreadableImage)).map_err(Trouble::Refused)
    }
}

/// The bytes of a file, and what whoever gave them says they are.
#[derive(Debug, Clone)]
pub struct Fetched {
    pub declared: Option<String>,
    pub bytes: Bytes,
}

/// Why a file is not kept, or not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It was looked at.
    Refused(MediaRefusal),
    /// No attempt can succeed.
    Lost { loss: MediaLoss, words: String },
    /// Another attempt may. `loss`: what it is called when there is none any more.
    Later { loss: MediaLoss, words: String },
}

impl Trouble {
    pub fn later(loss: MediaLoss, words: impl Into<String>) -> Self {
        Self::Later { loss, words: words.into() }
    }

    fn words(&self) -> String {
        match self {
            Self::Refused(why) => format!("the file is not kept ({why})"),
            Self::Lost { words, .. } | Self::Later { words, .. } => words.clone(),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::later(MediaLoss::AttemptsUsedUp, error.to_string())
    }
}

impl From<ObjectError> for Trouble {
    fn from(error: ObjectError) -> Self {
        Self::later(MediaLoss::AttemptsUsedUp, error.to_string())
    }
}

/// Takes some files that are due. Whoever takes them settles them before the lease ends.
pub async fn take(app: &App) -> postroad_store::Result<Vec<Taken>> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let taken = stored::take(&mut tx, FETCH_PAGE, app.clock.now()).await?;
    tx.commit().await?;
    Ok(taken)
}

/// Queues the next job, if more files are due.
pub async fn go_on(app: &App) -> postroad_store::Result<()> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    if let Some(first) = stored::longest_due(&mut tx, now).await? {
        queue::push(&mut tx, &FetchMedia { first, woken: now.timestamp() }, now).await?;
    }
    tx.commit().await
}

/// A file that is due for longer than this has lost its wake-up.
const DUE_MAX: TimeDelta = TimeDelta::seconds(3);

/// Queues a job when files are due that nobody takes. Once for each span of waiting.
pub async fn wake(app: &App) -> postroad_store::Result<bool> {
    let now = app.clock.now();
    let woken = now.timestamp() / DUE_MAX.num_seconds() * DUE_MAX.num_seconds();
    let mut tx = SystemTx::begin(&app.store).await?;
    let first: Option<AttachmentId> = stored::longest_due(&mut tx, now - DUE_MAX).await?;
    if let Some(first) = first {
        queue::push(&mut tx, &FetchMedia { first, woken }, now).await?;
    }
    tx.commit().await?;
    Ok(first.is_some())
}

/// Looks at a whole file and keeps it. The row says which bytes it will have before they are written, and that it has them
/// after that.
pub async fn keep(app: &App, taken: &Taken, fetched: Fetched) -> Result<(), Trouble> {
    if fetched.bytes.len() > bytes_max(taken.channel, taken.kind) {
        return Err(Trouble::Refused(MediaRefusal::TooLarge));
    }
    let declared = taken.declared_type.clone().or(fetched.declared);
    let examined = app.media.examine(declared, fetched.bytes).await?;
    if !is_sent_as(examined.media_type.kind, taken.kind) {
        return Err(Trouble::Refused(MediaRefusal::TypeDisagrees));
    }
    match name(app, taken, &examined.sha256).await? {
        Naming::Named => {}
        Naming::Later => return Err(Trouble::later(MediaLoss::AttemptsUsedUp, "the same bytes are being deleted")),
        Naming::Overtaken => return Ok(()),
    }
    put(app, taken, &examined).await?;
    let mut tx = SystemTx::begin(&app.store).await?;
    stored::store(&mut tx, taken, &found(&examined), app.clock.now()).await?;
    Ok(tx.commit().await?)
}

async fn name(app: &App, taken: &Taken, sha256: &str) -> Result<Naming, Trouble> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let naming = stored::name(&mut tx, taken, sha256, app.clock.now()).await?;
    tx.commit().await?;
    Ok(naming)
}

async fn put(app: &App, taken: &Taken, examined: &Examined) -> Result<(), Trouble> {
    let key = |variant| Key::of(taken.tenant, &examined.sha256, variant);
    if let Some(picture) = &examined.picture {
        app.media.objects.put(&key(Variant::Thumbnail), picture.thumbnail.bytes.clone()).await?;
    }
    Ok(app.media.objects.put(&key(Variant::Whole), examined.bytes.clone()).await?)
}

fn found(examined: &Examined) -> Found<'_> {
    let side = |pixels: u32| i32::try_from(pixels).unwrap_or(i32::MAX);
    Found {
        sha256: &examined.sha256,
        media_type: examined.media_type.name,
        size_bytes: i64::try_from(examined.bytes.len()).unwrap_or(i64::MAX),
        sides: examined.picture.as_ref().map(|picture| (side(picture.width), side(picture.height))),
        thumbnail_type: examined.picture.as_ref().map(|picture| picture.thumbnail.media_type),
    }
}

/// Writes down what was met: another attempt, or the end.
pub async fn fail(app: &App, taken: &Taken, trouble: Trouble) -> postroad_store::Result<()> {
    let now = app.clock.now();
    let fate = fate(taken.attempt, &trouble, now);
    tracing::info!(attachment.id = %taken.id, ?fate, reason = trouble.words(), "a file is not there yet, or not kept");
    let mut tx = SystemTx::begin(&app.store).await?;
    stored::fail(&mut tx, taken, fate, &trouble.words(), now).await?;
    tx.commit().await
}

/// A file that is not there may be later than the news of it: this many attempts are given to it.
const GONE_ATTEMPTS: i32 = 3;

fn fate(attempt: i32, trouble: &Trouble, now: DateTime<Utc>) -> Fate {
    match trouble {
        Trouble::Refused(why) => Fate::Refused(*why),
        Trouble::Lost { loss, .. } => Fate::Lost(*loss),
        Trouble::Later { loss: MediaLoss::Gone, .. } if attempt >= GONE_ATTEMPTS => Fate::Lost(MediaLoss::Gone),
        Trouble::Later { loss, .. } if attempt >= FETCH_ATTEMPTS_MAX => Fate::Lost(*loss),
        Trouble::Later { .. } => Fate::Again(now + pause(attempt)),
    }
}

/// 5 seconds, three times as long after each attempt, two hours at most.
fn pause(attempt: i32) -> Duration {
    let factor = 3_u64.saturating_pow(u32::try_from(attempt.max(1) - 1).unwrap_or_default());
    Duration::from_secs((5 * factor.min(1_440)).min(7_200))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_tried_for_hours_and_one_that_is_not_there_for_a_minute() {
        let now = DateTime::UNIX_EPOCH;
        let away = Trouble::later(MediaLoss::Forbidden, "no");
        let waits: Vec<i64> = (1..FETCH_ATTEMPTS_MAX)
            .map(|attempt| match fate(attempt, &away, now) {
                Fate::Again(at) => (at - now).num_seconds(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(waits, [5, 15, 45, 135, 405, 1_215, 3_645, 7_200, 7_200]);
        assert_eq!(fate(FETCH_ATTEMPTS_MAX, &away, now), Fate::Lost(MediaLoss::Forbidden));
        let gone = Trouble::later(MediaLoss::Gone, "no");
        assert_eq!(fate(2, &gone, now), Fate::Again(now + TimeDelta::seconds(15)));
        assert_eq!(fate(3, &gone, now), Fate::Lost(MediaLoss::Gone));
    }
}
