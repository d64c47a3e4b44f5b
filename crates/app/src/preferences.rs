//! What a person wants to hear and where, said by the person on a page that a link opens.
//!
//! A link is a right of whoever has it: it shows addresses masked, and changes nothing but consents. It ends with erasure.
//! "Stop" is what a STOP by message is: both purposes are revoked at every address, and nothing goes onto the suppression
//! list, which is for those who must not be asked again.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    consent::{Consent, ConsentAction, Purpose},
    ids::{AddressId, ConsentId, ContactId, LinkId, MessageId, TenantId},
    limits::LINK_KEPT,
};
use postroad_store::{
    Error, SystemTx, TenantTx,
    contact_links::{self, Link, NewLink},
    contacts::{self, Address, Contact},
    people::{self, ConsentRow},
};
use serde_json::json;

use crate::{
    App,
    addresses::masked,
    business::{self, Writer},
    contacts::{ContactError, absent},
    tokens::{self, Token},
};

/// Of what a person can choose. Answers to what the person writes need no consent.
pub const PURPOSES: [Purpose; 2] = [Purpose::Marketing, Purpose::Transactional];

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error(transparent)]
    Contact(#[from] ContactError),
    #[error("there is no message {0} to this contact")]
    UnknownMessage(MessageId),
    #[error(transparent)]
    Store(#[from] Error),
}

/// A link that was made. The token is told here and never again.
pub struct Made {
    pub id: LinkId,
    pub token: Token,
    pub created_at: DateTime<Utc>,
}

/// Makes a link to a contact's own page. With a message, unsubscribing by it is about that message's address.
pub async fn link(
    app: &App,
    tenant: TenantId,
    contact: ContactId,
    message: Option<MessageId>,
) -> Result<Made, LinkError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if contacts::lock(&mut tx, contact).await?.is_none() {
        return Err(absent(&mut tx, contact).await.into());
    }
    if let Some(message) = message
        && contact_links::message_to(&mut tx, contact, message).await?.is_none()
    {
        return Err(LinkError::UnknownMessage(message));
    }
    let (id, token) = (LinkId::new(now), Token::generate());
    contact_links::insert(&mut tx, &NewLink { id, contact, message, token: token.hash() }, now).await?;
    tx.commit().await?;
    Ok(Made { id, token, created_at: now })
}

/// What a person sees of themselves.
pub struct Preferences {
    pub writer: Writer,
    /// The person's own, if it is known: `en`, `pt-BR`.
    pub language: Option<String>,
    /// Oldest first, at most 10,000.
    pub entries: Vec<Entry>,
}

/// One address.
pub struct Entry {
    pub address: AddressId,
    pub channel: Channel,
    /// Enough of it for its owner to know it.
    pub masked: String,
    pub marketing: bool,
    pub transactional: bool,
    /// Nothing is sent there, whatever was agreed to.
    pub is_suppressed: bool,
}

impl Entry {
    fn of(address: &Address) -> Self {
        Self {
            address: address.id,
            channel: address.channel,
            masked: masked(address.channel, &address.address),
            marketing: is_on(address, Purpose::Marketing),
            transactional: is_on(address, Purpose::Transactional),
            is_suppressed: address.is_suppressed,
        }
    }
}

const fn word(address: &Address, purpose: Purpose) -> Option<Consent> {
    match purpose {
        Purpose::Marketing => address.marketing,
        Purpose::Transactional | Purpose::Conversational => address.transactional,
    }
}

fn is_on(address: &Address, purpose: Purpose) -> bool {
    word(address, purpose).is_some_and(|word| word.action == ConsentAction::Granted)
}

/// One thing to choose.
pub type Switch = (AddressId, Purpose);

/// What somebody asks for on the page.
pub enum Wish {
    /// Of what was shown, what is to be on; the rest of it is to be off.
    Choose {
        shown: BTreeSet<Switch>,
        on: BTreeSet<Switch>,
    },
    StopEverything,
    /// By the link of a message: no marketing to its address any more, and nothing of its own purpose. By another link: no
    /// marketing anywhere (RFC 8058).
    Unsubscribe,
}

/// The words that a person saw beside what they chose, for the ledger.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// `en`, `de`.
    pub language: &'static str,
    pub marketing: &'static str,
    pub transactional: &'static str,
}

/// What a link shows. None: it leads nowhere.
pub async fn open(app: &App, token: &str) -> Result<Option<Preferences>, Error> {
    let Some(link) = find(app, token).await? else { return Ok(None) };
    let mut tx = TenantTx::begin(&app.store, link.tenant).await?;
    let Some(contact) = contacts::find(&mut tx, link.contact).await? else { return Ok(None) };
    page(&mut tx, contact).await.map(Some)
}

async fn find(app: &App, token: &str) -> Result<Option<Link>, Error> {
    let from = app.clock.now() - LINK_KEPT;
    if let Some(hash) = tokens::hash(token) {
        let mut tx = SystemTx::begin(&app.store).await?;
        return contact_links::find(&mut tx, &hash, from).await;
    }
    let Some(token) = tokens::of_message(token) else { return Ok(None) };
    let Some(of) = tokens::proven(app, &token).await? else { return Ok(None) };
    let mut tx = SystemTx::begin(&app.store).await?;
    contact_links::of_message(&mut tx, of, from).await
}

