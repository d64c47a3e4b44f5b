//! Acceptance: the ledger is written, the receipts are planned, the answer is worded. In this order, under one lock.

use serde::Serialize;

use crate::clock;
use crate::server::Reply;

use super::config::SessionWindow;
use super::fate::Sending;
use super::ledger::{Entry, Outcome};
use super::message::{self, Address, Call, Kind};
use super::plan::{Override, plan};
use super::queue::{Event, Status};
use super::reply;
use super::send::Incoming;
use super::state::State;
use super::wamid;

/// How a send is accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Acceptance {
    /// One of those that mean accepted.
    pub(crate) outcome: Outcome,
    pub(crate) receipts: Override,
}

impl State {
    /// Returns the answer, and the status to be told before it. Only sends that are answered at once have one.
    pub(crate) fn accept(&mut self, sending: &Sending<'_>, acceptance: Acceptance) -> (Reply, Option<Event>) {
        let index = self.write(sending, acceptance.outcome, 0).expect("only refusals go without a record");
        self.numbers.all[sending.number as usize].accepted += 1;
        let fails = self.config.session_window == SessionWindow::FailLater && self.is_outside(sending);
        let receipts = if fails { Override::Fail { code: 131_047 } } else { acceptance.receipts };
        let mut early = self.plan_receipts(index, sending.draft.kind, receipts);
        if acceptance.outcome != Outcome::Accepted
            && let Some(event) = early.take()
        {
            self.enqueue(self.clock.now(), event);
        }
        (self.success(index, sending), early)
    }

    /// Writes a send down. `code` is that of a refusal.
    pub(crate) fn write(&mut self, sending: &Sending<'_>, outcome: Outcome, code: u32) -> Option<u32> {
        let entry = Entry {
            arrived_at: sending.incoming.arrived_at,
            callback: sending.draft.callback.as_deref(),
            number: sending.number,
            recipient: sending.recipient,
            template: sending.template,
            code,
            kind: sending.draft.kind,
            outcome,
            body: &sending.incoming.body,
        };
        self.ledger.write(&entry, self.config.bodies_kept)
    }

    /// Plans all statuses of an accepted send but an early one, which is returned.
    fn plan_receipts(&mut self, index: u32, kind: Kind, receipts: Override) -> Option<Event> {
        if !self.wants_webhooks() {
            return None;
        }
        let (now, unix_s) = (self.clock.now(), clock::unix_s());
        let mut plan = plan(&self.config.receipts, self.config.seed, index.into(), receipts);
        if kind == Kind::Reaction {
            // Nobody is told that a reaction was delivered or read.
            plan.statuses.retain(|planned| !matches!(planned.status, Status::Delivered | Status::Read));
        }
        for planned in plan.statuses {
            let unix_s = unix_s + planned.happens_ns / 1_000_000_000;
            self.enqueue(now + planned.told_ns, Event::Status { record: index, unix_s, status: planned.status });
        }
        plan.early.then_some(Event::Status { record: index, unix_s, status: Status::Sent })
    }

    /// Carries out a send that was to be accepted later. Nothing when its number or form was lost.
    pub(crate) fn accept_late(&mut self, incoming: &Incoming<'_>) -> Option<Reply> {
        let number = self.numbers.find(incoming.number)?;
        let Ok(Call::Send(draft)) = message::parse(&incoming.body, incoming.path) else {
            return None;
        };
        let waba_id = &self.numbers.get(number).number.waba_id;
        let template = draft.template.as_ref().and_then(|template| self.templates.find(waba_id, template).ok());
        let recipient = self.ledger.recipient_id(&draft.recipient.id);
        let sending = Sending { incoming, draft: &draft, number, recipient, template };
        let (reply, early) = self.accept(&sending, Acceptance { outcome: Outcome::Accepted, receipts: Override::None });
        if let Some(event) = early {
            self.enqueue(self.clock.now(), event);
        }
        Some(reply)
    }

    fn success(&self, index: u32, sending: &Sending<'_>) -> Reply {
        let draft = sending.draft;
        let id = &*draft.recipient.id;
        let by_user_id = draft.recipient.address == Address::User;
        let template = sending.template.and_then(|at| self.templates.get(at));
        let message_status = template.map_or("accepted", |template| &template.message_status);
        reply::ok(&Success {
            messaging_product: "whatsapp",
            contacts: [Contact {
                input: &draft.input,
                wa_id: (!by_user_id).then_some(id),
                user_id: by_user_id.then_some(id),
            }],
            messages: [Message {
                id: wamid::outbound(id, self.config.seed, (self.epoch, index)),
                message_status: (draft.kind == Kind::Template).then_some(message_status),
            }],
        })
    }
}

#[derive(Serialize)]
struct Success<'a> {
    messaging_product: &'static str,
    contacts: [Contact<'a>; 1],
    messages: [Message<'a>; 1],
}

/// By one of the two the recipient was addressed.
#[derive(Serialize)]
struct Contact<'a> {
    input: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    wa_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Message<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_status: Option<&'a str>,
}
