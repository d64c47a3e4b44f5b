//! People: made, found, changed, one or a thousand at a time. Imports of files and words about consent go the same way,
//! through [`merge`].

pub(crate) mod check;
mod erase;
mod export;
pub(crate) mod merge;
#[cfg(test)]
mod merge_tests;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
pub use erase::{erase, everything};
pub use export::Export;
use postroad_core::{
    account::Channel,
    ids::{ContactId, ImportId, TenantId},
    limits::BATCH_MAX,
    tag::{self, TagError},
};
use postroad_store::{
    Error, TenantTx, contacts, merges,
    people::{self, Hand, KnownAddress, KnownKey, Person},
};
pub use postroad_store::{
    contacts::{Address, Contact, Filter},
    people::Tagged,
};

use crate::{
    App,
    addresses::{self, AddressError},
    import::Duplicates,
    patch::Patch,
    zone::UnknownZone,
};
use merge::{Fate, Known, Row, Rows};

/// How often a write is tried again when somebody else made the same person at the same time.
const TRIES_MAX: usize = 5;

/// A contact as a caller describes it. One that is known by its key or an address is changed instead of made twice;
/// what is absent stays as it is. Never printed.
#[derive(Clone, Default)]
pub struct NewContact {
    /// The caller's own key. 1 to 200 characters.
    pub external_key: Option<String>,
    pub display_name: Option<String>,
    /// `en`, `pt-BR`, `en_US`.
    pub language: Option<String>,
    /// An IANA name.
    pub time_zone: Option<String>,
    /// At most 50, names up to 64 and values up to 1,000 characters.
    pub attributes: BTreeMap<String, String>,
    /// In any spelling; a known contact gets them besides its own. It has at most 50.
    pub tags: Vec<String>,
    /// At most 20, in any spelling.
    pub addresses: Vec<(Channel, String)>,
}

/// What changes of one contact.
#[derive(Default)]
pub struct ContactChange {
    pub external_key: Patch<String>,
    pub display_name: Patch<String>,
    pub language: Patch<String>,
    pub time_zone: Patch<String>,
    /// `None` takes an attribute away.
    pub attributes: BTreeMap<String, Option<String>>,
    /// All that the contact has then.
    pub tags: Option<Vec<String>>,
}

/// Why a contact cannot be taken. Never says an address.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    #[error("the contact has neither an address nor a key")]
    NoAddress,
    #[error("the contact has more than 20 addresses")]
    TooManyAddresses,
    #[error("the external key does not have 1 to 200 characters")]
    ExternalKey,
    #[error("the display name does not have 1 to 200 characters")]
    DisplayName,
    #[error("{0:?} is no language; one is written like en, pt-BR or en_US")]
    Language(String),
    #[error(transparent)]
    UnknownZone(#[from] UnknownZone),
    #[error(
        "there are more than 50 attributes, or one is longer than 64 characters for its name and 1,000 for its value"
    )]
    Attributes,
    #[error(transparent)]
    Tags(#[from] TagError),
    #[error("the {channel} address cannot be used: {source}")]
    Address { channel: Channel, source: AddressError },
    #[error("the key or an address belongs to another contact")]
    Taken,
    #[error("there are more than {BATCH_MAX} contacts")]
    TooMany,
    #[error("there is no such contact")]
    NotFound,
    #[error("the contact is part of {0} now")]
    Merged(ContactId),
    #[error(transparent)]
    Store(#[from] Error),
}

impl ContactError {
    /// The stable word for it, in API answers and in the errors of an import.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoAddress => "no_address",
            Self::TooManyAddresses => "too_many_addresses",
            Self::ExternalKey => "invalid_external_key",
            Self::DisplayName => "invalid_display_name",
            Self::Language(_) => "invalid_language",
            Self::UnknownZone(_) => "unknown_time_zone",
            Self::Attributes => "invalid_attributes",
            Self::Tags(TagError::Word) => "invalid_tags",
            Self::Tags(TagError::TooMany) => "too_many_tags",
            Self::Address { source: AddressError::Phone(_), .. } => "invalid_phone",
            Self::Address { source: AddressError::Email, .. } => "invalid_email",
            Self::Address { source: AddressError::Id, .. } => "invalid_address",
            Self::Taken => "address_taken",
            Self::TooMany => "too_many_contacts",
            Self::NotFound => "not_found",
            Self::Merged(_) => "contact_merged",
            Self::Store(_) => "internal",
        }
    }
}

/// A contact that was made or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upserted {
    pub id: ContactId,
    pub created: bool,
}

