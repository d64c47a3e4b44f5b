//! What people say: stored once each, in the conversation it belongs to, with whatever follows from it, set by set.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use postroad_core::{
    actor::Actor,
    consent::{ConsentAction, Purpose, revoked_at},
    conversation::EventKind,
    ids::{AccountId, AddressId, AttachmentId, ConversationId, MessageId, TenantId},
    jobs::{FetchMedia, Maintain},
    message::Content,
    provider::{Event, EventKind as Kind, Inbound},
};
use postroad_store::{
    Result, SystemTx,
    aliases::{self, Alias},
    events::Event as Happened,
    hearing::{self, Continued, Known, Said, Speaker, Turn},
    inbound,
    media::{self, Sent},
    queue,
    reactions::{self, Done},
    texts,
};
use serde_json::json;

use super::{Understood, choice, concerns};
use crate::targets;

/// One thing somebody said, of somebody whose address we know.
struct Utterance<'a> {
    one: &'a Understood<'a>,
    event: &'a Event,
    said: &'a Inbound,
    from: &'a str,
}

impl<'a> Utterance<'a> {
    const fn speaker(&self) -> Speaker<'a> {
        Speaker { tenant: self.one.hook.tenant, channel: self.one.hook.channel, address: self.from }
    }
}

/// Messages that were new, and those that were known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) fresh: usize,
    pub(super) known: usize,
}

/// Takes in whatever was said; returns how much, and what is to be told of it.
pub(super) async fn take(
    tx: &mut SystemTx,
    understood: &[Understood<'_>],
    now: DateTime<Utc>,
) -> Result<(Heard, Vec<(TenantId, Happened)>)> {
    let mut heard: Vec<Utterance<'_>> = understood.iter().flat_map(utterances).collect();
    heard.sort_by_key(|one| one.event.at);
    if heard.is_empty() {
        return Ok((Heard::default(), Vec::new()));
    }
    let known = hearing::know(tx, &speakers(&heard), now).await?;
    know_as_well(tx, &heard, &known, now).await?;
    let said: Vec<Said<'_>> = heard.iter().map(|one| said(one, known[&one.speaker()], now)).collect();
    let ids = hearing::insert_messages(tx, &said, now).await?;
    let fresh: Vec<Fresh<'_>> = heard
        .iter()
        .zip(&said)
        .zip(ids)
        .filter_map(|((heard, said), id)| Some(Fresh { heard, said, id: id? }))
        .collect();
    let counts = Heard { fresh: fresh.len(), known: said.len() - fresh.len() };
    if fresh.is_empty() {
        return Ok((counts, Vec::new()));
    }
    let told = converse(tx, &fresh, now).await?;
    stop(tx, &fresh, now).await?;
    Ok((counts, told))
}

fn utterances<'a>(one: &'a Understood<'a>) -> impl Iterator<Item = Utterance<'a>> {
    one.events.iter().filter(|event| concerns(one.hook, event)).filter_map(move |event| {
        let Kind::Inbound(said) = &event.kind else { return None };
        let from = said.from()?;
        Some(Utterance { one, event, said, from })
    })
}

/// Whoever names a number and the provider's id of the person is known by both from now on. Two contacts that are found so are one
/// person, which a job sees to: a merge holds more than a reader may.
async fn know_as_well(
    tx: &mut SystemTx,
    heard: &[Utterance<'_>],
    known: &HashMap<Speaker<'_>, Known>,
    now: DateTime<Utc>,
) -> Result<()> {
    let aliases: BTreeSet<Alias<'_>> = heard.iter().filter_map(|one| alias(one, known)).collect();
    let same = aliases::bind(tx, &aliases.into_iter().collect::<Vec<_>>(), now).await?;
    let jobs: Vec<Maintain> =
        same.into_iter().map(|(tenant, contact, other)| Maintain::MergeSame { tenant, contact, other }).collect();
    if jobs.is_empty() { Ok(()) } else { queue::push_all(tx, &jobs, now).await }
}

fn alias<'a>(heard: &Utterance<'a>, known: &HashMap<Speaker<'_>, Known>) -> Option<Alias<'a>> {
    let address = heard.said.scoped_id.as_deref().filter(|_| heard.said.phone.is_some())?;
    let Speaker { tenant, channel, .. } = heard.speaker();
    Some(Alias { tenant, channel, address, contact: known[&heard.speaker()].contact })
}

/// Everybody who speaks, once, by the name they gave last.
fn speakers<'a>(heard: &[Utterance<'a>]) -> HashMap<Speaker<'a>, Option<&'a str>> {
    let mut speakers = HashMap::with_capacity(heard.len());
    for one in heard {
        let name = speakers.entry(one.speaker()).or_default();
        *name = one.said.profile_name.as_deref().or(*name);
    }
    speakers
}

