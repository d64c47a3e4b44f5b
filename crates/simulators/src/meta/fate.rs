//! What becomes of a send. Order: token, number, form, [the arrival is booked], app limit, throughput, pair limit,
//! template, opt-out, session window, rules, ledger.

use std::borrow::Cow;

use crate::server::Reply;

use super::accept::Acceptance;
use super::config::SessionWindow;
use super::errors::Refusal;
use super::ledger::Outcome;
use super::limits::Mode;
use super::message::{self, Address, Call, Draft, Kind};
use super::plan::Override;
use super::reply;
use super::rules::{Action, Seen};
use super::send::{Incoming, Step};
use super::state::State;

/// Length of the customer service window.
/// Source: developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages.
const SESSION_NS: u64 = 24 * 3_600 * 1_000_000_000;

/// A well-formed send of a known number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sending<'a> {
    pub(crate) incoming: &'a Incoming<'a>,
    pub(crate) draft: &'a Draft<'a>,
    pub(crate) number: u32,
    pub(crate) recipient: u32,
    /// Position of its template, once found.
    pub(crate) template: Option<usize>,
}

impl State {
    pub(crate) fn receive(&mut self, incoming: &Incoming<'_>) -> Step {
        self.tally.requests += 1;
        let lag = self.clock.now().saturating_sub(incoming.arrived_at);
        self.tally.lag_max_ns = self.tally.lag_max_ns.max(lag);
        self.read(incoming).unwrap_or_else(|refusal| Step::Answer(self.refuse(&refusal)))
    }

