//! Double opt-in: a consent that counts once the person has said yes a second time, from the address itself.
//!
//! Whoever asks gets a link and sends it as they like; only the person who reads it there can press the button. A revocation
//! that came after the question wins over a later yes: somebody who said stop in between is not brought back by an old link,
//! and can be asked anew.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    account::Channel,
    consent::{Consent, ConsentAction, OptInState, Purpose},
    ids::{ConsentId, ContactId, OptInId, TenantId},
    limits::{OPT_IN_LASTS, OPT_INS_PENDING_MAX},
};
pub use postroad_store::opt_ins::OptIn;
use postroad_store::{
    Error, SystemTx, TenantTx,
    contacts::{self, Address},
    opt_ins,
    people::{self, ConsentRow},
};
use serde_json::json;

use crate::{
    App,
    addresses::masked,
    business::{self, Writer},
    consents::WORDING_CHARS_MAX,
    contacts::{ContactError, absent, check},
    text,
    tokens::{self, Token},
};

/// Something a person is to be asked for. Never printed.
pub struct NewOptIn {
    pub channel: Channel,
    /// In any spelling; one of the contact's.
    pub address: String,
    /// Marketing or transactional.
    pub purpose: Purpose,
    /// Where the person said yes first: `form`. 1 to 100 characters.
    pub source: String,
    /// The words that the person agrees to. 1 to 2,000 characters.
    pub wording: String,
}

