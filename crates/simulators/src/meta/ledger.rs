//! What was sent: the record every verdict is read from.
//!
//! One record of 40 bytes per well-formed send, its callback data beside it, and one table of the message keys that
//! were accepted. Keys are compared in full, never by hash alone, so a duplicate is a duplicate.

use std::collections::VecDeque;
use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashSet, HashTable};
use serde::{Deserialize, Serialize};

use super::message::Kind;
use super::names::Names;

/// Refused sends that get a record; further ones are only counted. A caller that retries a refusal in a loop must not
/// fill the memory.
const REFUSED_MAX: u64 = 1_000_000;

/// How a send ended, seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Accepted and answered.
    Accepted,
    /// Accepted, answered late.
    AcceptedThenHang,
    /// Accepted, then the connection was reset.
    AcceptedThenCut,
    /// Accepted, then answered with a 5xx.
    Http5xxAfter,
    /// Accepted, then answered 200 with a body that is not JSON.
    Garbage,
    /// Read, then the connection was reset. Not accepted.
    CutBefore,
    /// Answered with a 5xx. Not accepted.
    Http5xxBefore,
    /// Answered with an error. Not accepted.
    Refused,
}

impl Outcome {
    pub const ALL: [Self; 8] = [
        Self::Accepted,
        Self::AcceptedThenHang,
        Self::AcceptedThenCut,
        Self::Http5xxAfter,
        Self::Garbage,
        Self::CutBefore,
        Self::Http5xxBefore,
        Self::Refused,
    ];

    pub fn accepted(self) -> bool {
        !matches!(self, Self::CutBefore | Self::Http5xxBefore | Self::Refused)
    }
}

/// A place in the callback text.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u32,
    len: u16,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    pub(crate) arrived_at: u64,
    callback: Span,
    /// Length of the message key within the callback data.
    key_len: u16,
    pub(crate) number: u32,
    pub(crate) recipient: u32,
    /// Position among the templates.
    pub(crate) template: Option<std::num::NonZeroU32>,
    /// The error code of a refused send.
    pub(crate) code: u32,
    pub(crate) kind: Kind,
    pub(crate) outcome: Outcome,
}

/// A send as the ledger takes it.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) arrived_at: u64,
    pub(crate) callback: Option<&'a str>,
    pub(crate) number: u32,
    pub(crate) recipient: u32,
    pub(crate) template: Option<usize>,
    pub(crate) code: u32,
    pub(crate) kind: Kind,
    pub(crate) outcome: Outcome,
    pub(crate) body: &'a [u8],
}

/// Accepted sends, counted as they happen. `accepted` is always the sum of unique, duplicates and those without key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub accepted: u64,
    /// Message keys accepted at least once.
    pub accepted_unique: u64,
    /// Accepted sends whose message key was accepted before.
    pub duplicates: u64,
    /// Accepted sends without callback data.
    pub accepted_without_key: u64,
    /// Of those: the same body to the same recipient from the same number was accepted before.
    pub accepted_without_key_repeated: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    records: Vec<Record>,
    /// Callback data, one after the other.
    text: String,
    recipients: Names,
    /// The first accepted record of each message key.
    keys: HashTable<u32>,
    unkeyed: HashSet<(u32, u32, u64)>,
    hasher: DefaultHashBuilder,
    pub(crate) duplicates: Vec<u32>,
    pub(crate) counts: Counts,
    by_outcome: [u64; Outcome::ALL.len()],
    bodies: VecDeque<(u32, Box<[u8]>)>,
}

/// What callback data says about the message: everything before the last `.`, after which the caller writes the attempt.
pub fn message_key(callback: &str) -> &str {
    callback.rsplit_once('.').map_or(callback, |(key, _)| key)
}

impl Ledger {
    pub(crate) fn recipient_id(&mut self, recipient: &str) -> u32 {
        self.recipients.id(recipient)
    }