fn said<'a>(heard: &Utterance<'a>, who: Known, now: DateTime<Utc>) -> Said<'a> {
    let (hook, said) = (heard.one.hook, heard.said);
    Said {
        tenant: hook.tenant,
        account: hook.account,
        channel: hook.channel,
        who,
        provider_ref: &said.provider_ref,
        content: &said.content,
        reply_to: said.reply_to.as_deref(),
        at: heard.event.at.min(now),
        opens_session: said.opens_session,
    }
}

/// Something that was said for the first time.
struct Fresh<'a> {
    heard: &'a Utterance<'a>,
    said: &'a Said<'a>,
    id: MessageId,
}

type Key = (TenantId, AccountId, AddressId);

impl Fresh<'_> {
    const fn key(&self) -> Key {
        (self.said.tenant, self.said.account, self.said.who.address)
    }
}

/// Windows, conversations, and what is to be told of them.
async fn converse(tx: &mut SystemTx, fresh: &[Fresh<'_>], now: DateTime<Utc>) -> Result<Vec<(TenantId, Happened)>> {
    let turns = turns(fresh);
    hearing::open_windows(tx, &turns).await?;
    let continued = hearing::go_on(tx, &turns, now).await?;
    let by_key: BTreeMap<Key, Continued> =
        turns.iter().zip(continued).map(|(turn, continued)| (key_of(turn), continued)).collect();
    let conversations: BTreeSet<(TenantId, ConversationId)> =
        by_key.iter().map(|((tenant, ..), continued)| (*tenant, continued.conversation)).collect();
    targets::follow(tx, &conversations.into_iter().collect::<Vec<_>>(), now).await?;
    let filed: Vec<(TenantId, MessageId, ConversationId)> =
        fresh.iter().map(|one| (one.said.tenant, one.id, by_key[&one.key()].conversation)).collect();
    hearing::file(tx, &filed).await?;
    want_files(tx, fresh, now).await?;
    let said: Vec<(TenantId, MessageId)> = fresh.iter().map(|one| (one.said.tenant, one.id)).collect();
    texts::add(tx, &said).await?;
    afterwards(tx, fresh).await?;
    Ok(told(fresh, &by_key))
}

/// What somebody did with messages that were said before stands with those.
async fn afterwards(tx: &mut SystemTx, fresh: &[Fresh<'_>]) -> Result<()> {
    let done: Vec<(Deed, Done<'_>)> = fresh.iter().filter_map(deed).collect();
    let of = |wanted| done.iter().filter(|(deed, _)| *deed == wanted).map(|(_, done)| *done).collect::<Vec<_>>();
    reactions::put_theirs(tx, &of(Deed::Reacted)).await?;
    let edited = reactions::edit(tx, &of(Deed::Edited)).await?;
    texts::renew(tx, &edited).await?;
    reactions::take_back(tx, &of(Deed::TookBack)).await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Reacted,
    Edited,
    TookBack,
}

fn deed<'a>(fresh: &Fresh<'a>) -> Option<(Deed, Done<'a>)> {
    let said = fresh.said;
    let (deed, about, words) = match said.content {
        Content::Reaction { to, emoji } => (Deed::Reacted, to.as_str(), emoji.as_str()),
        Content::Other { kind, summary } if kind == "edit" => {
            (Deed::Edited, said.reply_to?, summary.as_ref().map_or("", |words| words.0.as_str()))
        }
        Content::Other { kind, .. } if kind == "revoke" => (Deed::TookBack, said.reply_to?, ""),
        _ => return None,
    };
    let Said { tenant, account, who, at, .. } = *said;
    Some((deed, Done { tenant, account, contact: who.contact, about, words, message: fresh.id, at }))
}

/// What was sent lies at the provider until a job fetches it.
async fn want_files(tx: &mut SystemTx, fresh: &[Fresh<'_>], now: DateTime<Utc>) -> Result<()> {
    let sent: Vec<Sent<'_>> = fresh.iter().filter_map(|one| file_of(one, now)).collect();
    let Some(first) = sent.first().map(|file| file.id) else { return Ok(()) };
    media::want(tx, &sent, now).await?;
    queue::push(tx, &FetchMedia { first, woken: 0 }, now).await
}

fn file_of<'a>(fresh: &Fresh<'a>, now: DateTime<Utc>) -> Option<Sent<'a>> {
    let Content::InboundMedia(file) = fresh.said.content else { return None };
    Some(Sent {
        tenant: fresh.said.tenant,
        id: AttachmentId::new(now),
        message: fresh.id,
        account: fresh.said.account,
        channel: fresh.said.channel,
        kind: file.kind,
        provider_ref: &file.provider_media_id,
        declared_type: file.mime.as_deref(),
        file_name: file.filename.as_ref().map(|name| name.0.as_str()),
    })
}

const fn key_of(turn: &Turn) -> Key {
    (turn.tenant, turn.account, turn.address)
}

/// In the order of their keys.
fn turns(fresh: &[Fresh<'_>]) -> Vec<Turn> {
    let mut turns: BTreeMap<Key, Turn> = BTreeMap::new();
    for one in fresh {
        let at = one.said.at;
        let turn = turns.entry(one.key()).or_insert_with(|| Turn {
            tenant: one.said.tenant,
            account: one.said.account,
            channel: one.said.channel,
            address: one.said.who.address,
            messages: 0,
            first_at: at,
            last_at: at,
            session_at: None,
        });
        turn.messages += 1;
        turn.first_at = turn.first_at.min(at);
        turn.last_at = turn.last_at.max(at);
        turn.session_at = turn.session_at.max(one.said.opens_session.then_some(at));
    }
    turns.into_values().collect()
}

/// First that a conversation began or began anew, then what was said in it.
fn told(fresh: &[Fresh<'_>], continued: &BTreeMap<Key, Continued>) -> Vec<(TenantId, Happened)> {
    // What was merged into another goes on there: two of them may be one.
    let by_id: BTreeMap<(TenantId, ConversationId), &Continued> =
        continued.iter().map(|((tenant, ..), continued)| ((*tenant, continued.conversation), continued)).collect();
    let began = by_id.into_iter().filter_map(|((tenant, _), continued)| {
        let (kind, data) = match continued.was {
            None => (EventKind::Opened, json!({})),
            Some(was) if was != continued.is => (EventKind::Reopened, json!({"was": was})),
            Some(_) => return None,
        };
        let conversation = continued.conversation;
        Some((tenant, Happened { kind, conversation, message: None, actor: Actor::System, data }))
    });
    let received = fresh.iter().map(|one| {
        let conversation = continued[&one.key()].conversation;
        let data = json!({"type": one.said.content.kind()});
        let kind = EventKind::MessageReceived;
        (one.said.tenant, Happened { kind, conversation, message: Some(one.id), actor: Actor::System, data })
    });
    began.chain(received).collect()
}

/// Whoever asks to stop is heard at once.
async fn stop(tx: &mut SystemTx, fresh: &[Fresh<'_>], now: DateTime<Utc>) -> Result<()> {
    for one in fresh.iter().filter(|one| one.heard.said.opts_out) {
        let at = revoked_at(one.heard.event.at, now);
        for purpose in [Purpose::Marketing, Purpose::Transactional] {
            let address = one.said.who.address;
            let choice = choice(one.heard.one.hook, address, purpose, ConsentAction::Revoked, "inbound", at);
            inbound::record_choice(tx, &choice, now).await?;
        }
    }
    Ok(())
}
