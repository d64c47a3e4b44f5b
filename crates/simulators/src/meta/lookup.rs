//! Single sends, found again: by callback data, recipient, number, id or outcome.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::ledger::{Outcome, Record};
use super::message::Kind;
use super::state::State;
use super::wamid;

/// Sends given at once when the caller asks for no number, and the most there are.
const PAGE: usize = 1_000;
const PAGE_MAX: usize = 100_000;

/// Which sends; what is not given matches all.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    /// The whole callback data.
    pub callback: Option<String>,
    /// The message key.
    pub key: Option<String>,
    /// With or without `+`.
    pub recipient: Option<String>,
    /// Phone number id.
    pub number: Option<String>,
    /// Message id.
    pub wamid: Option<String>,
    pub outcome: Option<Outcome>,
    /// Accepted, however it was answered.
    pub accepted: Option<bool>,
    /// Only accepted sends whose key was accepted before.
    pub duplicate: bool,
    /// Skips this many of those that match.
    pub offset: usize,
    /// 1,000 unless given, 100,000 at most.
    pub limit: Option<usize>,
}

/// A send as the ledger has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sent {
    /// Absent when it was not accepted.
    pub wamid: Option<String>,
    pub phone_number_id: String,
    pub recipient: String,
    pub callback: Option<String>,
    pub key: Option<String>,
    /// Whether any send with this key was accepted.
    pub key_accepted: bool,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub template: Option<String>,
    pub outcome: Outcome,
    /// Of a refusal.
    pub code: Option<u32>,
    /// Since the simulator started.
    pub arrived_ms: u64,
    /// The request's body, if it is among the newest.
    pub body: Option<Box<RawValue>>,
}

impl State {
    pub(crate) fn search(&self, search: &Search) -> Vec<Sent> {
        let limit = search.limit.unwrap_or(PAGE).min(PAGE_MAX);
        let Some(filter) = Filter::new(self, search) else {
            return Vec::new();
        };
        let found = filter.candidates(self).filter(|&(_, record)| filter.matches(self, record));
        found.skip(search.offset).take(limit).map(|(index, record)| self.shown(index, record)).collect()
    }

    fn shown(&self, index: u32, record: &Record) -> Sent {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let recipient = self.ledger.recipient(record);
        let template = record.template.and_then(|place| self.templates.get(place.get() as usize - 1));
        let body = self.ledger.body(index).and_then(|body| serde_json::from_slice(body).ok());
        Sent {
            wamid: record.outcome.accepted().then(|| wamid::outbound(recipient, self.config.seed, (self.epoch, index))),
            phone_number_id: self.numbers.get(record.number).number.phone_number_id.clone(),
            recipient: recipient.to_owned(),
            callback: given(self.ledger.callback(record)),
            key: given(self.ledger.key(record)),
            key_accepted: self.ledger.key_accepted(self.ledger.key(record)),
            kind: record.kind,
            template: template.map(|template| template.name.clone()),
            outcome: record.outcome,
            code: (record.outcome == Outcome::Refused).then_some(record.code),
            arrived_ms: record.arrived_at / 1_000_000,
            body,
        }
    }

    /// Accepted sends by recipient.
    pub(crate) fn by_recipient(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for index in 0..self.ledger.len() {
            let accepted = self.ledger.get(index).filter(|record| record.outcome.accepted());
            if let Some(record) = accepted {
                *counts.entry(self.ledger.recipient(record).to_owned()).or_default() += 1;
            }
        }
        counts
    }
}

/// A search with its names turned into numbers.
struct Filter<'a> {
    search: &'a Search,
    recipient: Option<u32>,
    number: Option<u32>,
    place: Option<u32>,
}

impl<'a> Filter<'a> {
    /// Nothing when a name is unknown: then no send can match.
    fn new(state: &State, search: &'a Search) -> Option<Self> {
        let mut filter = Self { search, recipient: None, number: None, place: None };
        if let Some(recipient) = &search.recipient {
            filter.recipient = Some(state.ledger.find_recipient(recipient.trim_start_matches('+'))?);
        }
        if let Some(number) = &search.number {
            filter.number = Some(state.numbers.find(number)?);
        }
        if let Some(id) = &search.wamid {
            let (epoch, index) = wamid::place(id)?;
            filter.place = Some(index).filter(|_| epoch == state.epoch & 0xff);
            filter.place?;
        }
        Some(filter)
    }

    fn candidates<'s>(&self, state: &'s State) -> Box<dyn Iterator<Item = (u32, &'s Record)> + 's> {
        let indices: Box<dyn Iterator<Item = u32> + 's> = match (self.place, self.search.duplicate) {
            (Some(place), _) => Box::new(std::iter::once(place)),
            (None, true) => Box::new(state.ledger.duplicates.iter().copied()),
            (None, false) => Box::new(0..state.ledger.len()),
        };
        Box::new(indices.filter_map(|index| state.ledger.get(index).map(|record| (index, record))))
    }

    fn matches(&self, state: &State, record: &Record) -> bool {
        let search = self.search;
        self.recipient.is_none_or(|recipient| record.recipient == recipient)
            && self.number.is_none_or(|number| record.number == number)
            && search.outcome.is_none_or(|outcome| record.outcome == outcome)
            && search.accepted.is_none_or(|accepted| record.outcome.accepted() == accepted)
            && search.callback.as_ref().is_none_or(|callback| state.ledger.callback(record) == callback)
            && search.key.as_ref().is_none_or(|key| state.ledger.key(record) == key)
    }
}
