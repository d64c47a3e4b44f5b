//! What a rule says in a conversation: a message like any other, that nobody asked for by the API.

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    actor::Actor,
    consent::Purpose,
    credit::Category,
    gates::QuietPolicy,
    ids::{AccountId, AddressId, ContactId, MessageId},
    message::{Class, Content},
    send::{self, SendState},
};
use postroad_store::{
    TenantTx,
    credit::prices,
    lanes,
    messages::{self, NewMessage},
};

use super::{Refused, SubmitError, content};
use crate::credit::{self, Charge};

/// To whom, through which account, and what.
pub(crate) struct Saying {
    pub(crate) account: AccountId,
    pub(crate) channel: Channel,
    pub(crate) contact: ContactId,
    pub(crate) address: AddressId,
    pub(crate) content: Content,
    pub(crate) quiet_policy: QuietPolicy,
    /// Who says so: a rule, or a member who runs a macro.
    pub(crate) by: Actor,
}

/// Accepts it. Whoever commits it nudges the lane.
pub(crate) async fn say(tx: &mut TenantTx, saying: Saying, now: DateTime<Utc>) -> Result<MessageId, SubmitError> {
    content::check_content(&saying.content)?;
    if saying.channel.is_inbound_only() {
        return Err(Refused::InboundOnly.into());
    }
    let sender = messages::sender(tx, saying.account).await?.ok_or(Refused::UnknownAccount)?;
    let pays = sender.credit_enforced && saying.channel != Channel::Sandbox;
    let by = saying.by;
    let mut message = into_message(saying, now);
    let charge = if pays { Some(price(tx, &message).await?) } else { None };
    message.credits = charge.map(|charge| charge.credits).filter(|credits| *credits > 0);
    messages::insert(tx, std::slice::from_ref(&message), now).await?;
    lanes::wake(tx, message.account, now).await?;
    credit::reserve(tx, by, charge.as_slice(), now).await?;
    Ok(message.id)
}

async fn price(tx: &mut TenantTx, message: &NewMessage) -> postroad_store::Result<Charge> {
    let category = Category::of(message.class, message.purpose);
    let credits = prices::read(tx).await?.price(message.channel, category, &message.content);
    Ok(Charge { message: message.id, credits, channel: message.channel, category })
}

fn into_message(saying: Saying, now: DateTime<Utc>) -> NewMessage {
    let Saying { account, channel, contact, address, content, quiet_policy, by: _ } = saying;
    let class = Class::Automation;
    NewMessage {
        id: MessageId::new(now),
        account,
        channel,
        contact,
        address,
        class,
        purpose: Purpose::Conversational,
        quiet_policy,
        content,
        reply_to: None,
        request: None,
        flow: send::flow_of(class),
        weight: send::weight_of(class),
        state: SendState::Queued,
        run_at: now,
        not_after: None,
        credits: None,
    }
}
