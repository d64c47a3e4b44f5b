//! One attempt: from the committed intent to the outcome. Holds no database connection.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use postroad_app::{
    lanes::Attempt,
    outcomes::{Ending, Finished, place_of},
};
use postroad_core::{
    ids::JournalId,
    limits::PRE_WIRE_AGE_MAX,
    provider::{BuildError, Connection, Effect, Fault, FaultClass, Outbound, Outcome, Provider},
    send::Correlation,
};
use postroad_providers::sandbox::{self, Sandbox};
use postroad_store::{facts::Template, inbound::Unread};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    metrics,
    runner::Feedback,
    settler::Settler,
    transport::{Transport, Wire},
};

/// The sandbox answers the same at every run.
const SANDBOX_SEED: u64 = 0;

/// Everything one call needs. Dropping it without [`Call::make`] or [`Call::skip`] leaves the send to the sweeper.
pub(crate) struct Call {
    pub(crate) attempt: Attempt,
    /// When the claim was made, on the monotonic clock.
    pub(crate) claimed: Instant,
    pub(crate) line: Arc<Line>,
    /// A place among the calls in flight.
    pub(crate) place: OwnedSemaphorePermit,
}

/// What all calls of one lane share.
pub(crate) struct Line {
    pub(crate) provider: &'static dyn Provider,
    pub(crate) connection: Arc<Connection>,
    pub(crate) transport: Transport,
    pub(crate) settler: Settler,
    pub(crate) feedback: Arc<Feedback>,
    pub(crate) clock: postroad_core::clock::Clock,
}

impl Call {
    /// Makes the call in a task of its own.
    pub(crate) fn make(self) {
        tokio::spawn(self.run());
    }

    /// Settles the attempt as not tried: due again at once.
    pub(crate) fn skip(self) {
        self.settle(Ending::NotTried, None, Effect::None);
    }

    /// A frozen process may wake long after others took its lane: then nothing leaves any more.
    pub(crate) fn is_too_old(&self) -> bool {
        self.claimed.elapsed() > PRE_WIRE_AGE_MAX.to_std().unwrap_or(Duration::from_secs(4))
    }

    async fn run(self) {
        crash_point!("after_intent");
        let (ending, status) = self.ending().await;
        let effect = effect(self.line.provider, &ending);
        self.settle(ending, status, effect);
    }

    async fn ending(&self) -> (Ending, Option<u16>) {
        if self.line.provider.name() == Sandbox.name() {
            return (self.rehearse(), None);
        }
        match self.build() {
            Ok(Ok(request)) => self.call(request).await,
            Ok(Err(error)) => (unsendable(&error), None),
            // The payload breaks the adapter: a defect, and no attempt can succeed.
            Err(_) => (Ending::Unsendable { code: "adapter_panicked".into() }, None),
        }
    }

    fn outbound(&self) -> Outbound<'_> {
        let send = &self.attempt.send;
        Outbound {
            to: &send.to,
            content: &send.content,
            correlation: Correlation { message: send.id, attempt: self.attempt.number },
            reply_to: send.reply_to.as_deref(),
            template: send.template.as_ref().map(Template::as_outbound),
            valid_for: send.facts.not_after.map(|at| (at - self.line.clock.now()).to_std().unwrap_or_default()),
        }
    }

    fn build(&self) -> std::thread::Result<Result<http::Request<Vec<u8>>, BuildError>> {
        catch_unwind(AssertUnwindSafe(|| self.line.provider.request(&self.line.connection, &self.outbound())))
    }

    async fn call(&self, request: http::Request<Vec<u8>>) -> (Ending, Option<u16>) {
        if self.is_too_old() {
            metrics::BLOCKED.with_label_values(&["prewire_age"]).inc();
            self.line.feedback.note_late();
            return (Ending::NotTried, None);
        }
        let began = Instant::now();
        let wire = self.line.transport.send(request).await;
        crash_point!("after_answer");
        metrics::SEND_DURATION.with_label_values(&[self.line.provider.name()]).observe(began.elapsed().as_secs_f64());
        self.read(wire)
    }

    fn read(&self, wire: Wire) -> (Ending, Option<u16>) {
        match wire {
            Wire::Answered(response) => {
                let status = response.status().as_u16();
                (Ending::Outcome(self.line.provider.outcome(&response)), Some(status))
            }
            Wire::NotSent { why } => {
                (Ending::NotSent { fault: Fault { code: why.into(), class: FaultClass::Transient } }, None)
            }
            Wire::Ambiguous { why } => {
                let fault = Fault { code: why.into(), class: FaultClass::NoAnswer };
                (Ending::Outcome(Outcome::Unknown { fault }), None)
            }
        }
    }

    /// The sandbox answers in the process.
    fn rehearse(&self) -> Ending {
        let outbound = self.outbound();
        let events =
            sandbox::receipts(&self.line.connection.external_id, &outbound, SANDBOX_SEED, self.line.clock.now());
        self.line.settler.rehearsed(self.as_source(), events);
        Ending::Outcome(sandbox::answer(&outbound, SANDBOX_SEED))
    }

    /// Where the sandbox's receipts come from: the account itself, without a webhook.
    fn as_source(&self) -> Unread {
        let send = &self.attempt.send;
        Unread {
            id: JournalId::from_uuid(send.id.uuid()),
            provider: self.line.provider.name().to_owned(),
            tenant: send.tenant,
            account: send.account,
            external_id: self.line.connection.external_id.clone(),
            business_id: None,
            channel: send.facts.channel,
            url: String::new(),
            body: Vec::new(),
            sealed: false,
            received_at: self.line.clock.now(),
        }
    }

    fn settle(self, ending: Ending, http_status: Option<u16>, effect: Effect) {
        let now = self.line.clock.now();
        self.line.feedback.note(effect, now);
        metrics::count_attempt(self.line.provider.name(), &self.attempt, &ending);
        let finished = finished(&self.attempt, ending, http_status, effect, now);
        self.line.settler.push(finished, self.place);
    }
}

fn finished(
    attempt: &Attempt,
    ending: Ending,
    http_status: Option<u16>,
    effect: Effect,
    now: DateTime<Utc>,
) -> Finished {
    let send = &attempt.send;
    Finished {
        tenant: send.tenant,
        id: send.id,
        account: send.account,
        contact: send.contact,
        address: send.address_id,
        channel: send.facts.channel,
        class: send.facts.class,
        number: attempt.number,
        ending,
        effect,
        http_status,
        counted: send.facts.caps.is_some(),
        place: place_of(send),
        began_at: attempt.began_at,
        finished_at: now,
    }
}

fn effect(provider: &dyn Provider, ending: &Ending) -> Effect {
    match ending {
        // The provider may name a longer rest than its code stands for.
        Ending::Outcome(Outcome::Retry { fault, after }) => match (provider.effect(fault), after) {
            (Effect::Rest(usual), Some(named)) => Effect::Rest(usual.max(*named)),
            (effect, _) => effect,
        },
        Ending::Outcome(Outcome::Rejected { fault }) => provider.effect(fault),
        _ => Effect::None,
    }
}

fn unsendable(error: &BuildError) -> Ending {
    let code = match error {
        BuildError::Unsupported { .. } => "unsupported_content",
        BuildError::MissingCredential { .. } => "missing_credential",
        BuildError::Malformed(_) => "malformed_request",
    };
    Ending::Unsendable { code: code.into() }
}
