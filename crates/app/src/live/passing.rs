//! What passes: who types where, and who is there. It is kept nowhere but in memory, and ends by itself.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use postroad_core::{
    ids::{ConversationId, MemberId, TenantId},
    limits::{PRESENCE_KEPT, TYPING_EVERY_MIN, TYPING_KEPT},
    live::{Passing, Presence},
    sight::Standing,
};
use postroad_store::{TenantTx, conversations, members};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{link::Link, wire::Line};
use crate::App;

/// Entries of each memory, after which what is over is swept out.
const REMEMBERED_MAX: usize = 10_000;

#[derive(Debug, thiserror::Error)]
pub enum PassingError {
    #[error("there is no such conversation")]
    NotFound,
    #[error("there is no such member, or they do not work any more")]
    UnknownMember,
    #[error(transparent)]
    Store(#[from] postroad_store::Error),
}

/// What passes, on its way to other processes.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Passed {
    pub(super) tenant: TenantId,
    kind: Passing,
    of: MemberId,
    conversation: Option<ConversationId>,
    /// Processes of before know nothing of it: what they pass is for whoever sees everything.
    #[serde(default)]
    stands: Option<Standing>,
    at: DateTime<Utc>,
    data: Value,
}

impl Passed {
    pub(super) fn line(&self) -> Line {
        Line::passing(self.kind, self.of, (self.conversation, self.stands), self.at, self.data.clone())
    }
}

/// Somebody who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present {
    pub member: MemberId,
    pub state: Presence,
    /// Unless they say so again.
    pub expires_at: DateTime<Utc>,
}

/// Who types where.
type Typist = (TenantId, MemberId, ConversationId);

/// What this process remembers of what passed.
#[derive(Default)]
pub(super) struct Memory {
    typing: Mutex<HashMap<Typist, (Typing, DateTime<Utc>)>>,
    present: Mutex<BTreeMap<(TenantId, MemberId), Present>>,
}

/// Whether a member writes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typing {
    On,
    Off,
}

impl Memory {
    /// Whether it is news: the same word about the same conversation is not, within a second.
    fn is_news(&self, key: Typist, typing: Typing, now: DateTime<Utc>) -> bool {
        let mut all = self.typing.lock();
        if all.get(&key).is_some_and(|(was, at)| *was == typing && now - *at < TYPING_EVERY_MIN) {
            return false;
        }
        if all.len() >= REMEMBERED_MAX {
            all.retain(|_, (_, at)| now - *at < TYPING_EVERY_MIN);
        }
        all.insert(key, (typing, now));
        true
    }

    fn note(&self, tenant: TenantId, present: Present, now: DateTime<Utc>) {
        let mut all = self.present.lock();
        if present.state == Presence::Offline {
            all.remove(&(tenant, present.member));
            return;
        }
        if all.len() >= REMEMBERED_MAX {
            all.retain(|_, present| present.expires_at > now);
        }
        all.insert((tenant, present.member), present);
    }

    fn present(&self, tenant: TenantId, now: DateTime<Utc>) -> Vec<Present> {
        let all = self.present.lock();
        let of_tenant =
            all.range((tenant, MemberId::from_uuid(Uuid::nil()))..).take_while(|((of, _), _)| *of == tenant);
        of_tenant.map(|(_, present)| *present).filter(|present| present.expires_at > now).collect()
    }
}

/// A member types in a conversation, or does not any more. Whoever types says so again every second or two.
pub async fn typing(
    app: &App,
    tenant: TenantId,
    conversation: ConversationId,
    member: MemberId,
    typing: Typing,
) -> Result<(), PassingError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let found = conversations::find(&mut tx, conversation, None).await?.ok_or(PassingError::NotFound)?;
    know(&mut tx, member).await?;
    drop(tx);
    if app.live.0.memory.is_news((tenant, member, conversation), typing, now) {
        let data = match typing {
            Typing::On => json!({"typing": true, "expires_at": now + TYPING_KEPT}),
            Typing::Off => json!({"typing": false}),
        };
        let (conversation, stands) = (Some(conversation), Some(found.standing()));
        pass(app, Passed { tenant, kind: Passing::Typing, of: member, conversation, stands, at: now, data });
    }
    Ok(())
}

async fn know(tx: &mut TenantTx, member: MemberId) -> Result<(), PassingError> {
    let known = members::count_active(tx, &[member]).await? == 1;
    known.then_some(()).ok_or(PassingError::UnknownMember)
}