/// Makes or changes up to 1,000 contacts in one transaction. One that cannot be taken does not stop the others.
pub async fn upsert(
    app: &App,
    tenant: TenantId,
    new: Vec<NewContact>,
    default_region: Option<&str>,
) -> Result<Vec<Result<Upserted, ContactError>>, ContactError> {
    if new.len() > BATCH_MAX {
        return Err(ContactError::TooMany);
    }
    let checked: Vec<Result<Row, ContactError>> = new.into_iter().map(|new| check::row(new, default_region)).collect();
    let rows: Vec<Row> = checked.iter().filter_map(|row| row.as_ref().ok()).cloned().collect();
    let mut fates = write_in_its_own(app, tenant, &rows).await?.into_iter();
    Ok(checked.into_iter().map(|row| row.and_then(|_| upserted(fates.next()))).collect())
}

fn upserted(fate: Option<Fate>) -> Result<Upserted, ContactError> {
    let created = matches!(fate, Some(Fate::Created(_)));
    let id = fate.unwrap_or(Fate::Conflict).whose()?;
    Ok(Upserted { id, created })
}

/// In a transaction of its own; again from the start when somebody else made the same person meanwhile.
pub(crate) async fn write_in_its_own(app: &App, tenant: TenantId, rows: &[Row]) -> Result<Vec<Fate>, Error> {
    let mut tries = 1;
    loop {
        match write_once(app, tenant, rows).await {
            Err(Error::Taken { .. }) if tries < TRIES_MAX => tries += 1,
            other => return other,
        }
    }
}

async fn write_once(app: &App, tenant: TenantId, rows: &[Row]) -> Result<Vec<Fate>, Error> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let fates = write_in_sight(&mut tx, rows, app.clock.now()).await?;
    tx.commit().await?;
    Ok(fates)
}

/// Whose an address is, is asked of everybody; that somebody is changed whom the writer does not see, is refused.
pub(crate) async fn write_in_sight(tx: &mut TenantTx, rows: &[Row], now: DateTime<Utc>) -> Result<Vec<Fate>, Error> {
    let sight = tx.lift().await?;
    let fates = write(tx, rows, None, now).await?;
    let Some(sight) = sight else { return Ok(fates) };
    tx.limit(sight).await?;
    let mut touched: Vec<ContactId> = fates.iter().filter_map(|fate| fate.whose().ok()).collect();
    touched.sort_unstable();
    touched.dedup();
    let seen = contacts::count(tx, &touched).await?;
    if seen == touched.len() { Ok(fates) } else { Err(Error::OutOfSight) }
}

/// Whose rows they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) import: ImportId,
    pub(crate) duplicates: Duplicates,
}

impl Reading {
    const fn hand(self) -> Hand {
        match self.duplicates {
            Duplicates::Refuse => Hand::ImportOnce(self.import),
            Duplicates::Merge => Hand::Import(self.import),
        }
    }
}

/// Writes rows and tells what became of each, in their order.
pub(crate) async fn write(
    tx: &mut TenantTx,
    rows: &[Row],
    reading: Option<Reading>,
    now: DateTime<Utc>,
) -> Result<Vec<Fate>, Error> {
    let keys: Vec<String> = rows.iter().filter_map(|row| row.external_key.clone()).collect();
    let wanted: Vec<(Channel, &str)> =
        rows.iter().flat_map(|row| &row.addresses).map(|(channel, address)| (*channel, address.as_str())).collect();
    let keys = people::known_keys(tx, &keys).await?;
    let addresses = people::known_addresses(tx, &wanted).await?;
    let allowed = allowed(reading, &keys, &addresses);
    let hand = reading.map_or(Hand::Caller, Reading::hand);
    let merged = merge::merge(rows, Known { keys, addresses }, allowed, now);
    if !people::hold(tx, &merged.known()).await? {
        return Err(Error::Taken { constraint: "a contact that was merged meanwhile".to_owned() });
    }
    people::insert(tx, merged.new, hand.import(), now).await?;
    change(tx, merged.changed, hand, now).await?;
    people::insert_addresses(tx, &merged.addresses, now).await?;
    people::insert_consents_of_new(tx, merged.first_consents, now).await?;
    people::insert_consents(tx, merged.consents, now).await?;
    Ok(merged.fates)
}

/// Where each person has one line, every one of them is touched: one who is not got the mark of this import since we looked.
async fn change(tx: &mut TenantTx, people: Vec<Person>, hand: Hand, now: DateTime<Utc>) -> Result<(), Error> {
    let wanted = people.len() as u64;
    let touched = match people::merge(tx, people, hand, now).await {
        // Somebody gave one of them tags since we looked. Looking again tells whose they are too many for.
        Err(Error::Violated { constraint }) if constraint == "contacts_tags_check" => Err(Error::Taken { constraint }),
        other => other,
    }?;
    if matches!(hand, Hand::ImportOnce(_)) && touched < wanted {
        return Err(Error::Taken { constraint: "a line of the same import".to_owned() });
    }
    Ok(())
}