/// Why nobody is asked.
#[derive(Debug, thiserror::Error)]
pub enum OptInError {
    #[error(transparent)]
    Contact(#[from] ContactError),
    #[error("the contact has no such {0} address")]
    UnknownAddress(Channel),
    #[error("nobody has to agree to answers: the purpose is marketing or transactional")]
    Purpose,
    #[error("the source does not have 1 to 100 characters")]
    Source,
    #[error("the wording does not have 1 to {WORDING_CHARS_MAX} characters")]
    Wording,
    #[error("{OPT_INS_PENDING_MAX} opt-ins of this address wait already")]
    TooManyPending,
    #[error(transparent)]
    Store(#[from] Error),
}

/// An opt-in that waits. The token is told here and never again.
pub struct Asked {
    pub opt_in: OptIn,
    pub token: Token,
}

/// Records that a person is asked, for seven days.
pub async fn ask(app: &App, tenant: TenantId, contact: ContactId, new: NewOptIn) -> Result<Asked, OptInError> {
    check_words(&new)?;
    let spelling = check::address(new.channel, &new.address, None)?;
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    // Held, so that nobody asks the same person too often at once.
    if contacts::lock(&mut tx, contact).await?.is_none() {
        return Err(absent(&mut tx, contact).await.into());
    }
    let addresses = contacts::addresses(&mut tx, &[contact]).await?;
    let address = addresses.into_iter().find(|known| known.channel == new.channel && known.address == spelling);
    let address = address.ok_or(OptInError::UnknownAddress(new.channel))?;
    if opt_ins::count_pending(&mut tx, address.id, now).await? >= OPT_INS_PENDING_MAX {
        return Err(OptInError::TooManyPending);
    }
    let (opt_in, token) = (pending(new, address, now), Token::generate());
    opt_ins::insert(&mut tx, &opt_in, &token.hash()).await?;
    tx.commit().await?;
    Ok(Asked { opt_in, token })
}

fn check_words(new: &NewOptIn) -> Result<(), OptInError> {
    if new.purpose == Purpose::Conversational {
        return Err(OptInError::Purpose);
    }
    if !text::fits(&new.source, 1..=100) {
        return Err(OptInError::Source);
    }
    if text::fits(&new.wording, 1..=WORDING_CHARS_MAX) { Ok(()) } else { Err(OptInError::Wording) }
}

fn pending(new: NewOptIn, address: Address, now: DateTime<Utc>) -> OptIn {
    OptIn {
        id: OptInId::new(now),
        address_id: address.id,
        channel: new.channel,
        address: address.address,
        purpose: new.purpose,
        source: new.source,
        wording: new.wording,
        state: OptInState::Pending,
        requested_at: now,
        expires_at: now + OPT_IN_LASTS,
        decided_at: None,
    }
}

/// Where an opt-in stands at `now`.
pub fn standing(opt_in: &OptIn, now: DateTime<Utc>) -> OptInState {
    match opt_in.state {
        OptInState::Pending if opt_in.expires_at <= now => OptInState::Expired,
        state => state,
    }
}

/// A contact's opt-ins over all its addresses, the last asked first.
pub async fn list(
    app: &App,
    tenant: TenantId,
    contact: ContactId,
    before: Option<OptInId>,
    limit: i64,
) -> Result<Vec<OptIn>, OptInError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if contacts::find(&mut tx, contact).await?.is_none() {
        return Err(absent(&mut tx, contact).await.into());
    }
    Ok(opt_ins::list(&mut tx, contact, before, limit).await?)
}

/// What the person sees of it.
pub struct Question {
    /// Who asks.
    pub writer: Writer,
    pub channel: Channel,
    /// Enough of the address for its owner to know it.
    pub masked: String,
    pub wording: String,
    pub state: OptInState,
}

/// What a link asks. None: it leads nowhere.
pub async fn look(app: &App, token: &str) -> Result<Option<Question>, Error> {
    let Some((mut tx, opt_in, word)) = find(app, token).await? else { return Ok(None) };
    let state = verdict(&opt_in, word, app.clock.now());
    question(&mut tx, opt_in, state).await.map(Some)
}

async fn find(app: &App, token: &str) -> Result<Option<(TenantTx, OptIn, Option<Consent>)>, Error> {
    let Some(hash) = tokens::hash(token) else { return Ok(None) };
    let mut system = SystemTx::begin(&app.store).await?;
    let Some((tenant, id)) = opt_ins::find(&mut system, &hash).await? else { return Ok(None) };
    drop(system);
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let found = opt_ins::lock(&mut tx, id).await?;
    Ok(found.map(|(opt_in, word)| (tx, opt_in, word)))
}

/// Where it stands, with what the person said since. Of one instant the revocation counts, as in the ledger.
fn verdict(opt_in: &OptIn, word: Option<Consent>, now: DateTime<Utc>) -> OptInState {
    let taken_back = word.is_some_and(|word| word.action == ConsentAction::Revoked && word.at >= opt_in.requested_at);
    match standing(opt_in, now) {
        OptInState::Pending if taken_back => OptInState::Withdrawn,
        state => state,
    }
}

async fn question(tx: &mut TenantTx, opt_in: OptIn, state: OptInState) -> Result<Question, Error> {
    let writer = business::writer(tx).await?;
    let masked = masked(opt_in.channel, &opt_in.address);
    Ok(Question { writer, channel: opt_in.channel, masked, wording: opt_in.wording, state })
}

/// The person says yes: what is pending becomes a consent, once. None: the link leads nowhere.
pub async fn confirm(app: &App, token: &str) -> Result<Option<Question>, Error> {
    let Some((mut tx, opt_in, word)) = find(app, token).await? else { return Ok(None) };
    let now = app.clock.now();
    let state = match verdict(&opt_in, word, now) {
        OptInState::Pending => grant(&mut tx, &opt_in, now).await?,
        OptInState::Withdrawn => {
            opt_ins::decide(&mut tx, opt_in.id, OptInState::Withdrawn, now).await?;
            OptInState::Withdrawn
        }
        state => state,
    };
    let question = question(&mut tx, opt_in, state).await?;
    tx.commit().await?;
    Ok(Some(question))
}

async fn grant(tx: &mut TenantTx, opt_in: &OptIn, now: DateTime<Utc>) -> Result<OptInState, Error> {
    let evidence = json!({ "opt_in": opt_in.id, "asked_at": opt_in.requested_at, "confirmed_at": now });
    let entry = ConsentRow {
        id: ConsentId::new(now),
        address: opt_in.address_id,
        channel: opt_in.channel,
        purpose: opt_in.purpose,
        action: ConsentAction::Granted,
        source: opt_in.source.clone(),
        wording: Some(opt_in.wording.clone()),
        evidence: evidence.to_string(),
        occurred_at: now,
    };
    people::insert_consents(tx, vec![entry], now).await?;
    opt_ins::decide(tx, opt_in.id, OptInState::Confirmed, now).await?;
    Ok(OptInState::Confirmed)
}

/// How long one that nobody confirmed is kept after its time is over.
pub(crate) const UNCONFIRMED_KEPT: TimeDelta = TimeDelta::days(30);