/// A member is there, for a minute from now on, or is not any more.
pub async fn be_present(
    app: &App,
    tenant: TenantId,
    member: MemberId,
    state: Presence,
) -> Result<Present, PassingError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    know(&mut tx, member).await?;
    drop(tx);
    let one = Present { member, state, expires_at: now + PRESENCE_KEPT };
    app.live.0.memory.note(tenant, one, now);
    if let Some(link) = &app.live.0.link {
        keep(link, tenant, one).await;
    }
    let data = json!({"state": state, "expires_at": one.expires_at});
    pass(app, Passed { tenant, kind: Passing::Presence, of: member, conversation: None, stands: None, at: now, data });
    Ok(one)
}

/// Who is there, as far as this process knows: with Redis, whoever told any process.
pub async fn present(app: &App, tenant: TenantId) -> Vec<Present> {
    let now = app.clock.now();
    let mut all = BTreeMap::new();
    for one in app.live.0.memory.present(tenant, now) {
        all.insert(one.member, one);
    }
    if let Some(link) = &app.live.0.link {
        // What all processes know counts for more than what one remembers.
        if let Some(kept) = kept(link, tenant).await {
            let there = kept.into_iter().filter(|one| one.state != Presence::Offline && one.expires_at > now);
            all = there.map(|one| (one.member, one)).collect();
        }
    }
    all.into_values().collect()
}

fn pass(app: &App, passed: Passed) {
    app.live.0.pass(passed.tenant, passed.line());
    if let Some(link) = &app.live.0.link {
        link.pass(passed);
    }
}

fn key(tenant: TenantId) -> String {
    format!("{{postroad:live}}:present:{}", tenant.uuid().simple())
}

/// A hash of the tenant that ends a minute after the last word of anybody.
async fn keep(link: &Link, tenant: TenantId, one: Present) {
    let Some(mut connection) = link.connection().await else { return };
    let value = format!("{}|{}", one.state, one.expires_at.timestamp_millis());
    let mut pipe = redis::pipe();
    pipe.hset(key(tenant), one.member.to_string(), value).ignore();
    pipe.pexpire(key(tenant), PRESENCE_KEPT.num_milliseconds()).ignore();
    if pipe.exec_async(&mut connection).await.is_err() {
        link.failed().await;
    }
}

async fn kept(link: &Link, tenant: TenantId) -> Option<Vec<Present>> {
    let mut connection = link.connection().await?;
    let all = redis::cmd("HGETALL").arg(key(tenant)).query_async::<HashMap<String, String>>(&mut connection).await;
    let Ok(all) = all else {
        link.failed().await;
        return None;
    };
    Some(all.iter().filter_map(|(member, value)| read(member, value)).collect())
}

fn read(member: &str, value: &str) -> Option<Present> {
    let (state, expires_at) = value.split_once('|')?;
    let expires_at = expires_at.parse().ok().and_then(DateTime::from_timestamp_millis)?;
    Some(Present { member: member.parse().ok()?, state: state.parse().ok()?, expires_at })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn the_same_word_is_news_once_a_second_and_another_word_at_once() {
        let memory = Memory::default();
        let at = DateTime::UNIX_EPOCH;
        let key = (TenantId::new(at), MemberId::new(at), ConversationId::new(at));
        let later = |ms| at + TimeDelta::milliseconds(ms);
        assert!(memory.is_news(key, Typing::On, at));
        assert!(!memory.is_news(key, Typing::On, later(999)));
        assert!(memory.is_news(key, Typing::Off, later(999)));
        assert!(!memory.is_news(key, Typing::Off, later(1_500)));
        assert!(memory.is_news(key, Typing::On, later(1_500)));
    }

    #[test]
    fn whoever_says_nothing_for_a_minute_is_not_there_and_other_tenants_never_are() {
        let memory = Memory::default();
        let at = DateTime::UNIX_EPOCH;
        let (ours, theirs) = (TenantId::new(at), TenantId::new(at));
        let one = Present { member: MemberId::new(at), state: Presence::Busy, expires_at: at + PRESENCE_KEPT };
        memory.note(ours, one, at);
        assert_eq!(memory.present(ours, at + TimeDelta::milliseconds(59_999)), [one]);
        assert_eq!(memory.present(ours, at + PRESENCE_KEPT), []);
        assert_eq!(memory.present(theirs, at), []);
        memory.note(ours, Present { state: Presence::Offline, ..one }, at);
        assert_eq!(memory.present(ours, at), []);
    }
}
