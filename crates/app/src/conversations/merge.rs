//! Two conversations of one person become one. What was said and noted moves; the other one stays closed, says where it
//! went, and keeps its history, in which stands who did it. There is no way back.

use postroad_core::{
    conversation::{ConversationState, EventKind},
    ids::ConversationId,
    limits::MERGED_MESSAGES_MAX,
};
use postroad_store::{
    TenantTx, contacts,
    conversations::{self as stored, Conversation, merging},
    events::Event,
};
use serde_json::json;

use super::{By, ConversationError, Result, change, know};
use crate::{App, targets, telling};

/// Makes one a part of `into`, and returns that. Again: nothing happens. Whoever merges the same two at the same time, in whichever
/// direction, waits, and so does whoever takes in what the person says.
pub async fn merge(app: &App, by: By, id: ConversationId, into: ConversationId) -> Result<Conversation> {
    if id == into {
        return Err(ConversationError::Same);
    }
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, by.tenant).await?;
    know(&mut tx, by.member.as_slice()).await?;
    let two = merging::Two { gone: id, survivor: into };
    if let Some(survivor) = hold(&mut tx, by, two).await? {
        return Ok(survivor);
    }
    tx.lift().await?;
    let (gone, survivor) = both(&mut tx, by, two).await?;
    check(&gone, &survivor)?;
    let messages = merging::move_messages(&mut tx, two).await?;
    merging::move_around(&mut tx, two, change::LABELS_MAX, change::LINKS_MAX).await?;
    merging::move_sight(&mut tx, two, now).await?;
    merging::fold(&mut tx, two, now).await?;
    merging::flatten(&mut tx, two).await?;
    merging::redirect(&mut tx, two).await?;
    targets::follow(&mut tx, &[(by.tenant, id), (by.tenant, into)], now).await?;
    let merged = stored::find(&mut tx, into, by.member).await?.ok_or(ConversationError::NotFound)?;
    let told = told(by, &survivor, &merged, (id, messages));
    telling::tell(&mut tx, &told.map(|event| (by.tenant, event)).collect::<Vec<_>>(), now).await?;
    tx.commit().await?;
    app.live.told([by.tenant]);
    Ok(merged)
}

/// The person before the conversations, as by whoever goes on with runs. Who holds the person is the only one who merges theirs, so
/// what was merged already is found without holding it: a reader of webhooks may, and wait for the survivor. That is returned.
async fn hold(tx: &mut TenantTx, by: By, two: merging::Two) -> Result<Option<Conversation>> {
    let found = stored::find(tx, two.gone, None).await?.ok_or(ConversationError::NotFound)?;
    contacts::lock(tx, found.contact).await?;
    let (gone, survivor) = both(tx, by, two).await?;
    if gone.merged_into == Some(two.survivor) {
        return Ok(Some(survivor));
    }
    check(&gone, &survivor)?;
    merging::lock(tx, [two.gone, two.survivor]).await?;
    Ok(None)
}

async fn both(tx: &mut TenantTx, by: By, two: merging::Two) -> Result<(Conversation, Conversation)> {
    let gone = stored::find(tx, two.gone, None).await?.ok_or(ConversationError::NotFound)?;
    let survivor = stored::find(tx, two.survivor, by.member).await?;
    Ok((gone, survivor.ok_or(ConversationError::UnknownOther(two.survivor))?))
}

fn check(gone: &Conversation, survivor: &Conversation) -> Result<()> {
    if let Some(into) = gone.merged_into {
        return Err(ConversationError::Merged(into));
    }
    if let Some(into) = survivor.merged_into {
        return Err(ConversationError::OtherMerged(into));
    }
    if gone.contact != survivor.contact {
        return Err(ConversationError::DifferentContacts(survivor.contact));
    }
    if !survivor.state.is_live() {
        return Err(ConversationError::Done(survivor.state));
    }
    let count = usize::try_from(gone.inbound + gone.outbound).unwrap_or(0);
    if count > MERGED_MESSAGES_MAX { Err(ConversationError::TooMany(MERGED_MESSAGES_MAX)) } else { Ok(()) }
}

/// Of both: each history says what became of it.
fn told(
    by: By,
    before: &Conversation,
    after: &Conversation,
    (gone, messages): (ConversationId, u64),
) -> impl Iterator<Item = Event> {
    let actor = by.actor();
    let event = move |kind, conversation, data| Event { kind, conversation, message: None, actor, data };
    let (was, into) = (before.state, after.id);
    let woke = was == ConversationState::Resolved && after.state == ConversationState::Open;
    [
        Some(event(EventKind::Merged, gone, json!({"into": into}))),
        Some(event(EventKind::Merged, into, json!({"from": gone, "messages": messages}))),
        woke.then(|| event(EventKind::Reopened, into, json!({"was": was}))),
    ]
    .into_iter()
    .flatten()
}
