//! Reactions to what the person said. Each is a message of its own, which goes the way of all messages.

use postroad_core::{
    conversation::EventKind,
    ids::{ConversationId, MessageId},
    limits::EMOJI_CHARS_MAX,
    message::Content,
    provider::Provider,
};
use postroad_store::{
    TenantTx,
    conversations::{self as stored, Conversation, thread},
    events,
    reactions::{self, Target},
};
use serde::Serialize;
use serde_json::json;

use super::{
    By, ConversationError, Result, know,
    reply::{Reply, address_of, draft},
};
use crate::{
    App,
    messages::{self, Accepted, Adapters},
    requests::{self, Answer, Call, Opened},
    telling,
};

/// What a member makes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaction {
    /// Instead of the one before.
    Put(String),
    TakeBack,
}

impl Reaction {
    fn emoji(&self) -> &str {
        match self {
            Self::Put(emoji) => emoji,
            Self::TakeBack => "",
        }
    }
}

/// Reacts to a message of the person, once per request id. It is no answer: whoever waits for one still does.
pub async fn react<A: Serialize>(
    (app, adapters): (&App, Adapters),
    (call, by): (&Call, By),
    id: MessageId,
    reaction: Reaction,
    answer: impl FnOnce(&Accepted) -> A + Send,
) -> Result<Answer> {
    if matches!(&reaction, Reaction::Put(emoji) if !is_emoji(emoji)) {
        return Err(ConversationError::Emoji);
    }
    let mut open = match requests::open(app, call).await? {
        Opened::Answered(answer) => return Ok(answer),
        Opened::New(open) => open,
    };
    know(&mut open.tx, by.member.as_slice()).await?;
    let (conversation, about) = reactable(&mut open.tx, adapters, id).await?;
    open.tx.lift().await?;
    if reaction == Reaction::TakeBack && !reactions::have_ours(&mut open.tx, id).await? {
        return Err(ConversationError::NoReaction);
    }
    let to = address_of(&mut open.tx, &conversation).await?;
    let content = Content::Reaction { to: about, emoji: reaction.emoji().to_owned() };
    let draft = draft(&conversation, to, Reply { content, reply_to: None, undo_s: 0 }, open.now);
    let (accepted, lane) = messages::place(app, adapters, &mut open, call, draft).await?;
    thread::adopt(&mut open.tx, accepted.id, conversation.id, by.member).await?;
    reactions::put_ours(&mut open.tx, id, reaction.emoji(), accepted.id, open.now).await?;
    let now = open.now;
    telling::tell(&mut open.tx, &[(by.tenant, queued(&conversation, by, &accepted))], now).await?;
    let answer = open.close(messages::ACCEPTED, &answer(&accepted)).await?;
    app.live.told([by.tenant]);
    app.nudges.nudge(by.tenant, lane);
    Ok(answer)
}

fn queued(conversation: &Conversation, by: By, accepted: &Accepted) -> events::Event {
    events::Event {
        kind: EventKind::MessageQueued,
        conversation: conversation.id,
        message: Some(accepted.id),
        actor: by.actor(),
        data: json!({"state": accepted.state}),
    }
}

/// The conversation of a message that one can react to, held until the transaction ends, and the provider's id of the message.
async fn reactable(tx: &mut TenantTx, adapters: Adapters, id: MessageId) -> Result<(Conversation, String)> {
    let target = reactions::target(tx, id).await?.ok_or(ConversationError::NotFound)?;
    let conversation: ConversationId = target.conversation.ok_or(ConversationError::NotTheirs)?;
    let about = target.provider_ref.filter(|_| target.is_inbound).ok_or(ConversationError::NotTheirs)?;
    if !adapters(&target.provider).is_some_and(Provider::carries_reactions) {
        return Err(ConversationError::ChannelCannot { provider: target.provider, what: Wish::React });
    }
    let conversation = stored::lock(tx, conversation).await?.ok_or(ConversationError::NotFound)?;
    if !conversation.state.is_live() {
        return Err(ConversationError::Done(conversation.state));
    }
    Ok((conversation, about))
}

/// What somebody wants to do with a message, and not every channel can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    React,
    Edit,
    Delete,
}

impl std::fmt::Display for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::React => "reacted to",
            Self::Edit => "edited",
            Self::Delete => "deleted",
        })
    }
}

/// Changing or deleting what was said: no channel that is built can, and it says so. What has not left is cancelled instead.
pub async fn refuse(app: &App, by: By, id: MessageId, what: Wish) -> ConversationError {
    match find(app, by, id).await {
        Ok(target) => ConversationError::ChannelCannot { provider: target.provider, what },
        Err(error) => error,
    }
}

async fn find(app: &App, by: By, id: MessageId) -> Result<Target> {
    let mut tx = TenantTx::begin(&app.store, by.tenant).await?;
    reactions::target(&mut tx, id).await?.ok_or(ConversationError::NotFound)
}

/// A short run of signs beyond ASCII, but for the digits, `#` and `*` of keycaps. What exactly is an emoji grows every year, and
/// the provider knows.
fn is_emoji(text: &str) -> bool {
    let fits = (1..=EMOJI_CHARS_MAX).contains(&text.chars().count());
    // Some signs, like that of a blood group, count as letters.
    let is_letter = |c: char| c.is_alphabetic() && c < '\u{1f000}';
    let is_part = |c: char| !c.is_control() && !c.is_whitespace() && !is_letter(c);
    let is_plain = |c: char| !c.is_ascii() || c.is_ascii_digit() || matches!(c, '#' | '*');
    fits && text.chars().all(|c| is_part(c) && is_plain(c)) && !text.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::is_emoji;

    #[test]
    fn an_emoji_is_a_sign_and_no_word() {
        for emoji in ["👍", "❤️", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "#️⃣", "👍🏽", "🇫🇷", "🅰️"]
        {
            assert!(is_emoji(emoji), "{emoji}");
        }
        for text in ["", "ok", "👍 ", "é", "12", "<b>", "👍\0", "好"] {
            assert!(!is_emoji(text), "{text}");
        }
        assert!(!is_emoji(&"👍".repeat(21)));
    }
}
