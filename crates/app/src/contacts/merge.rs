//! Who is new, who is known, and what is said of whom: a pure function from rows and what is stored to what to write.
//!
//! Rows are taken in order, each seeing what the earlier ones made, as if they had come one by one. A row with the key of
//! one person and the address of another is refused: nobody's messages go to somebody else because of a typing error.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    consent::{Consent, ConsentAction, Purpose},
    ids::{AddressId, ConsentId, ContactId},
    limits::TAGS_MAX,
    tag::TagError,
};
use postroad_store::people::{ConsentRow, KnownAddress, KnownKey, NewAddress, Person};

use super::ContactError;

/// What one row says. Addresses are in their one spelling, at least one address or a key.
#[derive(Clone, Default)]
pub(crate) struct Row {
    pub(crate) external_key: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
    /// In their one spelling. A known contact gets them besides its own.
    pub(crate) tags: Vec<String>,
    pub(crate) addresses: Vec<(Channel, String)>,
    /// Said at every address of the row.
    pub(crate) consents: Vec<Said>,
}

/// A word about consent.
#[derive(Clone)]
pub(crate) struct Said {
    pub(crate) purpose: Purpose,
    pub(crate) action: ConsentAction,
    pub(crate) source: String,
    pub(crate) wording: Option<String>,
    /// A JSON object.
    pub(crate) evidence: String,
    pub(crate) occurred_at: DateTime<Utc>,
    pub(crate) weight: Weight,
}

/// Whether a word is always recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Somebody says so now, or when is known: the ledger decides by the instant.
    Statement,
    /// A line of a list. It grants only where the person has said nothing, and revokes only what was granted before: an old
    /// list never overrides a "stop", and reading it twice adds nothing.
    Hearsay,
}

/// What is stored of the keys and addresses in the rows.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) keys: Vec<KnownKey>,
    pub(crate) addresses: Vec<KnownAddress>,
}

/// What to write, and what became of each row.
#[derive(Default)]
pub(crate) struct Merged {
    pub(crate) fates: Vec<Fate>,
    pub(crate) new: Vec<Person>,
    pub(crate) changed: Vec<Person>,
    pub(crate) addresses: Vec<NewAddress>,
    /// Of addresses that are new, and are written with what these come to.
    pub(crate) first_consents: Vec<ConsentRow>,
    pub(crate) consents: Vec<ConsentRow>,
}

impl Merged {
    /// Contacts that were there before and are written to, each once.
    pub(crate) fn known(&self) -> Vec<ContactId> {
        let new: HashSet<ContactId> = self.new.iter().map(|person| person.id).collect();
        let owners = self.addresses.iter().map(|address| address.contact).filter(|id| !new.contains(id));
        let known: BTreeSet<ContactId> = self.changed.iter().map(|person| person.id).chain(owners).collect();
        known.into_iter().collect()
    }
}

/// What became of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Created(ContactId),
    Updated(ContactId),
    /// One of its addresses, or its key, belongs to somebody else.
    Conflict,
    /// An earlier row is about the same person, and one was to be all.
    Duplicate,
    /// With those that it has, the contact would have too many.
    TooManyTags,
}

impl Fate {
    /// Whose row it was, or why it was not taken.
    pub(crate) fn whose(self) -> Result<ContactId, ContactError> {
        match self {
            Self::Created(id) | Self::Updated(id) => Ok(id),
            Self::Conflict | Self::Duplicate => Err(ContactError::Taken),
            Self::TooManyTags => Err(TagError::TooMany.into()),
        }
    }
}

/// How many rows may be about one person.
pub(crate) enum Rows {
    Many,
    /// One, and these people have had theirs.
    One(HashSet<ContactId>),
}

pub(crate) fn merge(rows: &[Row], known: Known, allowed: Rows, now: DateTime<Utc>) -> Merged {
    let mut merger = Merger::new(known, allowed, now);
    for row in rows {
        let fate = merger.take(row);
        merger.fates.push(fate);
    }
    merger.finish()
}

/// An address on its way to the database, or there already.
struct Reached {
    id: AddressId,
    contact: ContactId,
    /// The word that counts for marketing, and for the rest.
    marketing: Option<Consent>,
    transactional: Option<Consent>,
    is_new: bool,
}

/// A contact that the rows make or change.
struct Draft {
    person: Person,
    attributes: BTreeMap<String, String>,
    tags: BTreeSet<String>,
    is_new: bool,
}

