//! What happened lately to one tenant, kept once for all who follow it, and how far each of them got.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use postroad_core::limits::{LIVE_CHUNK_BYTES, LIVE_KEPT_BYTES_MAX, LIVE_KEPT_MAX};
use tokio::sync::watch;

use super::wire::Line;

pub(super) struct Topic {
    recent: Mutex<Recent>,
    changed: watch::Sender<()>,
}

struct Recent {
    lines: VecDeque<Line>,
    /// The place of the oldest line, of all that ever were here.
    first: u64,
    bytes: usize,
    /// Every event up to this number was here.
    read_to: i64,
}

impl Topic {
    pub(super) fn new(read_to: i64) -> Arc<Self> {
        let recent = Recent { lines: VecDeque::new(), first: 0, bytes: 0, read_to };
        Arc::new(Self { recent: Mutex::new(recent), changed: watch::channel(()).0 })
    }

    pub(super) fn read_to(&self) -> i64 {
        self.recent.lock().read_to
    }

    pub(super) fn is_followed(&self) -> bool {
        self.changed.receiver_count() > 0
    }

    /// In the order of their numbers; what was here before is left out.
    pub(super) fn push(&self, lines: impl IntoIterator<Item = Line>) {
        let mut recent = self.recent.lock();
        for line in lines {
            recent.push(line);
        }
        drop(recent);
        self.changed.send_replace(());
    }

    pub(super) fn follow(self: &Arc<Self>) -> Follower {
        let recent = self.recent.lock();
        let place = recent.next();
        drop(recent);
        let mut changed = self.changed.subscribe();
        changed.mark_changed();
        Follower { topic: self.clone(), changed, place }
    }
}

impl Recent {
    fn next(&self) -> u64 {
        self.first + self.lines.len() as u64
    }

    fn push(&mut self, line: Line) {
        if let Some(seq) = line.seq {
            if seq <= self.read_to {
                return;
            }
            self.read_to = seq;
        }
        self.bytes += line.frame.len();
        self.lines.push_back(line);
        while self.lines.len() > LIVE_KEPT_MAX || self.bytes > LIVE_KEPT_BYTES_MAX {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.frame.len();
            self.first += 1;
        }
    }
}

/// Somebody who follows a tenant.
pub struct Follower {
    topic: Arc<Topic>,
    changed: watch::Receiver<()>,
    place: u64,
}

/// What a follower gets at once.
#[derive(Debug)]
pub struct Taken {
    pub lines: Vec<Line>,
    /// Something was there that the follower came too late for.
    pub lost: bool,
    /// There is more to take.
    pub more: bool,
    /// Every event up to this number was here.
    pub read_to: i64,
}

impl Follower {
    /// Returns when there may be something to take; at once for the first time.
    pub async fn changed(&mut self) {
        // The topic is held here, and with it the sender.
        let _ = self.changed.changed().await;
    }

    /// The next [`Self::changed`] returns at once.
    pub fn stay(&mut self) {
        self.changed.mark_changed();
    }

    pub fn take(&mut self) -> Taken {
        let recent = self.topic.recent.lock();
        let lost = self.place < recent.first;
        let from = usize::try_from(self.place.max(recent.first) - recent.first).unwrap_or(usize::MAX);
        let mut lines = Vec::new();
        let mut bytes = 0;
        for line in recent.lines.iter().skip(from) {
            if bytes >= LIVE_CHUNK_BYTES {
                break;
            }
            bytes += line.frame.len();
            lines.push(line.clone());
        }
        self.place = self.place.max(recent.first) + lines.len() as u64;
        Taken { lines, lost, more: self.place < recent.next(), read_to: recent.read_to }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use chrono::DateTime;
    use postroad_core::{conversation::EventKind, live::Kind};

    use super::*;

    fn line(seq: i64, bytes: usize) -> Line {
        let kind = Kind::Told(EventKind::Read);
        let at = DateTime::UNIX_EPOCH;
        let frame = Bytes::from(vec![b'x'; bytes]);
        Line { seq: Some(seq), kind, conversation: None, to: None, of: None, stands: None, stood: None, at, frame }
    }

    fn seqs(taken: &Taken) -> Vec<i64> {
        taken.lines.iter().filter_map(|line| line.seq).collect()
    }

    #[test]
    fn who_follows_gets_what_comes_from_then_on_once_each() {
        let topic = Topic::new(4);
        topic.push([line(5, 1)]);
        let mut follower = topic.follow();
        assert_eq!((seqs(&follower.take()), follower.take().read_to), (vec![], 5));
        topic.push([line(5, 1), line(6, 1), line(7, 1)]);
        assert_eq!(seqs(&follower.take()), [6, 7], "what was there before is not there again");
        assert_eq!(seqs(&follower.take()), Vec::<i64>::new());
    }

    #[test]
    fn what_is_kept_has_a_bound_in_number_and_in_bytes_and_who_is_too_late_learns_it() {
        let topic = Topic::new(0);
        let mut by_count = topic.follow();
        topic.push((1..=5_000).map(|seq| line(seq, 1)));
        let taken = by_count.take();
        let kept = i64::try_from(LIVE_KEPT_MAX).unwrap();
        assert!(taken.lost && seqs(&taken)[0] == 5_000 - kept + 1);
        let mut by_bytes = topic.follow();
        topic.push((5_001..=5_020).map(|seq| line(seq, 100_000)));
        let first = by_bytes.take();
        assert!(first.lost && first.more, "a megabyte more than is kept");
        assert_eq!(seqs(&first), [5_016], "no more at once than a chunk");
        assert!(topic.recent.lock().bytes <= LIVE_KEPT_BYTES_MAX);
    }

    #[test]
    fn a_topic_is_followed_as_long_as_somebody_holds_on_to_it() {
        let topic = Topic::new(0);
        let follower = topic.follow();
        assert!(topic.is_followed());
        drop(follower);
        assert!(!topic.is_followed());
    }
}