/// Whoever an earlier line of the same file was about carries its import's mark: so nothing about earlier lines is kept in
/// memory, and a reading that goes on after a crash knows them too.
fn allowed(reading: Option<Reading>, keys: &[KnownKey], addresses: &[KnownAddress]) -> Rows {
    let Some(Reading { import, duplicates: Duplicates::Refuse }) = reading else { return Rows::Many };
    let by_key = keys.iter().filter(|known| known.import == Some(import)).map(|known| known.contact);
    let by_address = addresses.iter().filter(|known| known.import == Some(import)).map(|known| known.contact);
    Rows::One(by_key.chain(by_address).collect())
}

/// A contact with where it is reached.
pub struct Profile {
    pub contact: Contact,
    pub addresses: Vec<Address>,
}

pub async fn get(app: &App, tenant: TenantId, id: ContactId) -> Result<Profile, ContactError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let Some(contact) = contacts::find(&mut tx, id).await? else { return Err(absent(&mut tx, id).await) };
    let addresses = contacts::addresses(&mut tx, &[id]).await?;
    Ok(Profile { contact, addresses })
}

/// Why nobody is found by an id: whom it became part of, if that is why.
pub(crate) async fn absent(tx: &mut TenantTx, id: ContactId) -> ContactError {
    match merges::survivor(tx, id).await {
        Ok(into) => into.map_or(ContactError::NotFound, ContactError::Merged),
        Err(error) => error.into(),
    }
}

/// A page, oldest first.
pub async fn list(app: &App, tenant: TenantId, filter: &Filter<'_>) -> Result<Vec<Profile>, ContactError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let contacts = contacts::list(&mut tx, filter).await?;
    let ids: Vec<ContactId> = contacts.iter().map(|contact| contact.id).collect();
    let mut addresses: BTreeMap<ContactId, Vec<Address>> = BTreeMap::new();
    for address in contacts::addresses(&mut tx, &ids).await? {
        addresses.entry(address.contact).or_default().push(address);
    }
    let profile = |contact: Contact| Profile { addresses: addresses.remove(&contact.id).unwrap_or_default(), contact };
    Ok(contacts.into_iter().map(profile).collect())
}

/// The spelling by which a list can be searched for an address.
pub fn search_spelling(text: &str) -> Result<String, AddressError> {
    addresses::normalise_any(text)
}

/// Changes what is named, and returns the contact as it is then.
pub async fn update(
    app: &App,
    tenant: TenantId,
    id: ContactId,
    change: ContactChange,
) -> Result<Profile, ContactError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let Some(mut contact) = contacts::lock(&mut tx, id).await? else { return Err(absent(&mut tx, id).await) };
    apply(change, &mut contact)?;
    check::contact(&contact)?;
    match contacts::update(&mut tx, &contact, now).await {
        Err(Error::Taken { .. }) => return Err(ContactError::Taken),
        other => other?,
    };
    let contact = contacts::find(&mut tx, id).await?.ok_or(ContactError::NotFound)?;
    let addresses = contacts::addresses(&mut tx, &[id]).await?;
    tx.commit().await?;
    Ok(Profile { contact, addresses })
}

fn apply(change: ContactChange, contact: &mut Contact) -> Result<(), TagError> {
    change.external_key.apply(&mut contact.external_key);
    change.display_name.apply(&mut contact.display_name);
    change.language.apply(&mut contact.language);
    change.time_zone.apply(&mut contact.time_zone);
    for (name, value) in change.attributes {
        match value {
            Some(value) => contact.attributes.insert(name, value),
            None => contact.attributes.remove(&name),
        };
    }
    if let Some(tags) = change.tags {
        contact.tags = tag::normalise(tags.iter().map(String::as_str))?;
    }
    Ok(())
}

/// What is to change of the tags of many contacts, in any spelling.
#[derive(Debug, Clone, Default)]
pub struct TagChange {
    pub add: Vec<String>,
    pub remove: Vec<String>,
}

/// Adds tags to up to 1,000 contacts and takes others away, of all or none. Who does not exist is left out.
pub async fn tag(app: &App, tenant: TenantId, ids: &[ContactId], change: &TagChange) -> Result<Tagged, ContactError> {
    if ids.len() > BATCH_MAX {
        return Err(ContactError::TooMany);
    }
    let spelled = |tags: &[String]| tag::normalise(tags.iter().map(String::as_str));
    let change = people::TagChange { add: spelled(&change.add)?, remove: spelled(&change.remove)? };
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let tagged = match people::tag(&mut tx, ids, &change, app.clock.now()).await {
        Err(Error::Violated { .. }) => return Err(TagError::TooMany.into()),
        other => other?,
    };
    tx.commit().await?;
    Ok(tagged)
}

/// The spelling by which a list can be searched for a tag.
pub fn tag_spelling(text: &str) -> Result<String, TagError> {
    tag::spelling(text)
}