async fn page(tx: &mut TenantTx, contact: Contact) -> Result<Preferences, Error> {
    let writer = business::writer(tx).await?;
    let addresses = contacts::addresses(tx, &[contact.id]).await?;
    Ok(Preferences { writer, language: contact.language, entries: addresses.iter().map(Entry::of).collect() })
}

/// Does what a person asks for, and returns what they see then. Only what changes is written: asking twice adds nothing.
/// `words`: what stood on the page, by the person's own language. None: the link leads nowhere.
pub async fn carry_out(
    app: &App,
    token: &str,
    wish: &Wish,
    words: impl FnOnce(Option<&str>) -> Shown + Send,
) -> Result<Option<Preferences>, Error> {
    let Some(link) = find(app, token).await? else { return Ok(None) };
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, link.tenant).await?;
    let Some(contact) = contacts::lock(&mut tx, link.contact).await? else { return Ok(None) };
    let addresses = contacts::addresses(&mut tx, &[contact.id]).await?;
    let changes = match wish {
        Wish::Choose { shown, on } => chosen(&addresses, shown, on),
        Wish::StopEverything => stopped(&addresses, |_, _| true),
        Wish::Unsubscribe => unsubscribed(&mut tx, &link, &addresses).await?,
    };
    let shown = words(contact.language.as_deref());
    let entries = changes.into_iter().map(|change| entry(&change, wish, &link, shown, now)).collect();
    people::insert_consents(&mut tx, entries, now).await?;
    let preferences = page(&mut tx, contact).await?;
    tx.commit().await?;
    Ok(Some(preferences))
}

/// What is to be written of one address.
struct Change {
    address: AddressId,
    channel: Channel,
    purpose: Purpose,
    action: ConsentAction,
}

/// Only what stood on the page: nobody loses an address that came since.
fn chosen(addresses: &[Address], shown: &BTreeSet<Switch>, on: &BTreeSet<Switch>) -> Vec<Change> {
    let mut changes = Vec::new();
    for address in addresses {
        for purpose in PURPOSES.into_iter().filter(|purpose| shown.contains(&(address.id, *purpose))) {
            let wanted = on.contains(&(address.id, purpose));
            if wanted != is_on(address, purpose) {
                let action = if wanted { ConsentAction::Granted } else { ConsentAction::Revoked };
                changes.push(Change { address: address.id, channel: address.channel, purpose, action });
            }
        }
    }
    changes
}

/// Whatever is meant and was not revoked before, even where nothing was said: no list may grant it afterwards.
fn stopped(addresses: &[Address], is_meant: impl Fn(AddressId, Purpose) -> bool) -> Vec<Change> {
    let mut changes = Vec::new();
    for address in addresses {
        for purpose in PURPOSES.into_iter().filter(|purpose| is_meant(address.id, *purpose)) {
            if word(address, purpose).is_none_or(|word| word.action == ConsentAction::Granted) {
                let action = ConsentAction::Revoked;
                changes.push(Change { address: address.id, channel: address.channel, purpose, action });
            }
        }
    }
    changes
}

async fn unsubscribed(tx: &mut TenantTx, link: &Link, addresses: &[Address]) -> Result<Vec<Change>, Error> {
    let said = match link.message {
        Some(message) => contact_links::message_to(tx, link.contact, message).await?,
        None => None,
    };
    Ok(match said {
        Some((to, of)) => {
            stopped(addresses, |id, purpose| id == to && (purpose == Purpose::Marketing || purpose == of))
        }
        None => stopped(addresses, |_, purpose| purpose == Purpose::Marketing),
    })
}

fn entry(change: &Change, wish: &Wish, link: &Link, shown: Shown, now: DateTime<Utc>) -> ConsentRow {
    let (source, asked) = match wish {
        Wish::Choose { .. } => ("preference_page", "choose"),
        Wish::StopEverything => ("preference_page", "stop_everything"),
        Wish::Unsubscribe => ("unsubscribe_link", "unsubscribe"),
    };
    let words = if change.purpose == Purpose::Marketing { shown.marketing } else { shown.transactional };
    ConsentRow {
        id: ConsentId::new(now),
        address: change.address,
        channel: change.channel,
        purpose: change.purpose,
        action: change.action,
        source: source.to_owned(),
        wording: matches!(wish, Wish::Choose { .. }).then(|| words.to_owned()),
        evidence: evidence(link, asked, shown, now),
        occurred_at: now,
    }
}

fn evidence(link: &Link, asked: &str, shown: Shown, now: DateTime<Utc>) -> String {
    let mut told = json!({ "asked": asked, "language": shown.language, "at": now });
    match (link.id, link.message) {
        (Some(id), _) => told["link"] = json!(id),
        (None, message) => told["message"] = json!(message),
    }
    told.to_string()
}
