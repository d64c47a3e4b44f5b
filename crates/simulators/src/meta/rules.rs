//! The script: which sends meet which fate.
//!
//! Rules are asked in order; the first that applies and chooses an action decides, else the send is accepted. A rule is
//! asked only about well-formed sends that every limit and template check let through, so `times` counts what it did.
//! Its choice by shares depends on the seed, the rule's number and how often it was asked: see `draw.rs`.

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::draw::{Stream, draw, unit};

use super::message::Kind;

/// What happens to a send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    Accept,
    /// Accepts, and answers after `ms`.
    AcceptThenHang {
        ms: u64,
    },
    /// Accepts, then resets the connection without an answer.
    AcceptThenCut,
    /// Accepts, and later reports `failed` with this code.
    AcceptThenFail {
        code: u32,
    },
    /// Accepts, and never reports any status.
    AcceptSilently,
    /// Reads the request, then resets the connection. Nothing is accepted.
    CutBefore,
    /// Answers with a rate limit error.
    RateLimited {
        #[serde(default = "throughput")]
        code: u32,
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// Answers with a documented error; `status` overrides its HTTP status.
    Error {
        code: u32,
        #[serde(default)]
        status: Option<u16>,
    },
    /// Answers like a proxy in front of the API, without an error body. Nothing is accepted.
    Http5xxBefore {
        #[serde(default = "bad_gateway")]
        status: u16,
    },
    /// The same answer, after accepting.
    Http5xxAfter {
        #[serde(default = "bad_gateway")]
        status: u16,
    },
    /// Accepts after `ms`, also when the caller has left by then, and answers.
    Slow {
        ms: u64,
    },
    /// Accepts, and answers 200 with half a body.
    Garbage,
}

fn throughput() -> u32 {
    130_429
}

fn bad_gateway() -> u16 {
    502
}

/// Which sends a rule is about. What is not given matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// A phone number, with or without `+`, or a business-scoped user id.
    pub recipient: Option<String>,
    /// A phone number id.
    pub number: Option<String>,
    pub kind: Option<Kind>,
    pub callback_prefix: Option<String>,
    /// A regular expression found anywhere in the callback data.
    pub callback_regex: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Then {
    Always(Action),
    /// Shares from 0 to 1 of the sends that match; what is left over asks the next rule.
    Shares(Vec<Share>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    pub share: f64,
    #[serde(flatten)]
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    #[serde(default)]
    pub when: When,
    /// How many sends it acts on before it is spent; without it, all.
    #[serde(default)]
    pub times: Option<u64>,
    pub then: Then,
}

impl Rule {
    pub fn always(action: Action) -> Self {
        Self { when: When::default(), times: None, then: Then::Always(action) }
    }

    /// The next `times` sends.
    pub fn next(times: u64, action: Action) -> Self {
        Self { times: Some(times), ..Self::always(action) }
    }

    pub fn shares(shares: impl IntoIterator<Item = (f64, Action)>) -> Self {
        let shares = shares.into_iter().map(|(share, action)| Share { share, action }).collect();
        Self { when: When::default(), times: None, then: Then::Shares(shares) }
    }

    #[must_use]
    pub fn when(self, when: When) -> Self {
        Self { when, ..self }
    }
}

/// A rule, and what became of it: `GET /_sim/rules`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleState {
    pub rule: Rule,
    /// Sends that matched while it was not spent.
    pub matched: u64,
    /// Sends it decided.
    pub acted: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("callback_regex {pattern} is not a regular expression: {cause}")]
pub struct BadRule {
    pattern: String,
    cause: regex::Error,
}

/// A send as rules see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) recipient: &'a str,
    pub(crate) number: &'a str,
    pub(crate) kind: Kind,
    pub(crate) callback: Option<&'a str>,
}

#[derive(Debug, Default)]
pub(crate) struct Rules {
    all: Vec<Compiled>,
    added: u32,
}

#[derive(Debug)]
struct Compiled {
    state: RuleState,
    regex: Option<Regex>,
    /// Rules keep their number when others go, and with it their draws.
    number: u32,
}

impl Rules {
    /// Appends all of `rules`, or none when one is invalid.
    pub(crate) fn add(&mut self, rules: Vec<Rule>) -> Result<(), BadRule> {
        let compiled = rules.into_iter().map(|rule| {
            let pattern = rule.when.callback_regex.as_deref();
            let regex = pattern.map(Regex::new).transpose();
            let regex = regex.map_err(|cause| BadRule { pattern: pattern.unwrap_or_default().to_owned(), cause })?;
            Ok((rule, regex))
        });
        for (mut rule, regex) in compiled.collect::<Result<Vec<_>, BadRule>>()? {
            let recipient = rule.when.recipient.as_deref();
            rule.when.recipient = recipient.map(|recipient| recipient.trim_start_matches('+').to_owned());
            let state = RuleState { rule, matched: 0, acted: 0 };
            self.all.push(Compiled { state, regex, number: self.added });
            self.added += 1;
        }
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn states(&self) -> Vec<RuleState> {
        self.all.iter().map(|rule| rule.state.clone()).collect()
    }

    /// What happens to this send.
    pub(crate) fn decide(&mut self, call: &Seen<'_>, seed: u64) -> Action {
        let decided = self.all.iter_mut().find_map(|rule| rule.decide(call, seed));
        decided.unwrap_or(Action::Accept)
    }
}

impl Compiled {
    fn decide(&mut self, call: &Seen<'_>, seed: u64) -> Option<Action> {
        let spent = self.state.rule.times.is_some_and(|times| self.state.acted >= times);
        if spent || !self.matches(call) {
            return None;
        }
        let asked = self.state.matched;
        self.state.matched += 1;
        let action = match &self.state.rule.then {
            Then::Always(action) => Some(action),
            Then::Shares(shares) => choose(shares, unit(&mut draw(seed, Stream::Rule(self.number), asked))),
        }?;
        self.state.acted += 1;
        Some(action.clone())
    }

    fn matches(&self, call: &Seen<'_>) -> bool {
        let when = &self.state.rule.when;
        let callback = call.callback.unwrap_or("");
        when.recipient.as_ref().is_none_or(|wanted| wanted == call.recipient)
            && when.number.as_ref().is_none_or(|wanted| wanted == call.number)
            && when.kind.is_none_or(|wanted| wanted == call.kind)
            && when.callback_prefix.as_ref().is_none_or(|prefix| callback.starts_with(prefix.as_str()))
            && self.regex.as_ref().is_none_or(|regex| regex.is_match(callback))
    }
}

/// The share in which `point` (0 to 1) falls.
fn choose(shares: &[Share], point: f64) -> Option<&Action> {
    let mut upper = 0.0;
    shares.iter().find_map(|share| {
        upper += share.share;
        (point < upper).then_some(&share.action)
    })
}
