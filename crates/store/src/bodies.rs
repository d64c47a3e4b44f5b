//! What people say, sealed where its tenant wants it. What a row is found by stays readable; the rest opens for its own row and
//! tenant, and nowhere else.
//!
//! Queries write through a [`Ward`] and read through [`Keys`], so callers never see a sealed body, and none is forgotten.
//! Deliberately absent: keys. A process hands its [`Sealer`] to the [`crate::Store`].
//!
//! To seal another column: say so beside the row (`sealed`), write it with [`Ward::text`], open it with [`Keys::text`].

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use postroad_core::{
    ids::{AccountId, ConversationId, DataKeyId, MessageId, TenantId},
    message::Content,
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{AnyTx, Error, Result, TenantTx, data_keys, data_keys::WrappedKey};

/// Stands before what is sealed; then the data key, and what the [`Sealer`] made.
const PREFIX: &str = "body:v1:";

/// Works with data keys, which it alone can unwrap. A place is a table, a column and a row; the tenant is the key's.
pub trait Sealer: Send + Sync {
    fn seal(&self, key: &WrappedKey, place: &str, plain: &[u8]) -> Result<String, Shut>;
    /// What [`Self::seal`] returned for the same place and tenant.
    fn open(&self, key: &WrappedKey, place: &str, sealed: &str) -> Result<Vec<u8>, Shut>;
}

/// Why a body stays shut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Shut {
    /// Another process may open it.
    #[error("a sealed body needs a key that is not at hand: {0}")]
    KeyAway(String),
    #[error("a sealed body does not belong here, or was changed")]
    Broken,
}

/// The sealer of a store. Prints nothing.
#[derive(Clone)]
pub struct Warden(pub(crate) Arc<dyn Sealer>);

impl fmt::Debug for Warden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Warden")
    }
}

impl Default for Warden {
    fn default() -> Self {
        Self(Arc::new(Nobody))
    }
}

/// Of a store that was given no keys.
struct Nobody;

impl Sealer for Nobody {
    fn seal(&self, key: &WrappedKey, _: &str, _: &[u8]) -> Result<String, Shut> {
        Err(Shut::KeyAway(key.kek_id.clone()))
    }

    fn open(&self, key: &WrappedKey, _: &str, _: &str) -> Result<Vec<u8>, Shut> {
        Err(Shut::KeyAway(key.kek_id.clone()))
    }
}

/// Where a body lies.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Message(Uuid),
    Note(Uuid),
    Rating(Uuid),
    Webhook(Uuid),
    /// Of a run, by its number.
    Step(Uuid, i32),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(id) => write!(f, "messages|content|{id}"),
            Self::Note(id) => write!(f, "notes|body|{id}"),
            Self::Rating(id) => write!(f, "conversation_ratings|comment|{id}"),
            Self::Webhook(id) => write!(f, "webhook_journal|body|{id}"),
            Self::Step(run, n) => write!(f, "automation_run_steps|explained|{run}.{n}"),
        }
    }
}

/// Those of some accounts that seal, each with the key that it seals under.
pub(crate) struct Ward {
    keys: HashMap<AccountId, WrappedKey>,
    warden: Warden,
}