    /// Writes a send down and counts it. Returns its number, or `None` for a refusal that is only counted.
    pub(crate) fn write(&mut self, entry: &Entry<'_>, bodies_kept: usize) -> Option<u32> {
        let count = &mut self.by_outcome[entry.outcome as usize];
        *count += 1;
        if entry.outcome == Outcome::Refused && *count > REFUSED_MAX {
            return None;
        }
        let index = u32::try_from(self.records.len()).expect("fewer than 4 billion sends");
        let callback = self.keep(entry.callback.unwrap_or(""));
        let record = Record {
            arrived_at: entry.arrived_at,
            callback,
            key_len: entry.callback.map_or(0, |data| u16::try_from(message_key(data).len()).unwrap_or(u16::MAX)),
            number: entry.number,
            recipient: entry.recipient,
            template: entry.template.and_then(|at| std::num::NonZeroU32::new(u32::try_from(at).ok()? + 1)),
            code: entry.code,
            kind: entry.kind,
            outcome: entry.outcome,
        };
        self.records.push(record);
        if entry.outcome.accepted() {
            self.count(index, entry);
        }
        self.keep_body(index, entry.body, bodies_kept);
        Some(index)
    }

    fn keep(&mut self, callback: &str) -> Span {
        let start = u32::try_from(self.text.len()).expect("less than 4 GiB of callback data");
        self.text.push_str(callback);
        Span { start, len: u16::try_from(callback.len()).expect("callback data has 512 characters at most") }
    }

    fn count(&mut self, index: u32, entry: &Entry<'_>) {
        self.counts.accepted += 1;
        let Some(callback) = entry.callback else {
            let record = &self.records[index as usize];
            let same = (record.number, record.recipient, self.hasher.hash_one(entry.body));
            self.counts.accepted_without_key += 1;
            self.counts.accepted_without_key_repeated += u64::from(!self.unkeyed.insert(same));
            return;
        };
        let key = message_key(callback);
        let hash = self.hasher.hash_one(key);
        let (records, text, hasher) = (&self.records, &self.text, &self.hasher);
        if self.keys.find(hash, |&other| key_in(records, text, other) == key).is_some() {
            self.counts.duplicates += 1;
            self.duplicates.push(index);
        } else {
            self.counts.accepted_unique += 1;
            self.keys.insert_unique(hash, index, |&other| hasher.hash_one(key_in(records, text, other)));
        }
    }

    fn keep_body(&mut self, index: u32, body: &[u8], kept: usize) {
        if kept == 0 {
            return;
        }
        while self.bodies.len() >= kept {
            self.bodies.pop_front();
        }
        self.bodies.push_back((index, body.into()));
    }

    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.records.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn get(&self, index: u32) -> Option<&Record> {
        self.records.get(index as usize)
    }

    pub(crate) fn recipient(&self, record: &Record) -> &str {
        self.recipients.get(record.recipient)
    }

    pub(crate) fn find_recipient(&self, recipient: &str) -> Option<u32> {
        self.recipients.find(recipient)
    }

    /// Empty when the send had none.
    pub(crate) fn callback(&self, record: &Record) -> &str {
        callback_in(&self.text, record)
    }

    pub(crate) fn key<'a>(&'a self, record: &Record) -> &'a str {
        &callback_in(&self.text, record)[..usize::from(record.key_len)]
    }

    /// Whether any send with this message key was accepted.
    pub(crate) fn key_accepted(&self, key: &str) -> bool {
        let hash = self.hasher.hash_one(key);
        self.keys.find(hash, |&other| key_in(&self.records, &self.text, other) == key).is_some()
    }

    /// The request body, if it is among the newest.
    pub(crate) fn body(&self, index: u32) -> Option<&[u8]> {
        let at = self.bodies.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        Some(&self.bodies[at].1)
    }

    pub(crate) fn with_outcome(&self, outcome: Outcome) -> u64 {
        self.by_outcome[outcome as usize]
    }
}

fn callback_in<'a>(text: &'a str, record: &Record) -> &'a str {
    let start = record.callback.start as usize;
    &text[start..start + usize::from(record.callback.len)]
}

fn key_in<'a>(records: &[Record], text: &'a str, index: u32) -> &'a str {
    let record = &records[index as usize];
    &callback_in(text, record)[..usize::from(record.key_len)]
}
