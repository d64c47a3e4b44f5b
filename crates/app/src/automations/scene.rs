//! Reads what a step of a run looks at.

use chrono::{DateTime, Utc};
use postroad_core::{
    automation::{
        Facts,
        facts::{Automated, ContactFacts, ConversationFacts},
    },
    ids::LabelId,
    limits::AUTOMATED_PER_HOUR_MAX,
    message::{Body, Content},
};
use postroad_store::{
    TenantTx,
    automations::facts::{self, Firsts},
    contacts::Contact,
    conversations::Conversation,
};
use uuid::Uuid;

use super::{Result, hours};

/// Of one conversation, about these messages of the person.
pub(crate) async fn read(
    tx: &mut TenantTx,
    (conversation, contact): (&Conversation, &Contact),
    messages: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Facts> {
    let texts = facts::contents(tx, messages).await?.into_iter().filter_map(said).collect();
    let firsts = match messages.first() {
        Some(first) => facts::firsts(tx, conversation.id, *first).await?,
        None => Firsts::default(),
    };
    let within_hour = facts::automated(tx, conversation.id, now).await?;
    Ok(Facts {
        now,
        texts,
        first_of_contact: firsts.of_contact,
        first_in_conversation: firsts.in_conversation,
        contact: about(contact),
        conversation: ConversationFacts {
            channel: conversation.channel,
            account: conversation.account,
            status: conversation.state,
            holder: conversation.holder().kind(),
            labels: conversation.labels.iter().copied().map(LabelId::from_uuid).collect(),
            window_closes_at: conversation.window_closes_at,
        },
        business_hours: hours::read(tx).await?,
        automated: Automated { within_hour, per_hour_max: AUTOMATED_PER_HOUR_MAX },
    })
}

/// What can be read of something that a person sent.
fn said(content: Content) -> Option<Body> {
    match content {
        Content::Text { body, .. } | Content::Reply { body, .. } | Content::Interactive { body, .. } => Some(body),
        Content::InboundMedia(file) => file.caption,
        Content::Media(file) => file.caption,
        Content::Other { summary, .. } => summary,
        Content::Template(_) | Content::Reaction { .. } => None,
    }
}

fn about(contact: &Contact) -> ContactFacts {
    ContactFacts {
        display_name: contact.display_name.clone().map(Body),
        language: contact.language.clone(),
        time_zone: contact.time_zone.as_deref().and_then(|zone| zone.parse().ok()),
        tags: contact.tags.clone(),
        attributes: contact.attributes.iter().map(|(name, value)| (name.clone(), Body(value.clone()))).collect(),
    }
}
