//! Many people at once: thousands of contacts, addresses and consents, one statement per kind.
//!
//! `copy` cannot go into tables with row-level security, and need not: rows travel as arrays. Deliberately absent: who is
//! new and who is known, which the caller decides from what [`known_keys`] and [`known_addresses`] return.

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    consent::{Consent, ConsentAction, Purpose},
    ids::{AddressId, ConsentId, ContactId, ImportId},
};
use uuid::Uuid;

use crate::{Result, TenantTx};

/// A key that is taken.
pub struct KnownKey {
    pub key: String,
    pub contact: ContactId,
    /// Of its contact.
    pub tags: Vec<String>,
    /// The import that wrote its contact last.
    pub import: Option<ImportId>,
    /// The key of somebody who was merged into its contact: it stays there, and is not the contact's own.
    pub is_former: bool,
}

/// Contacts that have one of these keys, or whoever they became part of.
pub async fn known_keys(tx: &mut TenantTx, keys: &[String]) -> Result<Vec<KnownKey>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    let known = sqlx::query_as!(
        KnownKey,
        r#"
        select c.external_key as "key!", coalesce(w.id, c.id) as "contact!: ContactId", coalesce(w.tags, c.tags) as "tags!",
               case when w.id is null then c.import_id else w.import_id end as "import: ImportId", w.id is not null as "is_former!"
        from   contacts c
        left   join lateral (select n.id, n.tags, n.import_id from contacts n
                             where  n.tenant_id = $1 and n.id = c.merged_into limit 1) w on true
        where  c.tenant_id = $1 and c.external_key = any($2)
        "#,
        tenant.uuid(),
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(known)
}

/// An address that is stored already.
pub struct KnownAddress {
    pub channel: Channel,
    pub address: String,
    pub id: AddressId,
    pub contact: ContactId,
    /// Of its contact.
    pub external_key: Option<String>,
    /// Of its contact.
    pub tags: Vec<String>,
    /// The import that wrote its contact last.
    pub import: Option<ImportId>,
    pub marketing: Option<Consent>,
    pub transactional: Option<Consent>,
}

/// Which of these (channel, address) pairs are stored.
pub async fn known_addresses(tx: &mut TenantTx, wanted: &[(Channel, &str)]) -> Result<Vec<KnownAddress>> {
    let tenant = tx.tenant();
    let channels: Vec<String> = wanted.iter().map(|(channel, _)| channel.as_str().to_owned()).collect();
    let addresses: Vec<String> = wanted.iter().map(|(_, address)| (*address).to_owned()).collect();
    let rows = sqlx::query!(
        r#"
        select a.channel as "channel: Channel", a.address, a.id as "id: AddressId", a.contact_id as "contact: ContactId", c.external_key,
               c.tags, c.import_id as "import: ImportId",
               a.marketing_action as "marketing: ConsentAction", a.marketing_at,
               a.transactional_action as "transactional: ConsentAction", a.transactional_at
        from   unnest($2::text[], $3::text[]) as x (channel, address)
        join   addresses a on a.tenant_id = $1 and a.channel = x.channel and a.address = x.address
        join   contacts c on c.tenant_id = $1 and c.id = a.contact_id
        "#,
        tenant.uuid(),
        &channels,
        &addresses,
    )
    .fetch_all(tx.conn())
    .await?;
    let known = rows.into_iter().map(|row| KnownAddress {
        channel: row.channel,
        address: row.address,
        id: row.id,
        contact: row.contact,
        external_key: row.external_key,
        tags: row.tags,
        import: row.import,
        marketing: consent(row.marketing, row.marketing_at),
        transactional: consent(row.transactional, row.transactional_at),
    });
    Ok(known.collect())
}

fn consent(action: Option<ConsentAction>, at: Option<DateTime<Utc>>) -> Option<Consent> {
    action.zip(at).map(|(action, at)| Consent { action, at })
}

/// A contact to be written; what is absent of a known one stays. Never printed.
#[derive(Clone)]
pub struct Person {
    pub id: ContactId,
    pub external_key: Option<String>,
    pub display_name: Option<String>,
    pub language: Option<String>,
    pub time_zone: Option<String>,
    /// What a known one gets besides, in their one spelling.
    pub tags: Vec<String>,
    /// A JSON object of texts.
    pub attributes: String,
}

