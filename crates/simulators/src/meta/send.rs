//! `POST /{phone number id}/messages`, seen from the connection: what is answered, when, and whether at all.
//!
//! Nothing here decides whether a send is accepted: `fate.rs` does, under the lock, before anything is answered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::server::{Cut, Line, Reply};

use super::Meta;
use super::deliver;
use super::message::Path;
use super::queue::Event;

/// A call as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Incoming<'a> {
    pub(crate) number: &'a str,
    pub(crate) token: Option<&'a str>,
    pub(crate) path: Path,
    pub(crate) body: Bytes,
    pub(crate) arrived_at: u64,
}

/// What is left to do once the ledger is written.
#[derive(Debug)]
pub(crate) enum Step {
    Answer(Reply),
    AnswerAfter {
        ms: u64,
        reply: Reply,
    },
    /// Tell this status first.
    AnswerAfterStatus {
        event: Event,
        reply: Reply,
    },
    Cut,
    /// Nothing is written yet.
    AcceptAfter {
        ms: u64,
    },
}

pub(crate) async fn send(meta: &Arc<Meta>, incoming: Incoming<'_>, line: &Line) -> Result<Reply, Cut> {
    let step = meta.state.lock().receive(&incoming);
    match step {
        Step::Answer(reply) => Ok(reply),
        Step::AnswerAfter { ms, reply } => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(reply)
        }
        Step::AnswerAfterStatus { event, reply } => {
            // An error means that the delivery ended with the server.
            let _ = deliver::deliver_now(meta, event).await;
            Ok(reply)
        }
        Step::Cut => Err(line.cut()),
        Step::AcceptAfter { ms } => slow(meta, &incoming, ms).await,
    }
}

/// Accepts after a while in a task of its own: what was read is carried out, also when the caller has left.
async fn slow(meta: &Arc<Meta>, incoming: &Incoming<'_>, ms: u64) -> Result<Reply, Cut> {
    let (meta, number, path) = (Arc::clone(meta), incoming.number.to_owned(), incoming.path);
    let (body, arrived_at) = (incoming.body.clone(), incoming.arrived_at);
    let epoch = meta.state.lock().epoch;
    let accepted = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        let mut state = meta.state.lock();
        let incoming = Incoming { number: &number, token: None, path, body, arrived_at };
        if state.epoch == epoch { state.accept_late(&incoming) } else { None }
    });
    accepted.await.ok().flatten().ok_or(Cut)
}