impl Ward {
    pub(crate) async fn of(tx: &mut impl AnyTx, accounts: HashSet<(TenantId, AccountId)>) -> Result<Self> {
        let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) =
            accounts.iter().map(|(tenant, account)| (tenant.uuid(), account.uuid())).unzip();
        let rows = sqlx::query!(
            r#"
            select a.tenant_id as "tenant: TenantId", a.id as "account: AccountId", k.id as "key?: DataKeyId", k.kek_id as "kek_id?",
                   k.wrapped as "wrapped?"
            from   unnest($1::uuid[], $2::uuid[]) as x (tenant_id, id)
            join   accounts a on a.tenant_id = x.tenant_id and a.id = x.id
            join   tenants t on t.id = a.tenant_id
            left   join lateral (
                select n.id, n.kek_id, n.wrapped from data_keys n
                where  n.tenant_id = a.tenant_id
                order  by n.retired_at is not null, n.created_at desc, n.id desc
                limit  1) k on true
            where  coalesce(a.bodies, t.bodies) = 'sealed'
            "#,
            &tenants,
            &ids,
        )
        .fetch_all(tx.conn())
        .await?;
        let key = |row: (TenantId, Option<DataKeyId>, Option<String>, Option<String>)| {
            let (tenant, Some(id), Some(kek_id), Some(wrapped)) = row else { return Err(no_key()) };
            Ok(WrappedKey { tenant, id, kek_id, wrapped })
        };
        let keys = rows.into_iter().map(|row| Ok((row.account, key((row.tenant, row.key, row.kek_id, row.wrapped))?)));
        Ok(Self { keys: keys.collect::<Result<_>>()?, warden: tx.warden() })
    }

    /// Of the account through which a conversation goes. One that is not seen is an error: nothing is written in the open for it.
    pub(crate) async fn of_conversation(tx: &mut TenantTx, conversation: ConversationId) -> Result<(Self, AccountId)> {
        let tenant = tx.tenant();
        let account = sqlx::query_scalar!(
            r#"select account_id as "account: AccountId" from conversations where tenant_id = $1 and id = $2"#,
            tenant.uuid(),
            conversation.uuid(),
        )
        .fetch_one(tx.conn())
        .await?;
        Ok((Self::of(tx, HashSet::from([(tenant, account)])).await?, account))
    }

    /// What is said, as it is stored.
    pub(crate) fn content(&self, account: AccountId, message: MessageId, content: &Content) -> Result<Value> {
        let open = serde_json::to_value(content)?;
        let Some(sealed) = self.sealed(account, Place::Message(message.uuid()), open.to_string().as_bytes())? else {
            return Ok(open);
        };
        Ok(match content {
            // Templates are looked for by these.
            Content::Template(used) => {
                json!({"type": open["type"], "name": used.name, "language": used.language, "sealed": sealed})
            }
            _ => json!({"type": open["type"], "sealed": sealed}),
        })
    }

    /// A step of a run, as it is stored: what it looked at and what it says is sealed.
    pub(crate) fn explained(&self, account: AccountId, place: Place, open: &Value) -> Result<Value> {
        let Some(sealed) = self.sealed(account, place, open.to_string().as_bytes())? else { return Ok(open.clone()) };
        let mut kept = open.clone();
        if let Some(kept) = kept.as_object_mut() {
            kept.remove("fact");
            kept.remove("judged");
            if let Some(result) = kept.get_mut("result").and_then(Value::as_object_mut) {
                result.remove("effect");
            }
            kept.insert("sealed".to_owned(), json!(sealed));
        }
        Ok(kept)
    }

    /// A text as it is stored, and whether it is sealed.
    pub(crate) fn text(&self, account: AccountId, place: Place, text: &str) -> Result<(String, bool)> {
        let sealed = self.sealed(account, place, text.as_bytes())?;
        Ok(sealed.map_or_else(|| (text.to_owned(), false), |sealed| (sealed, true)))
    }

    /// None: the account seals nothing.
    pub(crate) fn sealed(&self, account: AccountId, place: Place, plain: &[u8]) -> Result<Option<String>> {
        let Some(key) = self.keys.get(&account) else { return Ok(None) };
        let sealed = self.warden.0.seal(key, &place.to_string(), plain)?;
        Ok(Some(format!("{PREFIX}{}:{sealed}", key.id)))
    }
}

fn no_key() -> Error {
    Error::Corrupt("an account seals, and its tenant has no data key".to_owned())
}

/// The keys of sealed bodies.
pub(crate) struct Keys {
    keys: HashMap<(TenantId, DataKeyId), WrappedKey>,
    warden: Warden,
}

