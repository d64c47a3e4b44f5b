//! What people agreed to, as they said it: entries are appended and never changed. A revocation holds from its commit on:
//! an attempt that was decided on older facts does not start.
//!
//! Nothing waits for a consent, so nothing is woken by one: without it a message is refused.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    account::Channel,
    consent::{ConsentAction, Purpose},
    ids::{ConsentId, ContactId, TenantId},
    limits::BATCH_MAX,
};
pub use postroad_store::consents::Entry;
use postroad_store::{Error, TenantTx, consents};
use serde::Serialize;

use crate::{
    App,
    contacts::{
        self, ContactError, check,
        merge::{Fate, Row, Said, Weight},
    },
    requests::{self, Answer, Call, OnceError, Opened},
    text,
};

/// How far a caller's clock may be ahead.
const AHEAD_MAX: TimeDelta = TimeDelta::minutes(5);
pub(crate) const WORDING_CHARS_MAX: usize = 2_000;
const EVIDENCE_BYTES_MAX: usize = 4_096;

/// Something a person said about being written to. Never printed.
pub struct NewConsent {
    pub channel: Channel,
    /// In any spelling. An address that is not known is stored with a new contact: who says "stop" before we knew them is
    /// heard.
    pub address: String,
    pub purpose: Purpose,
    pub action: ConsentAction,
    /// Where it was said: `form`, `api`, `inbound`, `operator`. 1 to 100 characters.
    pub source: String,
    /// The words the person saw or wrote. Up to 2,000 characters.
    pub wording: Option<String>,
    /// A JSON object, up to 4,096 bytes.
    pub evidence: serde_json::Map<String, serde_json::Value>,
    /// None: now.
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Why a consent cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    #[error(transparent)]
    Contact(#[from] ContactError),
    #[error("the source does not have 1 to 100 characters")]
    Source,
    #[error("the wording has more than {WORDING_CHARS_MAX} characters")]
    Wording,
    #[error("the evidence has more than {EVIDENCE_BYTES_MAX} bytes or a null character")]
    Evidence,
    #[error("the instant lies in the future")]
    Future,
    #[error("there are more than {BATCH_MAX} entries")]
    TooMany,
    #[error(transparent)]
    Once(#[from] OnceError),
    #[error(transparent)]
    Store(#[from] Error),
}

/// Records up to 1,000 entries, all or none; returns whose they are, in their order.
pub async fn record(app: &App, tenant: TenantId, new: Vec<NewConsent>) -> Result<Vec<ContactId>, ConsentError> {
    let rows = rows(new, app.clock.now())?;
    whose(contacts::write_in_its_own(app, tenant, &rows).await?)
}

/// The same once per request id. `answer` writes what is told, and told again when the call is repeated.
pub async fn record_once<A: Serialize>(
    app: &App,
    call: &Call,
    new: Vec<NewConsent>,
    answer: impl FnOnce(Vec<ContactId>) -> A + Send,
) -> Result<Answer, ConsentError> {
    let mut open = match requests::open(app, call).await? {
        Opened::Answered(answer) => return Ok(answer),
        Opened::New(open) => open,
    };
    let rows = rows(new, open.now)?;
    let fates = contacts::write_in_sight(&mut open.tx, &rows, open.now).await?;
    Ok(open.close(CREATED, &answer(whose(fates)?)).await?)
}

/// Of HTTP.
const CREATED: u16 = 201;

fn rows(new: Vec<NewConsent>, now: DateTime<Utc>) -> Result<Vec<Row>, ConsentError> {
    if new.len() > BATCH_MAX {
        return Err(ConsentError::TooMany);
    }
    new.into_iter().map(|new| row(new, now)).collect()
}

fn whose(fates: Vec<Fate>) -> Result<Vec<ContactId>, ConsentError> {
    Ok(fates.into_iter().map(Fate::whose).collect::<Result<_, _>>()?)
}

fn row(new: NewConsent, now: DateTime<Utc>) -> Result<Row, ConsentError> {
    check_words(&new)?;
    if new.occurred_at.is_some_and(|at| at > now + AHEAD_MAX) {
        return Err(ConsentError::Future);
    }
    let evidence = serde_json::Value::Object(new.evidence).to_string();
    if evidence.len() > EVIDENCE_BYTES_MAX || evidence.contains("\\u0000") {
        return Err(ConsentError::Evidence);
    }
    let address = check::address(new.channel, &new.address, None)?;
    let said = Said {
        purpose: new.purpose,
        action: new.action,
        source: new.source,
        wording: new.wording,
        evidence,
        occurred_at: new.occurred_at.unwrap_or(now).min(now),
        weight: Weight::Statement,
    };
    Ok(Row { addresses: vec![(new.channel, address)], consents: vec![said], ..Row::default() })
}

fn check_words(new: &NewConsent) -> Result<(), ConsentError> {
    if !text::fits(&new.source, 1..=100) {
        return Err(ConsentError::Source);
    }
    match &new.wording {
        Some(wording) if !text::fits(wording, 0..=WORDING_CHARS_MAX) => Err(ConsentError::Wording),
        _ => Ok(()),
    }
}

/// A contact's entries over all its addresses, the last recorded first.
pub async fn history(
    app: &App,
    tenant: TenantId,
    contact: ContactId,
    before: Option<ConsentId>,
    limit: i64,
) -> Result<Vec<Entry>, ConsentError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(consents::list(&mut tx, contact, before, limit).await?)
}
