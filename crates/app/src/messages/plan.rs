//! From drafts to rows: which account, which address, which contact. Whole batches at a time, so that a thousand messages
//! cost as many round trips as one.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    credit::{Category, Prices},
    gates::QuietPolicy,
    ids::{AccountId, AddressId, AttachmentId, ContactId, MessageId},
    message::{MediaKind, Source},
    send::{self, SendState},
};
use postroad_store::{
    Result, TenantTx,
    credit::prices,
    messages::{self, NewMessage, Reached, Sender},
};

use super::{Adapters, Draft, content, files};
use crate::{
    App,
    credit::Charge,
    requests::{Call, Open},
};

/// Why one message cannot be sent as it is asked for. Nothing of it is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("no account is connected{}", on(*channel))]
    NoAccount { channel: Option<Channel> },
    #[error("several accounts are connected{}, and none of them is the primary one: name one", on(*channel))]
    AmbiguousAccount { channel: Option<Channel> },
    #[error("there is no such account")]
    UnknownAccount,
    #[error("the account is inbound only: people are heard through it, and nothing can be sent to them")]
    InboundOnly,
    #[error("the account reaches people on {channel}")]
    WrongChannel { channel: Channel },
    #[error("the address cannot be reached on {channel}")]
    Address { channel: Channel },
    #[error("the {what} is empty")]
    Empty { what: &'static str },
    #[error("the {what} has {chars} characters, and {max} is the most")]
    TooLong { what: &'static str, chars: usize, max: usize },
    #[error("there are {count} {what}, and {max} is the most")]
    TooMany { what: &'static str, count: usize, max: usize },
    #[error("two buttons have the same id")]
    RepeatedButton,
    #[error("the link is not an https address")]
    Link,
    #[error("there is no file {id} that can be sent: upload it, and wait until it is stored")]
    UnknownAttachment { id: AttachmentId },
    #[error("the file is {found}, and cannot be sent as {said}")]
    AttachmentKind { said: MediaKind, found: String },
    #[error("{kind} cannot be sent")]
    Kind { kind: &'static str },
    #[error("not_after lies in the past, or before send_at")]
    NotAfterPassed,
    #[error("send_at lies more than a year ahead")]
    SendAtTooFar,
    #[error("the message that is answered was not exchanged with this person through this account")]
    UnknownReplyTo,
}

fn on(channel: Option<Channel>) -> String {
    channel.map(|channel| format!(" on {channel}")).unwrap_or_default()
}

/// A message ready to be written.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) message: NewMessage,
    /// Credits, where the tenant pays from a wallet.
    pub(super) price: Option<i64>,
}

impl Planned {
    pub(super) fn charge(&self) -> Option<Charge> {
        let (message, credits) = (&self.message, self.price?);
        let category = Category::of(message.class, message.purpose);
        Some(Charge { message: message.id, credits, channel: message.channel, category })
    }
}

/// A draft on its way to a row.
struct Step {
    draft: Draft,
    sender: Sender,
    to: String,
}

/// Turns drafts into rows, and makes the contacts and addresses that are missing. Ids rise with the place in the batch.
pub(super) async fn plan(
    app: &App,
    open: &mut Open<'_>,
    adapters: Adapters,
    call: &Call,
    mut drafts: Vec<Draft>,
) -> Result<Vec<Result<Planned, Refused>>> {
    let now = open.now;
    let attached = files::attach(app, &mut open.tx, &mut drafts, now).await?;
    let mut senders = Senders { known: HashMap::new(), live: call.live };
    let mut steps = Vec::with_capacity(drafts.len());
    for (draft, attached) in drafts.into_iter().zip(attached) {
        steps.push(match attached.and_then(|()| content::check(&draft, now)) {
            Ok(()) => senders.choose(&mut open.tx, adapters, draft).await?,
            Err(refused) => Err(refused),
        });
    }
    let reached = reach(open, &steps).await?;
    let refs = answered(&mut open.tx, &steps).await?;
    let mut ids: Vec<MessageId> = steps.iter().map(|_| MessageId::new(now)).collect();
    ids.sort_unstable();
    let pays = steps.iter().flatten().any(|step| step.sender.credit_enforced);
    let prices = if pays { prices::read(&mut open.tx).await? } else { Prices::default() };
    let planned = steps.into_iter().zip(ids).map(|(step, id)| {
        let step = step?;
        let place = reached.get(&(step.sender.channel, step.to.clone())).copied();
        let (contact, address) = place.ok_or(Refused::Address { channel: step.sender.channel })?;
        let reply_to = reply_to(&step, address, &refs)?;
        Ok(step.into_planned(Placed { id, contact, address, reply_to }, (call, &prices), now))
    });
    Ok(planned.collect())
}

/// Accounts by what drafts ask for, each asked once.
struct Senders {
    known: HashMap<(Option<AccountId>, Option<Channel>), Result<Sender, Refused>>,
    live: bool,
}

impl Senders {
    async fn choose(&mut self, tx: &mut TenantTx, adapters: Adapters, draft: Draft) -> Result<Result<Step, Refused>> {
        let wanted = if self.live { (draft.account, draft.channel) } else { (None, None) };
        let sender = match self.known.get(&wanted) {
            Some(sender) => sender.clone(),
            None => {
                let sender = self.find(tx, wanted).await?;
                self.known.insert(wanted, sender.clone());
                sender
            }
        };
        Ok(sender.and_then(|sender| {
            let to = adapters(&sender.provider).and_then(|adapter| adapter.normalise(&draft.to));
            let to = to.ok_or(Refused::Address { channel: sender.channel })?;
            Ok(Step { draft, sender, to })
        }))
    }

    async fn find(
        &self,
        tx: &mut TenantTx,
        wanted: (Option<AccountId>, Option<Channel>),
    ) -> Result<Result<Sender, Refused>> {
        if !self.live {
            return Ok(messages::sandbox(tx).await?.ok_or(Refused::NoAccount { channel: None }));
        }
        match wanted {
            (Some(account), channel) => Ok(named(messages::sender(tx, account).await?, channel)),
            (None, Some(channel)) if channel.is_inbound_only() => Ok(Err(Refused::InboundOnly)),
            (None, channel) => Ok(only(messages::senders(tx, channel).await?, channel)),
        }
    }
}

fn named(sender: Option<Sender>, channel: Option<Channel>) -> Result<Sender, Refused> {
    let sender = sender.filter(|sender| sender.channel != Channel::Sandbox).ok_or(Refused::UnknownAccount)?;
    match channel {
        Some(channel) if channel != sender.channel => Err(Refused::WrongChannel { channel: sender.channel }),
        _ if sender.channel.is_inbound_only() => Err(Refused::InboundOnly),
        _ => Ok(sender),
    }
}

/// The primary one, if it is the only primary; else the only one.
fn only(mut senders: Vec<Sender>, channel: Option<Channel>) -> Result<Sender, Refused> {
    let primaries = senders.iter().filter(|sender| sender.is_primary).count();
    match (senders.len(), primaries) {
        (0, _) => Err(Refused::NoAccount { channel }),
        (1, _) | (_, 1) => Ok(senders.swap_remove(0)),
        _ => Err(Refused::AmbiguousAccount { channel }),
    }
}

type Places = HashMap<(Channel, String), (ContactId, AddressId)>;

/// Finds the addresses, and makes the missing ones with a contact each.
async fn reach(open: &mut Open<'_>, steps: &[Result<Step, Refused>]) -> Result<Places> {
    let mut wanted: Vec<(Channel, String)> = steps.iter().flatten().map(|s| (s.sender.channel, s.to.clone())).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut places = Places::new();
    note(&mut places, messages::find_addresses(&mut open.tx, &wanted).await?);
    wanted.retain(|place| !places.contains_key(place));
    if wanted.is_empty() {
        return Ok(places);
    }
    let now = open.now;
    let fresh = wanted.iter().map(|(channel, address)| Reached {
        channel: *channel,
        address: address.clone(),
        contact: ContactId::new(now),
        address_id: AddressId::new(now),
    });
    let fresh: Vec<Reached> = fresh.collect();
    note(&mut places, messages::insert_addresses(&mut open.tx, &fresh, now).await?);
    wanted.retain(|place| !places.contains_key(place));
    if !wanted.is_empty() {
        // Somebody else made them in this moment.
        note(&mut places, messages::find_addresses(&mut open.tx, &wanted).await?);
    }
    Ok(places)
}

fn note(places: &mut Places, reached: Vec<Reached>) {
    places.extend(reached.into_iter().map(|r| ((r.channel, r.address), (r.contact, r.address_id))));
}

type Refs = HashMap<MessageId, (AccountId, AddressId, String)>;

async fn answered(tx: &mut TenantTx, steps: &[Result<Step, Refused>]) -> Result<Refs> {
    let ids: Vec<MessageId> = steps.iter().flatten().filter_map(|step| step.draft.reply_to).collect();
    if ids.is_empty() {
        return Ok(Refs::new());
    }
    let refs = messages::provider_refs(tx, &ids).await?;
    Ok(refs.into_iter().map(|(id, account, address, provider_ref)| (id, (account, address, provider_ref))).collect())
}

fn reply_to(step: &Step, address: AddressId, refs: &Refs) -> Result<Option<String>, Refused> {
    let Some(wanted) = step.draft.reply_to else { return Ok(None) };
    match refs.get(&wanted) {
        Some((account, from, provider_ref)) if *account == step.sender.account && *from == address => {
            Ok(Some(provider_ref.clone()))
        }
        _ => Err(Refused::UnknownReplyTo),
    }
}

/// What a draft lacked.
struct Placed {
    id: MessageId,
    contact: ContactId,
    address: AddressId,
    reply_to: Option<String>,
}

impl Step {
    fn into_planned(self, placed: Placed, (call, prices): (&Call, &Prices), now: DateTime<Utc>) -> Planned {
        let Self { draft, sender, .. } = self;
        let run_at = draft.send_at.map_or(now, |at| at.max(now));
        let pays = sender.credit_enforced && sender.channel != Channel::Sandbox;
        let category = Category::of(draft.class, draft.purpose);
        let price = pays.then(|| prices.price(sender.channel, category, &draft.content));
        Planned {
            price,
            message: NewMessage {
                id: placed.id,
                account: sender.account,
                channel: sender.channel,
                contact: placed.contact,
                address: placed.address,
                class: draft.class,
                purpose: draft.purpose,
                quiet_policy: draft.quiet_policy.unwrap_or(QuietPolicy::default_for(Source::Api, draft.class)),
                content: draft.content,
                reply_to: placed.reply_to,
                request: Some((call.client, call.request_id.clone())),
                flow: send::flow_of(draft.class),
                weight: send::weight_of(draft.class),
                state: if run_at > now { SendState::Scheduled } else { SendState::Queued },
                run_at,
                not_after: draft.not_after,
                credits: price.filter(|credits| *credits > 0),
            },
        }
    }
}