struct Merger {
    now: DateTime<Utc>,
    allowed: Rows,
    by_key: HashMap<String, ContactId>,
    /// Keys that lead to their contact and are not its own.
    former: HashSet<String>,
    key_of: HashMap<ContactId, String>,
    /// Tags that are stored.
    tags_of: HashMap<ContactId, Vec<String>>,
    reached: HashMap<(Channel, String), Reached>,
    drafts: HashMap<ContactId, Draft>,
    /// In the order in which they were first named.
    order: Vec<ContactId>,
    fates: Vec<Fate>,
    first_consents: Vec<ConsentRow>,
    consents: Vec<ConsentRow>,
}

impl Merger {
    fn new(known: Known, allowed: Rows, now: DateTime<Utc>) -> Self {
        let keyed = known.addresses.iter().filter_map(|a| Some((a.external_key.clone()?, a.contact)));
        let named = known.keys.iter().map(|known| (known.key.clone(), known.contact));
        let by_key: HashMap<String, ContactId> = named.chain(keyed).collect();
        let former = known.keys.iter().filter(|known| known.is_former).map(|known| known.key.clone()).collect();
        let tagged = known.keys.iter().map(|known| (known.contact, &known.tags));
        let tagged = tagged.chain(known.addresses.iter().map(|a| (a.contact, &a.tags)));
        let tags_of = tagged.filter(|(_, tags)| !tags.is_empty()).map(|(id, tags)| (id, tags.clone())).collect();
        let key_of = by_key.iter().map(|(key, id)| (*id, key.clone())).collect();
        let reached =
            known.addresses.into_iter().map(|a| ((a.channel, a.address.clone()), Reached::known(&a))).collect();
        Self {
            now,
            allowed,
            by_key,
            former,
            key_of,
            tags_of,
            reached,
            drafts: HashMap::new(),
            order: Vec::new(),
            fates: Vec::new(),
            first_consents: Vec::new(),
            consents: Vec::new(),
        }
    }

    fn take(&mut self, row: &Row) -> Fate {
        let Ok(owner) = self.owner(row) else { return Fate::Conflict };
        if owner.is_some_and(|id| self.had_a_row(id)) {
            return Fate::Duplicate;
        }
        if !self.has_room(owner, &row.tags) {
            return Fate::TooManyTags;
        }
        let id = owner.unwrap_or_else(|| ContactId::new(self.now));
        self.draft(id, owner.is_none(), row);
        for (channel, address) in &row.addresses {
            self.reach(id, *channel, address.clone(), &row.consents);
        }
        if owner.is_none() { Fate::Created(id) } else { Fate::Updated(id) }
    }

    fn had_a_row(&self, id: ContactId) -> bool {
        match &self.allowed {
            Rows::Many => false,
            Rows::One(had) => had.contains(&id) || self.drafts.contains_key(&id),
        }
    }

    /// Whose row it is; none: a new person's. An error if it is two people's.
    fn owner(&self, row: &Row) -> Result<Option<ContactId>, ()> {
        let by_key = row.external_key.as_ref().and_then(|key| self.by_key.get(key)).copied();
        let mut owner = by_key;
        for address in &row.addresses {
            let Some(reached) = self.reached.get(address) else { continue };
            match owner {
                Some(other) if other != reached.contact => return Err(()),
                _ => owner = Some(reached.contact),
            }
        }
        // The key is new, but whoever is reached there goes by another.
        let renamed = by_key.is_none() && row.external_key.is_some();
        match owner {
            Some(contact) if renamed && self.key_of.contains_key(&contact) => Err(()),
            _ => Ok(owner),
        }
    }

    /// With what is stored and what earlier rows added, the contact has not too many tags.
    fn has_room(&self, owner: Option<ContactId>, tags: &[String]) -> bool {
        let Some(id) = owner.filter(|_| !tags.is_empty()) else { return true };
        let stored = self.tags_of.get(&id).into_iter().flatten();
        let added = self.drafts.get(&id).into_iter().flat_map(|draft| &draft.tags);
        stored.chain(added).chain(tags).collect::<BTreeSet<_>>().len() <= TAGS_MAX
    }