    /// Counts a refusal of any call and words it.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) -> Reply {
        *self.tally.refused.entry(refusal.code).or_default() += 1;
        refusal.reply(self.trace())
    }

    fn read(&mut self, incoming: &Incoming<'_>) -> Result<Step, Refusal> {
        self.authorise(incoming.token)?;
        let number = self.number(incoming.number, incoming.arrived_at)?;
        match message::parse(&incoming.body, incoming.path)? {
            Call::Read => {
                self.tally.reads += 1;
                Ok(Step::Answer(reply::success()))
            }
            Call::Send(draft) => {
                let recipient = self.ledger.recipient_id(&draft.recipient.id);
                Ok(self.decide(Sending { incoming, draft: &draft, number, recipient, template: None }))
            }
        }
    }

    /// The number with this id, made up where that is allowed.
    pub(crate) fn number(&mut self, phone_number_id: &str, at: u64) -> Result<u32, Refusal> {
        self.numbers.find_or_create(phone_number_id, &self.config, at).ok_or_else(|| unknown(phone_number_id))
    }

    fn decide(&mut self, sending: Sending<'_>) -> Step {
        self.numbers.arrive(sending.number, sending.incoming.arrived_at);
        let draft = sending.draft;
        let is_ambiguous = draft.recipient.address == Address::Phone && !draft.input.starts_with('+');
        self.tally.without_plus += u64::from(is_ambiguous);
        let admitted = self.within_limits(&sending).and_then(|()| self.fits(&sending));
        let sending = match admitted {
            Ok(template) => Sending { template, ..sending },
            Err(refusal) => return self.write_refusal(&sending, &refusal),
        };
        let seen = Seen {
            recipient: &draft.recipient.id,
            number: sending.incoming.number,
            kind: draft.kind,
            callback: draft.callback.as_deref(),
        };
        let action = self.rules.decide(&seen, self.config.seed);
        self.act(&action, &sending)
    }

    fn within_limits(&mut self, sending: &Sending<'_>) -> Result<(), Refusal> {
        let (limits, at) = (&self.config.limits, sending.incoming.arrived_at);
        if limits.app == Mode::Enforce && !self.numbers.admits_app(sending.number, at) {
            return Err(Refusal::new(4));
        }
        if limits.throughput == Mode::Enforce && !self.numbers.admits(sending.number, at) {
            return Err(Refusal { status: Some(limits.throughput_status), ..Refusal::new(130_429) });
        }
        if self.pairs.conforms((sending.number, sending.recipient), at, &limits.pair_limit) {
            return Ok(());
        }
        self.tally.over_pair += 1;
        if limits.pair == Mode::Enforce { Err(Refusal::new(131_056)) } else { Ok(()) }
    }

    /// Whether this content may go to this recipient. Returns the template's position.
    fn fits(&self, sending: &Sending<'_>) -> Result<Option<usize>, Refusal> {
        let (from, draft) = (self.numbers.get(sending.number), sending.draft);
        if from.digits == draft.recipient.id {
            return Err(Refusal::new(131_021));
        }
        if let Some(id) = &draft.media_id
            && !self.media.has(id)
        {
            return Err(Refusal::because(131_009, format!("media {id} does not exist")));
        }
        let template = draft.template.as_ref().map(|template| self.templates.find(&from.number.waba_id, template));
        let template = match template.transpose() {
            Err(refusal) if !self.config.any_template => return Err(refusal),
            found => found.unwrap_or_default(),
        };
        let category = template.and_then(|at| self.templates.get(at)).map(|template| template.category.as_str());
        match category {
            Some("MARKETING") if self.stopped.contains(&*draft.recipient.id) => Err(Refusal::new(131_050)),
            Some("AUTHENTICATION") if draft.recipient.address == Address::User => Err(Refusal::new(131_062)),
            _ if self.config.session_window == SessionWindow::Refuse && self.is_outside(sending) => {
                Err(Refusal::new(131_047))
            }
            _ => Ok(template),
        }
    }

    /// Whether the recipient has not written for 24 hours and this is not a template.
    pub(crate) fn is_outside(&self, sending: &Sending<'_>) -> bool {
        let heard = self.heard.get(&(sending.number, sending.recipient));
        let passed = |heard: &u64| sending.incoming.arrived_at.saturating_sub(*heard) >= SESSION_NS;
        sending.draft.kind != Kind::Template && heard.is_none_or(passed)
    }

    fn act(&mut self, action: &Action, sending: &Sending<'_>) -> Step {
        let refusal = match *action {
            Action::Slow { ms } => return Step::AcceptAfter { ms },
            Action::CutBefore => {
                self.write(sending, Outcome::CutBefore, 0);
                return Step::Cut;
            }
            Action::Http5xxBefore { status } => {
                self.write(sending, Outcome::Http5xxBefore, 0);
                return Step::Answer(reply::proxy_error(status));
            }
            Action::RateLimited { code, retry_after_s } => {
                let status = (code == 130_429).then_some(self.config.limits.throughput_status);
                Refusal { status, retry_after_s, ..Refusal::new(code) }
            }
            Action::Error { code, status } => Refusal { status, ..Refusal::new(code) },
            _ => return self.accept_as(action, sending),
        };
        self.write_refusal(sending, &refusal)
    }

    fn accept_as(&mut self, action: &Action, sending: &Sending<'_>) -> Step {
        let (outcome, receipts) = match *action {
            Action::AcceptThenHang { .. } => (Outcome::AcceptedThenHang, Override::None),
            Action::AcceptThenCut => (Outcome::AcceptedThenCut, Override::None),
            Action::Http5xxAfter { .. } => (Outcome::Http5xxAfter, Override::None),
            Action::Garbage => (Outcome::Garbage, Override::None),
            Action::AcceptSilently => (Outcome::Accepted, Override::Silent),
            Action::AcceptThenFail { code } => (Outcome::Accepted, Override::Fail { code }),
            _ => (Outcome::Accepted, Override::None),
        };
        let (reply, early) = self.accept(sending, Acceptance { outcome, receipts });
        match (action, early) {
            (Action::AcceptThenHang { ms }, _) => Step::AnswerAfter { ms: *ms, reply },
            (Action::AcceptThenCut, _) => Step::Cut,
            (Action::Http5xxAfter { status }, _) => Step::Answer(reply::proxy_error(*status)),
            (Action::Garbage, _) => Step::Answer(reply::garbage()),
            (_, Some(event)) => Step::AnswerAfterStatus { event, reply },
            (_, None) => Step::Answer(reply),
        }
    }

    fn write_refusal(&mut self, sending: &Sending<'_>, refusal: &Refusal) -> Step {
        self.write(sending, Outcome::Refused, refusal.code);
        Step::Answer(self.refuse(refusal))
    }
}

/// What Graph says of an object that is not there, or not ours.
pub(crate) fn unknown(id: &str) -> Refusal {
    let details = format!(
        "Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, \
         or does not support this operation"
    );
    Refusal::because(100, Cow::Owned(details)).subcode(33)
}
