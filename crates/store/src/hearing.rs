//! What people say, taken in by the hundred: who they are, what they said, and the conversation it belongs to.
//!
//! Rows are always locked in the order of their keys, so that two readers that hear the same people wait for each other and
//! never for each other's rows crosswise.

use std::{
    collections::{HashMap, HashSet},
    hash::BuildHasher,
};

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    account::Channel,
    conversation::ConversationState,
    ids::{AccountId, AddressId, ContactId, ConversationId, MessageId, TenantId},
    message::Content,
};
use uuid::Uuid;

use crate::{Error, Result, SystemTx, bodies::Ward};

/// Who speaks, as the provider names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Speaker<'a> {
    pub tenant: TenantId,
    pub channel: Channel,
    pub address: &'a str,
}

/// Who that is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub contact: ContactId,
    pub address: AddressId,
}

/// How often somebody may be made by another reader between looking and making.
const RACES_MAX: usize = 5;

/// Finds each speaker, or makes a contact for them; the name is for those who are new.
pub async fn know<'a>(
    tx: &mut SystemTx,
    speakers: &HashMap<Speaker<'a>, Option<&'a str>, impl BuildHasher>,
    now: DateTime<Utc>,
) -> Result<HashMap<Speaker<'a>, Known>> {
    let mut wanted: Vec<Speaker<'a>> = speakers.keys().copied().collect();
    let mut known = HashMap::with_capacity(wanted.len());
    for _ in 0..RACES_MAX {
        known.extend(find(tx, &wanted).await?);
        wanted.retain(|speaker| !known.contains_key(speaker));
        if wanted.is_empty() {
            return Ok(known);
        }
        let named: Vec<_> = wanted.iter().map(|speaker| (*speaker, speakers[speaker])).collect();
        introduce(tx, &named, now).await?;
    }
    Err(Error::Corrupt("an address is neither there nor can be made".to_owned()))
}

async fn find<'a>(tx: &mut SystemTx, speakers: &[Speaker<'a>]) -> Result<Vec<(Speaker<'a>, Known)>> {
    let (tenants, channels, addresses) = columns(speakers.iter().copied());
    let rows = sqlx::query!(
        r#"
        select x.place as "place!", d.contact_id as "contact: ContactId", d.id as "address: AddressId"
        from   unnest($1::uuid[], $2::text[], $3::text[]) with ordinality as x (tenant_id, channel, address, place)
        join   addresses d on d.tenant_id = x.tenant_id and d.channel = x.channel and d.address = x.address
        "#,
        &tenants,
        &channels as &[&str],
        &addresses as &[&str],
    )
    .fetch_all(tx.conn())
    .await?;
    let known = |place: i64| usize::try_from(place - 1).ok().and_then(|place| speakers.get(place));
    Ok(rows
        .into_iter()
        .filter_map(|row| Some((*known(row.place)?, Known { contact: row.contact, address: row.address })))
        .collect())
}