    fn draft(&mut self, id: ContactId, is_new: bool, row: &Row) {
        if let Some(key) = &row.external_key {
            self.by_key.insert(key.clone(), id);
            self.key_of.insert(id, key.clone());
        }
        let order = &mut self.order;
        let draft = self.drafts.entry(id).or_insert_with(|| {
            order.push(id);
            Draft { person: nobody(id), attributes: BTreeMap::new(), tags: BTreeSet::new(), is_new }
        });
        draft.add(row);
        if let Some(key) = row.external_key.as_ref().filter(|key| !self.former.contains(*key)) {
            draft.person.external_key = Some(key.clone());
        }
    }

    fn reach(&mut self, contact: ContactId, channel: Channel, address: String, consents: &[Said]) {
        let now = self.now;
        let reached = self.reached.entry((channel, address)).or_insert_with(|| Reached {
            id: AddressId::new(now),
            contact,
            marketing: None,
            transactional: None,
            is_new: true,
        });
        for said in consents {
            if reached.wants(said) {
                reached.note(said);
                let entries = if reached.is_new { &mut self.first_consents } else { &mut self.consents };
                entries.push(entry(reached.id, channel, said, now));
            }
        }
    }

    fn finish(self) -> Merged {
        let Self { order, mut drafts, .. } = self;
        let (new, changed): (Vec<Draft>, Vec<Draft>) =
            order.iter().filter_map(|id| drafts.remove(id)).partition(|draft| draft.is_new);
        let addresses = self.reached.into_iter().filter(|(_, reached)| reached.is_new).map(new_address);
        Merged {
            fates: self.fates,
            new: new.into_iter().map(Draft::into_person).collect(),
            changed: changed.into_iter().map(Draft::into_person).collect(),
            addresses: addresses.collect(),
            first_consents: self.first_consents,
            consents: self.consents,
        }
    }
}

impl Reached {
    const fn known(address: &KnownAddress) -> Self {
        Self {
            id: address.id,
            contact: address.contact,
            marketing: address.marketing,
            transactional: address.transactional,
            is_new: false,
        }
    }

    fn wants(&self, said: &Said) -> bool {
        let stands = match said.purpose {
            Purpose::Marketing => self.marketing,
            _ => self.transactional,
        };
        match (said.weight, stands) {
            (Weight::Statement, _) | (Weight::Hearsay, None) => true,
            (Weight::Hearsay, Some(stands)) => ends(stands, said),
        }
    }

    /// The same rule as the ledger's trigger: the newer word counts, and of two of one instant the revocation.
    fn note(&mut self, said: &Said) {
        let place = match said.purpose {
            Purpose::Marketing => &mut self.marketing,
            Purpose::Transactional => &mut self.transactional,
            Purpose::Conversational => return,
        };
        let word = Consent { action: said.action, at: said.occurred_at };
        if place.is_none_or(|stands| (word.at, word.action) > (stands.at, stands.action)) {
            *place = Some(word);
        }
    }
}

fn ends(stands: Consent, said: &Said) -> bool {
    stands.action == ConsentAction::Granted && said.action == ConsentAction::Revoked && said.occurred_at >= stands.at
}

impl Draft {
    fn add(&mut self, row: &Row) {
        let set = |to: &mut Option<String>, from: &Option<String>| {
            if from.is_some() {
                to.clone_from(from);
            }
        };
        set(&mut self.person.display_name, &row.display_name);
        set(&mut self.person.language, &row.language);
        set(&mut self.person.time_zone, &row.time_zone);
        self.attributes.extend(row.attributes.iter().map(|(name, value)| (name.clone(), value.clone())));
        self.tags.extend(row.tags.iter().cloned());
    }

    fn into_person(self) -> Person {
        let attributes = serde_json::to_string(&self.attributes).expect("a map of texts is JSON");
        Person { attributes, tags: self.tags.into_iter().collect(), ..self.person }
    }
}

const fn nobody(id: ContactId) -> Person {
    Person {
        id,
        external_key: None,
        display_name: None,
        language: None,
        time_zone: None,
        attributes: String::new(),
        tags: Vec::new(),
    }
}

fn new_address(((channel, address), reached): ((Channel, String), Reached)) -> NewAddress {
    let Reached { id, contact, marketing, transactional, .. } = reached;
    NewAddress { id, contact, channel, address, marketing, transactional }
}

fn entry(address: AddressId, channel: Channel, said: &Said, now: DateTime<Utc>) -> ConsentRow {
    ConsentRow {
        id: ConsentId::new(now),
        address,
        channel,
        purpose: said.purpose,
        action: said.action,
        source: said.source.clone(),
        wording: said.wording.clone(),
        evidence: said.evidence.clone(),
        occurred_at: said.occurred_at,
    }
}