/// Contacts as one array per column.
#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    keys: Vec<Option<String>>,
    names: Vec<Option<String>>,
    languages: Vec<Option<String>>,
    zones: Vec<Option<String>>,
    /// Arrays of arrays are no rows: each is one text, divided by what no tag contains.
    tags: Vec<String>,
    attributes: Vec<String>,
}

impl Columns {
    fn of(people: Vec<Person>) -> Self {
        let mut columns = Self::default();
        for person in people {
            columns.ids.push(person.id.uuid());
            columns.keys.push(person.external_key);
            columns.names.push(person.display_name);
            columns.languages.push(person.language);
            columns.zones.push(person.time_zone);
            columns.tags.push(person.tags.join("\u{1f}"));
            columns.attributes.push(person.attributes);
        }
        columns
    }
}

/// Writes new contacts. A key that somebody else took meanwhile is [`crate::Error::Taken`].
pub async fn insert(
    tx: &mut TenantTx,
    people: Vec<Person>,
    import: Option<ImportId>,
    now: DateTime<Utc>,
) -> Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let columns = Columns::of(people);
    sqlx::query!(
        r#"
        insert into contacts (tenant_id, id, external_key, display_name, language, time_zone, attributes, tags, import_id, created_at,
                              updated_at)
        select $1, x.id, x.external_key, x.display_name, x.language, x.time_zone, x.attributes::jsonb, string_to_array(x.tags, chr(31)),
               $9, $10, $10
        from   unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
               as x (id, external_key, display_name, language, time_zone, attributes, tags)
        "#,
        tenant.uuid(),
        &columns.ids,
        &columns.keys as &[Option<String>],
        &columns.names as &[Option<String>],
        &columns.languages as &[Option<String>],
        &columns.zones as &[Option<String>],
        &columns.attributes,
        &columns.tags,
        import.map(ImportId::uuid),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Who adds to contacts.
#[derive(Debug, Clone, Copy)]
pub enum Hand {
    Caller,
    /// Lines of one file may add to one contact several times.
    Import(ImportId),
    /// One line of the file; a contact that has had its line is not touched.
    ImportOnce(ImportId),
}

impl Hand {
    pub const fn import(self) -> Option<ImportId> {
        match self {
            Self::Caller => None,
            Self::Import(id) | Self::ImportOnce(id) => Some(id),
        }
    }
}

/// Holds contacts that are about to be changed, so that nobody merges them meanwhile. False: one of them was merged since it
/// was looked up, and everything must be looked up anew.
pub async fn hold(tx: &mut TenantTx, contacts: &[ContactId]) -> Result<bool> {
    if contacts.is_empty() {
        return Ok(true);
    }
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = contacts.iter().map(|id| id.uuid()).collect();
    let merged = sqlx::query_scalar!(
        r#"
        with held as (
            select c.merged_into from contacts c
            where  c.tenant_id = $1 and c.id = any($2)
            order  by c.id
            for    key share
        )
        select exists (select 1 from held where merged_into is not null) as "merged!"
        "#,
        tenant.uuid(),
        &ids,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(!merged)
}

/// Adds to known contacts what is said of them. A contact of which nothing new is said is not touched; returns how many
/// were.
pub async fn merge(tx: &mut TenantTx, people: Vec<Person>, hand: Hand, now: DateTime<Utc>) -> Result<u64> {
    if people.is_empty() {
        return Ok(0);
    }
    let tenant = tx.tenant();
    let columns = Columns::of(people);
    let done = sqlx::query!(
        r#"
        update contacts c
        set    external_key = coalesce(x.external_key, c.external_key), display_name = coalesce(x.display_name, c.display_name),
               language = coalesce(x.language, c.language), time_zone = coalesce(x.time_zone, c.time_zone),
               attributes = c.attributes || x.attributes::jsonb, import_id = coalesce($9, c.import_id), updated_at = $10,
               tags = case x.tags when '' then c.tags else array(
                   select t from unnest(c.tags || string_to_array(x.tags, chr(31))) t group by t order by t collate "C") end
        from   unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
               as x (id, external_key, display_name, language, time_zone, attributes, tags)
        where  c.tenant_id = $1 and c.id = x.id
        and    (x.external_key <> c.external_key or (c.external_key is null and x.external_key is not null)
             or x.display_name is distinct from c.display_name and x.display_name is not null
             or x.language is distinct from c.language and x.language is not null
             or x.time_zone is distinct from c.time_zone and x.time_zone is not null
             or $9 is distinct from c.import_id and $9 is not null
             or c.attributes || x.attributes::jsonb <> c.attributes
             or x.tags <> '' and not (string_to_array(x.tags, chr(31)) <@ c.tags))
        and    ($11 or c.import_id is distinct from $9)
        "#,
        tenant.uuid(),
        &columns.ids,
        &columns.keys as &[Option<String>],
        &columns.names as &[Option<String>],
        &columns.languages as &[Option<String>],
        &columns.zones as &[Option<String>],
        &columns.attributes,
        &columns.tags,
        hand.import().map(ImportId::uuid),
        now,
        !matches!(hand, Hand::ImportOnce(_)),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// What changes of the tags of many contacts, in their one spelling.
#[derive(Debug, Clone, Default)]
pub struct TagChange {
    pub add: Vec<String>,
    pub remove: Vec<String>,
}

/// What became of a change of tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tagged {
    /// Contacts that exist.
    pub found: i64,
    pub changed: i64,
}

/// Adds tags to contacts and takes others away; of whoever was merged, to and from whom they became. A contact that has them so already is not touched. One that would have too
/// many is [`crate::Error::Violated`].
pub async fn tag(tx: &mut TenantTx, contacts: &[ContactId], change: &TagChange, now: DateTime<Utc>) -> Result<Tagged> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = contacts.iter().map(|id| id.uuid()).collect();
    let tagged = sqlx::query_as!(
        Tagged,
        r#"
        with wanted as (
            select c.id, c.tags as before,
                   array(select t from unnest(c.tags || $3::text[]) t where t <> all($4::text[]) group by t order by t collate "C") as after
            from   contacts c
            where  c.tenant_id = $1 and c.erased_at is null and c.merged_into is null
            and    c.id in (select coalesce(k.merged_into, k.id) from contacts k where k.tenant_id = $1 and k.id = any($2))
            order  by c.id
            for    no key update
        ), changed as (
            update contacts c
            set    tags = w.after, updated_at = $5
            from   wanted w
            where  c.tenant_id = $1 and c.id = w.id and w.after <> w.before
            returning 1
        )
        select (select count(*) from wanted) as "found!", (select count(*) from changed) as "changed!"
        "#,
        tenant.uuid(),
        &ids,
        &change.add,
        &change.remove,
        now,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(tagged)
}

/// A new address of a contact, with what its consent entries of the same transaction come to: so the ledger's trigger
/// finds nothing left to do, and a new address is written once instead of twice.
pub struct NewAddress {
    pub id: AddressId,
    pub contact: ContactId,
    pub channel: Channel,
    pub address: String,
    pub marketing: Option<Consent>,
    pub transactional: Option<Consent>,
}

/// Writes new addresses. One that somebody else took meanwhile is [`crate::Error::Taken`].
pub async fn insert_addresses(tx: &mut TenantTx, new: &[NewAddress], now: DateTime<Utc>) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = new.iter().map(|a| a.id.uuid()).collect();
    let contacts: Vec<Uuid> = new.iter().map(|a| a.contact.uuid()).collect();
    let channels: Vec<String> = new.iter().map(|a| a.channel.as_str().to_owned()).collect();
    let addresses: Vec<String> = new.iter().map(|a| a.address.clone()).collect();
    let word = |consent: Option<Consent>| consent.map(|consent| consent.action.as_str().to_owned());
    let at = |consent: Option<Consent>| consent.map(|consent| consent.at);
    let marketing: Vec<Option<String>> = new.iter().map(|a| word(a.marketing)).collect();
    let marketing_at: Vec<Option<DateTime<Utc>>> = new.iter().map(|a| at(a.marketing)).collect();
    let transactional: Vec<Option<String>> = new.iter().map(|a| word(a.transactional)).collect();
    let transactional_at: Vec<Option<DateTime<Utc>>> = new.iter().map(|a| at(a.transactional)).collect();
    sqlx::query!(
        r#"
        insert into addresses (tenant_id, id, contact_id, channel, address, marketing_action, marketing_at, transactional_action,
                               transactional_at, created_at)
        select $1, x.*, $10
        from   unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::timestamptz[]) as x
        "#,
        tenant.uuid(),
        &ids,
        &contacts,
        &channels,
        &addresses,
        &marketing as &[Option<String>],
        &marketing_at as &[Option<DateTime<Utc>>],
        &transactional as &[Option<String>],
        &transactional_at as &[Option<DateTime<Utc>>],
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// One entry of the consent ledger. Never printed.
pub struct ConsentRow {
    pub id: ConsentId,
    pub address: AddressId,
    pub channel: Channel,
    pub purpose: Purpose,
    pub action: ConsentAction,
    pub source: String,
    pub wording: Option<String>,
    /// A JSON object.
    pub evidence: String,
    pub occurred_at: DateTime<Utc>,
}

/// Appends entries about addresses that this transaction wrote with what the entries come to: nothing is left to bring up
/// to date.
pub async fn insert_consents_of_new(tx: &mut TenantTx, entries: Vec<ConsentRow>, now: DateTime<Utc>) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    mark_applied(tx, "on").await?;
    insert_consents(tx, entries, now).await?;
    mark_applied(tx, "off").await
}

async fn mark_applied(tx: &mut TenantTx, word: &str) -> Result<()> {
    sqlx::query!(r#"select set_config('app.consents_applied', $1, true) as "set!""#, word).fetch_one(tx.conn()).await?;
    Ok(())
}

/// Rows that somebody else holds are waited for no longer than this, until the transaction ends.
pub async fn wait_at_most(tx: &mut TenantTx, ms: u32) -> Result<()> {
    sqlx::query!(r#"select set_config('lock_timeout', $1, true) as "set!""#, ms.to_string())
        .fetch_one(tx.conn())
        .await?;
    Ok(())
}

/// Appends to the ledger; the trigger brings the addresses up to date.
pub async fn insert_consents(tx: &mut TenantTx, entries: Vec<ConsentRow>, now: DateTime<Utc>) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = entries.iter().map(|e| e.id.uuid()).collect();
    let addresses: Vec<Uuid> = entries.iter().map(|e| e.address.uuid()).collect();
    let channels: Vec<String> = entries.iter().map(|e| e.channel.as_str().to_owned()).collect();
    let purposes: Vec<String> = entries.iter().map(|e| e.purpose.as_str().to_owned()).collect();
    let actions: Vec<String> = entries.iter().map(|e| e.action.as_str().to_owned()).collect();
    let occurred_at: Vec<DateTime<Utc>> = entries.iter().map(|e| e.occurred_at).collect();
    let mut sources = Vec::with_capacity(entries.len());
    let mut wordings = Vec::with_capacity(entries.len());
    let mut evidence = Vec::with_capacity(entries.len());
    for entry in entries {
        sources.push(entry.source);
        wordings.push(entry.wording);
        evidence.push(entry.evidence);
    }
    sqlx::query!(
        r#"
        insert into consents (tenant_id, id, address_id, channel, purpose, action, source, wording, evidence, occurred_at, recorded_at)
        select $1, x.id, x.address_id, x.channel, x.purpose, x.action, x.source, x.wording, x.evidence::jsonb, x.occurred_at, $11
        from   unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::timestamptz[])
               as x (id, address_id, channel, purpose, action, source, wording, evidence, occurred_at)
        "#,
        tenant.uuid(),
        &ids,
        &addresses,
        &channels,
        &purposes,
        &actions,
        &sources,
        &wordings as &[Option<String>],
        &evidence,
        &occurred_at,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Brings the planner's idea of the hot tables up to date. Bulk writers end with it.
pub async fn analyze(tx: &mut TenantTx) -> Result<()> {
    sqlx::query!("select analyze_hot()").execute(tx.conn()).await?;
    Ok(())
}
