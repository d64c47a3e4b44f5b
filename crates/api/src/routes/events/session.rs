//! One stream: where it stands, and what comes next on it.
//!
//! It knows the number that it handed over last. What follows that number may come from the hub; for anything else it reads
//! the table. Nothing is made ready before the client takes it, so a slow client costs one chunk and no more.

use std::{sync::Arc, time::Duration};

use axum::body::Bytes;
use postroad_app::live::{self, Follower, Line, Missed, comment, metrics, told_to_one};
use postroad_core::{
    ids::{ConversationId, MemberId, TenantId},
    limits::{LIVE_CHUNK_BYTES, LIVE_PAGE},
    live::Kind,
    scope::Scope,
};
use serde_json::json;
use tokio::{sync::watch, time::Instant};

use crate::{
    ApiState,
    caller::Principal,
    signed::{self, Rights},
    streams::Place,
};

/// Milliseconds after which a client comes back whose connection broke, and how much later some do: after a restart not all
/// at once.
const RETRY_MS: u64 = 1_000;
const RETRY_SPREAD_MS: u64 = 2_000;
/// Between two attempts to read while the database is away.
const AGAIN: Duration = Duration::from_millis(500);

/// What of all that happens goes to this stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    pub(super) conversation: Option<ConversationId>,
    /// None: all.
    pub(super) kinds: Option<Vec<Kind>>,
    pub(super) member: Option<MemberId>,
}

impl Filter {
    fn lets(&self, line: &Line, rights: &Rights) -> bool {
        let is_own = line.seq.is_none() && line.of.is_some() && line.of == self.member;
        let is_addressed = line.to.is_none() || line.to == self.member;
        let is_meant = self.conversation.is_none() || self.conversation == line.conversation;
        let is_wanted = self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&line.kind));
        let is_allowed =
            rights.scopes.contains(&line.kind.scope()) && rights.sight.as_ref().is_none_or(|sight| line.is_in(sight));
        !is_own && is_addressed && is_meant && is_wanted && is_allowed
    }
}

/// With what a stream begins.
pub(super) struct Opening {
    pub(super) principal: Arc<Principal>,
    pub(super) tenant: TenantId,
    pub(super) follower: Follower,
    pub(super) place: Place,
    /// The number that the client has. None: it begins now.
    pub(super) after: Option<i64>,
    pub(super) newest: i64,
}

pub(super) struct Session {
    api: ApiState,
    principal: Arc<Principal>,
    tenant: TenantId,
    rights: Rights,
    filter: Filter,
    follower: Follower,
    closing: watch::Receiver<bool>,
    stage: Stage,
    resumed: bool,
    /// Everything up to this number was handed over, or is not for this stream.
    last: i64,
    /// The number that the client would come back with.
    last_told: i64,
    heartbeat_at: Instant,
    recheck_at: Instant,
    _place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Opening,
    /// The table is read.
    Behind,
    Following,
    Ended,
}

/// What a stream that follows wakes up for.
enum Woken {
    Closing,
    Recheck,
    Heartbeat,
    News,
}

impl Session {
    pub(super) fn open(api: ApiState, opening: Opening, filter: Filter) -> Self {
        let Opening { principal, tenant, follower, place, after, newest } = opening;
        let now = Instant::now();
        let last = after.unwrap_or(newest);
        Self {
            closing: api.streams.closing(),
            rights: Rights { scopes: principal.scopes.clone(), sight: principal.sight.clone() },
            heartbeat_at: now + api.settings.streams.heartbeat,
            recheck_at: now + api.settings.streams.recheck,
            stage: Stage::Opening,
            resumed: after.is_some(),
            last,
            last_told: last,
            _place: place,
            api,
            principal,
            tenant,
            filter,
            follower,
        }
    }