fn columns<'a>(speakers: impl Iterator<Item = Speaker<'a>>) -> (Vec<Uuid>, Vec<&'static str>, Vec<&'a str>) {
    let (mut tenants, mut channels, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
    for speaker in speakers {
        tenants.push(speaker.tenant.uuid());
        channels.push(speaker.channel.as_str());
        addresses.push(speaker.address);
    }
    (tenants, channels, addresses)
}

/// Makes contacts for those who are not there. Whoever another reader makes at the same time is left to that one.
async fn introduce(tx: &mut SystemTx, named: &[(Speaker<'_>, Option<&str>)], now: DateTime<Utc>) -> Result<()> {
    let (tenants, channels, addresses) = columns(named.iter().map(|(speaker, _)| *speaker));
    let names: Vec<Option<&str>> = named.iter().map(|(_, name)| *name).collect();
    let contacts: Vec<Uuid> = named.iter().map(|_| ContactId::new(now).uuid()).collect();
    let address_ids: Vec<Uuid> = named.iter().map(|_| AddressId::new(now).uuid()).collect();
    sqlx::query!(
        r#"
        with x as (
            select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::uuid[])
                as x (tenant_id, channel, address, name, contact_id, id)
        ), made as (
            insert into addresses (tenant_id, id, contact_id, channel, address, created_at)
            select x.tenant_id, x.id, x.contact_id, x.channel, x.address, $7 from x
            order  by x.tenant_id, x.channel, x.address
            on conflict (tenant_id, channel, address) do nothing
            returning tenant_id, contact_id
        )
        insert into contacts (tenant_id, id, display_name, created_at, updated_at)
        select x.tenant_id, x.contact_id, left(x.name, 200), $7, $7
        from   x
        join   made m on m.tenant_id = x.tenant_id and m.contact_id = x.contact_id
        "#,
        &tenants,
        &channels as &[&str],
        &addresses as &[&str],
        &names as &[Option<&str>],
        &contacts,
        &address_ids,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// One thing a person said.
#[derive(Debug)]
pub struct Said<'a> {
    pub tenant: TenantId,
    pub account: AccountId,
    pub channel: Channel,
    pub who: Known,
    pub provider_ref: &'a str,
    pub content: &'a Content,
    pub reply_to: Option<&'a str>,
    pub at: DateTime<Utc>,
    /// It starts or renews the provider's session window.
    pub opens_session: bool,
}

/// Stores what was said, each thing once. By place: its id; none: it was there already. Ids rise with the place, so that what
/// was said together is listed in its order.
pub async fn insert_messages(
    tx: &mut SystemTx,
    said: &[Said<'_>],
    now: DateTime<Utc>,
) -> Result<Vec<Option<MessageId>>> {
    let mut ids: Vec<Uuid> = said.iter().map(|_| MessageId::new(now).uuid()).collect();
    ids.sort_unstable();
    let ward = Ward::of(tx, said.iter().map(|one| (one.tenant, one.account)).collect()).await?;
    let content = |(one, id): (&Said<'_>, &Uuid)| ward.content(one.account, MessageId::from_uuid(*id), one.content);
    let contents = said.iter().zip(&ids).map(content).collect::<Result<Vec<_>, _>>()?;
    let fresh = sqlx::query_scalar!(
        r#"
        insert into messages (tenant_id, id, direction, account_id, contact_id, address_id, channel, source, class, purpose, quiet_policy,
                              kind, content, reply_to, provider_ref, created_at)
        select x.tenant_id, x.id, 'inbound', x.account_id, x.contact_id, x.address_id, x.channel, 'contact', 'agent_reply',
               'conversational', 'exempt', x.kind, x.content, x.reply_to, x.provider_ref, x.at
        from   unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::jsonb[], $9::text[],
                      $10::text[], $11::timestamptz[])
               as x (tenant_id, id, account_id, contact_id, address_id, channel, kind, content, reply_to, provider_ref, at)
        order  by x.tenant_id, x.account_id, x.provider_ref
        on conflict (tenant_id, account_id, provider_ref) where provider_ref is not null do nothing
        returning id
        "#,
        &each(said, |one| one.tenant.uuid()),
        &ids,
        &each(said, |one| one.account.uuid()),
        &each(said, |one| one.who.contact.uuid()),
        &each(said, |one| one.who.address.uuid()),
        &each(said, |one| one.channel.as_str()) as &[&str],
        &each(said, |one| one.content.kind()) as &[&str],
        &contents,
        &each(said, |one| one.reply_to) as &[Option<&str>],
        &each(said, |one| one.provider_ref) as &[&str],
        &each(said, |one| one.at),
    )
    .fetch_all(tx.conn())
    .await?;
    let fresh: HashSet<Uuid> = fresh.into_iter().collect();
    Ok(ids.into_iter().map(|id| fresh.contains(&id).then(|| MessageId::from_uuid(id))).collect())
}

fn each<'a, T, V>(rows: &'a [T], value: impl FnMut(&'a T) -> V) -> Vec<V> {
    rows.iter().map(value).collect()
}

/// How long free text may be sent after a person's last message.
pub const WINDOW: TimeDelta = TimeDelta::hours(24);

/// What one person said through one account, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    pub tenant: TenantId,
    pub account: AccountId,
    pub channel: Channel,
    pub address: AddressId,
    /// At least 1.
    pub messages: i32,
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
    /// The last that starts or renews the session window.
    pub session_at: Option<DateTime<Utc>>,
}

impl Turn {
    const fn key(&self) -> (Uuid, Uuid, Uuid) {
        (self.tenant.uuid(), self.account.uuid(), self.address.uuid())
    }
}

/// Opens or extends the windows. An older message never shortens one. `turns` are in the order of their keys.
pub async fn open_windows(tx: &mut SystemTx, turns: &[Turn]) -> Result<()> {
    let opening: Vec<(Turn, DateTime<Utc>)> = turns.iter().filter_map(|turn| Some((*turn, turn.session_at?))).collect();
    if opening.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"
        insert into session_windows as w (tenant_id, account_id, address_id, opened_at, closes_at)
        select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[])
        on conflict (tenant_id, account_id, address_id) do update
        set    opened_at = excluded.opened_at, closes_at = excluded.closes_at
        where  w.closes_at < excluded.closes_at
        "#,
        &each(&opening, |(turn, _)| turn.tenant.uuid()),
        &each(&opening, |(turn, _)| turn.account.uuid()),
        &each(&opening, |(turn, _)| turn.address.uuid()),
        &each(&opening, |(_, at)| *at),
        &each(&opening, |(_, at)| *at + WINDOW),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How a conversation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Continued {
    pub conversation: ConversationId,
    /// None: it is new.
    pub was: Option<ConversationState>,
    pub is: ConversationState,
}

/// The live conversation of each turn, which is made where there is none, with the turn counted in it. By place. `turns` are
/// in the order of their keys, each once.
pub async fn go_on(tx: &mut SystemTx, turns: &[Turn], now: DateTime<Utc>) -> Result<Vec<Continued>> {
    let mut made = HashSet::new();
    let mut live = HashMap::new();
    for _ in 0..RACES_MAX {
        live = lock_live(tx, turns).await?;
        let missing: Vec<Turn> = turns.iter().filter(|turn| !live.contains_key(&turn.key())).copied().collect();
        if missing.is_empty() {
            break;
        }
        made.extend(begin(tx, &missing, now).await?);
    }
    let states = count_in(tx, turns, &live, now).await?;
    turns
        .iter()
        .map(|turn| {
            let Place { id, was, .. } = live.get(&turn.key()).ok_or_else(no_conversation)?;
            let is = *states.get(id).ok_or_else(no_conversation)?;
            let is_new = made.contains(id);
            Ok(Continued { conversation: *id, was: (!is_new).then_some(*was), is })
        })
        .collect()
}

fn no_conversation() -> Error {
    Error::Corrupt("a conversation is neither there nor can be made".to_owned())
}

/// Where a turn goes on.
struct Place {
    id: ConversationId,
    was: ConversationState,
    /// Of this account and address, and not what theirs was merged into.
    is_own: bool,
}

type Live = HashMap<(Uuid, Uuid, Uuid), Place>;

/// The live conversation of an account and an address, or what theirs was merged into, if that is live.
async fn lock_live(tx: &mut SystemTx, turns: &[Turn]) -> Result<Live> {
    let rows = sqlx::query!(
        r#"
        select x.tenant_id as "tenant_id!", x.account_id as "account_id!", x.address_id as "address_id!", c.id as "id: ConversationId",
               c.state as "state: ConversationState", (c.account_id = x.account_id and c.address_id = x.address_id) as "is_own!"
        from   unnest($1::uuid[], $2::uuid[], $3::uuid[]) as x (tenant_id, account_id, address_id)
        left   join conversations l on l.tenant_id = x.tenant_id and l.account_id = x.account_id and l.address_id = x.address_id
                                   and l.state not in ('closed', 'archived')
        left   join conversation_redirects r on r.tenant_id = x.tenant_id and r.account_id = x.account_id
                                            and r.address_id = x.address_id
        join   conversations c on c.tenant_id = x.tenant_id and c.id = coalesce(l.id, r.conversation_id)
                              and c.state not in ('closed', 'archived')
        order  by c.tenant_id, c.account_id, c.address_id
        for    no key update of c
        "#,
        &each(turns, |turn| turn.tenant.uuid()),
        &each(turns, |turn| turn.account.uuid()),
        &each(turns, |turn| turn.address.uuid()),
    )
    .fetch_all(tx.conn())
    .await?;
    let place = |id, was, is_own| Place { id, was, is_own };
    let by_key = rows
        .into_iter()
        .map(|row| ((row.tenant_id, row.account_id, row.address_id), place(row.id, row.state, row.is_own)));
    Ok(by_key.collect())
}

/// None where a merge was committed since we looked: its survivor is found next time.
async fn begin(tx: &mut SystemTx, turns: &[Turn], now: DateTime<Utc>) -> Result<Vec<ConversationId>> {
    let ids: Vec<Uuid> = turns.iter().map(|_| ConversationId::new(now).uuid()).collect();
    let made = sqlx::query_scalar!(
        r#"
        insert into conversations (tenant_id, id, account_id, channel, address_id, state, last_message_at, created_at, updated_at)
        select x.tenant_id, x.id, x.account_id, x.channel, x.address_id, 'open', x.at, $7, $7
        from   unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::timestamptz[])
               as x (tenant_id, id, account_id, channel, address_id, at)
        where  not exists (select 1 from conversation_redirects r
                           join   conversations c on c.tenant_id = r.tenant_id and c.id = r.conversation_id
                                                 and c.state not in ('closed', 'archived')
                           where  r.tenant_id = x.tenant_id and r.account_id = x.account_id and r.address_id = x.address_id)
        order  by x.tenant_id, x.account_id, x.address_id
        on conflict (tenant_id, account_id, address_id) where state not in ('closed', 'archived') do nothing
        returning id as "id: ConversationId"
        "#,
        &each(turns, |turn| turn.tenant.uuid()),
        &ids,
        &each(turns, |turn| turn.account.uuid()),
        &each(turns, |turn| turn.channel.as_str()) as &[&str],
        &each(turns, |turn| turn.address.uuid()),
        &each(turns, |turn| turn.first_at),
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(made)
}

/// Two turns may go on in one conversation. A message that is older than what was resolved since is late news: it opens nothing, and nobody waits for an answer to it.
async fn count_in(
    tx: &mut SystemTx,
    turns: &[Turn],
    live: &Live,
    now: DateTime<Utc>,
) -> Result<HashMap<ConversationId, ConversationState>> {
    let ids: Vec<Option<Uuid>> = each(turns, |turn| live.get(&turn.key()).map(|place| place.id.uuid()));
    let windows: Vec<Option<DateTime<Utc>>> = each(turns, |turn| {
        let is_own = live.get(&turn.key()).is_some_and(|place| place.is_own);
        turn.session_at.filter(|_| is_own).map(|at| at + WINDOW)
    });
    let rows = sqlx::query!(
        r#"
        update conversations c
        set    inbound = c.inbound + x.messages,
               state = case when c.state = 'resolved' and x.last_at <= c.resolved_at then c.state else 'open' end,
               snoozed_until = null,
               resolved_at = case when c.state = 'resolved' and x.last_at > c.resolved_at then null else c.resolved_at end,
               last_message_at = greatest(c.last_message_at, x.last_at),
               last_inbound_at = greatest(c.last_inbound_at, x.last_at),
               window_closes_at = greatest(c.window_closes_at, x.window_closes_at),
               waiting_since = case when coalesce(x.last_at > c.last_outbound_at, true)
                                     and not (c.state = 'resolved' and x.last_at <= c.resolved_at)
                               then coalesce(c.waiting_since, x.first_at) else c.waiting_since end,
               response_missed_at = case when c.waiting_since is null and coalesce(x.last_at > c.last_outbound_at, true)
                                          and not (c.state = 'resolved' and x.last_at <= c.resolved_at)
                                    then null else c.response_missed_at end,
               resolution_missed_at = case when c.state = 'resolved' and x.last_at > c.resolved_at then null
                                      else c.resolution_missed_at end,
               rating_due_at = case when c.state = 'resolved' and x.last_at > c.resolved_at then null else c.rating_due_at end,
               used_s = case when c.state = 'resolved' and x.last_at > c.resolved_at then 0 else c.used_s end,
               updated_at = $7
        from   (select tenant_id, id, sum(messages)::int as messages, min(first_at) as first_at, max(last_at) as last_at,
                       max(window_closes_at) as window_closes_at
                from   unnest($1::uuid[], $2::uuid[], $3::int[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[])
                       as t (tenant_id, id, messages, first_at, last_at, window_closes_at)
                group  by tenant_id, id) x
        where  c.tenant_id = x.tenant_id and c.id = x.id
        returning c.id as "id: ConversationId", c.state as "state: ConversationState"
        "#,
        &each(turns, |turn| turn.tenant.uuid()),
        &ids as &[Option<Uuid>],
        &each(turns, |turn| turn.messages),
        &each(turns, |turn| turn.first_at),
        &each(turns, |turn| turn.last_at),
        &windows as &[Option<DateTime<Utc>>],
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.state)).collect())
}

/// Says to which conversation each message belongs.
pub async fn file(tx: &mut SystemTx, messages: &[(TenantId, MessageId, ConversationId)]) -> Result<()> {
    sqlx::query!(
        r#"
        update messages m set conversation_id = x.conversation_id
        from   unnest($1::uuid[], $2::uuid[], $3::uuid[]) as x (tenant_id, id, conversation_id)
        where  m.tenant_id = x.tenant_id and m.id = x.id
        "#,
        &each(messages, |(tenant, ..)| tenant.uuid()),
        &each(messages, |(_, message, _)| message.uuid()),
        &each(messages, |(.., conversation)| conversation.uuid()),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