impl Keys {
    /// Asks nothing where nothing is sealed.
    pub(crate) async fn of(tx: &mut impl AnyTx, named: HashSet<(TenantId, DataKeyId)>) -> Result<Self> {
        let found = if named.is_empty() { Vec::new() } else { data_keys::find_all(tx, named).await? };
        let keys = found.into_iter().map(|key| ((key.tenant, key.id), key)).collect();
        Ok(Self { keys, warden: tx.warden() })
    }

    pub(crate) fn open(&self, tenant: TenantId, message: MessageId, kept: &mut Kept) -> Result<()> {
        if let State::Sealed { sealed } = &kept.0 {
            let open = self.bytes(tenant, Place::Message(message.uuid()), sealed)?;
            *kept = Kept(State::Open(serde_json::from_slice(&open).map_err(|_| Shut::Broken)?));
        }
        Ok(())
    }

    pub(crate) fn content(&self, tenant: TenantId, message: MessageId, mut kept: Kept) -> Result<Content> {
        self.open(tenant, message, &mut kept)?;
        Ok(kept.into_said())
    }

    pub(crate) fn json(&self, tenant: TenantId, place: Place, sealed: &str) -> Result<Value> {
        serde_json::from_slice(&self.bytes(tenant, place, sealed)?).map_err(|_| Shut::Broken.into())
    }

    pub(crate) fn text(&self, tenant: TenantId, place: Place, sealed: &str) -> Result<String> {
        String::from_utf8(self.bytes(tenant, place, sealed)?).map_err(|_| Shut::Broken.into())
    }

    pub(crate) fn bytes(&self, tenant: TenantId, place: Place, sealed: &str) -> Result<Vec<u8>> {
        let (id, sealed) = parts(sealed).ok_or(Shut::Broken)?;
        let key = self.keys.get(&(tenant, id)).ok_or(Shut::Broken)?;
        Ok(self.warden.0.open(key, &place.to_string(), sealed)?)
    }
}

/// The keys under which something is sealed.
pub(crate) fn named<'a>(sealed: impl IntoIterator<Item = (TenantId, &'a str)>) -> HashSet<(TenantId, DataKeyId)> {
    sealed.into_iter().filter_map(|(tenant, sealed)| Some((tenant, parts(sealed)?.0))).collect()
}

fn parts(sealed: &str) -> Option<(DataKeyId, &str)> {
    let (id, sealed) = sealed.strip_prefix(PREFIX)?.split_once(':')?;
    Some((id.parse().ok()?, sealed))
}

/// What is said, as it is stored. Rows leave this crate with what it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Kept(State);

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum State {
    Sealed { sealed: String },
    Open(Content),
}

impl Kept {
    pub fn said(&self) -> &Content {
        let State::Open(content) = &self.0 else { unreachable!("rows are opened where they are read") };
        content
    }

    pub fn into_said(self) -> Content {
        let State::Open(content) = self.0 else { unreachable!("rows are opened where they are read") };
        content
    }

    pub(crate) fn sealed(&self) -> Option<&str> {
        let State::Sealed { sealed } = &self.0 else { return None };
        Some(sealed)
    }
}

#[cfg(test)]
mod tests {
    use postroad_core::message::Body;

    use super::*;

    #[test]
    fn what_is_stored_is_told_apart_by_its_seal_and_not_by_what_somebody_says() {
        let kept: Kept = serde_json::from_value(json!({"type": "text", "sealed": "body:v1:x"})).unwrap();
        assert_eq!(kept.sealed(), Some("body:v1:x"));
        let content = Content::Text { body: Body("{\"sealed\": \"body:v1:x\"}".into()), preview_url: false };
        let kept: Kept = serde_json::from_value(serde_json::to_value(&content).unwrap()).unwrap();
        assert_eq!((kept.sealed(), kept.said()), (None, &content));
    }
}