    /// What is handed over next. None: that was all.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            let chunk = match self.stage {
                Stage::Opening => self.hello(),
                Stage::Ended => return None,
                _ if *self.closing.borrow() => self.bye("shutdown"),
                _ if Instant::now() >= self.recheck_at => self.recheck().await,
                Stage::Behind => self.catch_up().await,
                Stage::Following => match self.wait().await {
                    Woken::News => self.follow(),
                    Woken::Heartbeat => self.heartbeat(),
                    Woken::Closing | Woken::Recheck => Bytes::new(),
                },
            };
            if !chunk.is_empty() {
                return Some(chunk);
            }
        }
    }

    fn hello(&mut self) -> Bytes {
        self.stage = if self.resumed { Stage::Behind } else { Stage::Following };
        let retry = RETRY_MS + rand::random_range(0..=RETRY_SPREAD_MS);
        let hello = told_to_one(Some(self.last), "hello", &json!({"seq": self.last, "resumed": self.resumed}));
        [format!("retry: {retry}\n").as_bytes(), &hello].concat().into()
    }

    fn bye(&mut self, reason: &str) -> Bytes {
        self.stage = Stage::Ended;
        told_to_one(None, "bye", &json!({"reason": reason}))
    }

    async fn recheck(&mut self) -> Bytes {
        self.recheck_at = Instant::now() + self.api.settings.streams.recheck;
        match signed::recheck(&self.api, &self.principal).await {
            Some(Err(failure)) => return self.bye(failure.as_str()),
            Some(Ok(rights)) if !rights.scopes.contains(&Scope::ConversationsRead) => return self.bye("missing_scope"),
            Some(Ok(rights)) => self.rights = rights,
            None => {}
        }
        Bytes::new()
    }

    async fn wait(&mut self) -> Woken {
        tokio::select! {
            biased;
            _ = self.closing.changed() => Woken::Closing,
            () = tokio::time::sleep_until(self.recheck_at) => Woken::Recheck,
            () = self.follower.changed() => Woken::News,
            () = tokio::time::sleep_until(self.heartbeat_at) => Woken::Heartbeat,
        }
    }

    /// Also moves the number with which the client comes back, when nothing of late was for it.
    fn heartbeat(&mut self) -> Bytes {
        self.heartbeat_at = Instant::now() + self.api.settings.streams.heartbeat;
        let moved = (self.last > self.last_told).then_some(self.last);
        self.last_told = self.last;
        comment(moved, "heartbeat")
    }

    /// What the hub has.
    fn follow(&mut self) -> Bytes {
        let taken = self.follower.take();
        let now = self.api.app.clock.now();
        let mut chunk = Chunk::default();
        if taken.lost && self.last < taken.read_to {
            metrics::RESUMED.inc();
            chunk.push(&told_to_one(None, "resume", &json!({"seq": self.last})));
        }
        for line in &taken.lines {
            // What does not follow is left for the table.
            if line.seq.is_none_or(|seq| seq == self.last + 1) && self.hand_over(line, &mut chunk) {
                let lag = (now - line.at).to_std().unwrap_or_default();
                metrics::LAG.observe(lag.as_secs_f64());
            }
        }
        if taken.more {
            self.follower.stay();
        } else if self.last < taken.read_to {
            self.stage = Stage::Behind;
        }
        chunk.into_bytes()
    }

    /// What the table has, a page at a time.
    async fn catch_up(&mut self) -> Bytes {
        let Some(missed) = self.missed().await else {
            tokio::time::sleep(AGAIN).await;
            return Bytes::new();
        };
        let mut chunk = Chunk::default();
        if missed.bounds.purged > self.last || self.last > missed.bounds.last {
            return self.reset(missed.bounds.last);
        }
        if i64::try_from(missed.lines.len()).is_ok_and(|count| count < LIVE_PAGE) {
            self.stage = Stage::Following;
            self.follower.stay();
        }
        for line in &missed.lines {
            self.hand_over(line, &mut chunk);
        }
        chunk.into_bytes()
    }

    async fn missed(&self) -> Option<Missed> {
        let _turn = self.api.streams.reading.acquire().await.ok()?;
        metrics::Reader::Stream.count();
        let missed = live::missed(&self.api.app, self.tenant, self.last, LIVE_PAGE).await;
        missed.inspect_err(|error| tracing::warn!(%error, "a stream could not read what it missed")).ok()
    }

    fn reset(&mut self, newest: i64) -> Bytes {
        let had = std::mem::replace(&mut self.last, newest);
        self.last_told = newest;
        told_to_one(Some(newest), "reset", &json!({"seq": newest, "had": had}))
    }

    /// True: it went to the client.
    fn hand_over(&mut self, line: &Line, chunk: &mut Chunk) -> bool {
        self.last = line.seq.unwrap_or(self.last);
        if !self.filter.lets(line, &self.rights) {
            return false;
        }
        self.last_told = line.seq.unwrap_or(self.last_told);
        chunk.push(&line.frame);
        true
    }
}

/// Frames that go out together. A single one is not copied.
#[derive(Default)]
enum Chunk {
    #[default]
    Empty,
    One(Bytes),
    Many(Vec<u8>),
}

impl Chunk {
    fn push(&mut self, frame: &Bytes) {
        *self = match std::mem::take(self) {
            Self::Empty => Self::One(frame.clone()),
            Self::One(first) => {
                let mut all = Vec::with_capacity(LIVE_CHUNK_BYTES.min(4 * (first.len() + frame.len())));
                all.extend_from_slice(&first);
                all.extend_from_slice(frame);
                Self::Many(all)
            }
            Self::Many(mut all) => {
                all.extend_from_slice(frame);
                Self::Many(all)
            }
        };
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::One(frame) => frame,
            Self::Many(all) => all.into(),
        }
    }
}
