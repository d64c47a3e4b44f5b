//! What people say of a conversation once it is resolved: whom we ask, and the page where they answer.
//!
//! A minute after a conversation was resolved its person is asked by a message with a link, if the tenant wants that and
//! [`Asking::asks`] agrees. Opened again before, nobody is asked. The message goes the way of everything that a rule says:
//! the same gates, the same price.

use chrono::{DateTime, TimeDelta, Utc};
pub use postroad_core::rating::Asking;
use postroad_core::{
    actor::Actor,
    conversation::EventKind,
    gates::QuietPolicy,
    ids::{ConversationId, MemberId, MessageId, RatingId, TenantId},
    limits::{
        RATING_COMMENT_CHARS_MAX, RATING_LINK_LASTS, RATINGS_COUNTED_MAX, RATINGS_PAGE, RATINGS_PAGES_MAX,
        RATINGS_SHOWN_MAX, RATINGS_SPAN_MAX,
    },
    message::{Body, Class, Content, Source},
    rating::Moment,
    send::SendState,
};
pub use postroad_store::ratings::{Rating, Summary};
use postroad_store::{
    Error, Result, SystemTx, TenantTx,
    automations::runs,
    contacts, conversations as conversing,
    ratings::{self as stored, NewRating, Span},
};
use serde_json::json;

use crate::{
    App,
    business::{self, Writer},
    conversations::{By, ConversationError, Work},
    credit::CreditError,
    messages::{self, Saying, SubmitError},
    telling,
    tokens::{self, Token},
};

#[derive(Debug, thiserror::Error)]
pub enum RatingError {
    #[error("a question has 1 to 500 characters, and nobody is asked more often than daily or more seldom than yearly")]
    Asking,
    #[error("a span begins before it ends, and has at most {} days", RATINGS_SPAN_MAX.num_days())]
    Span,
    #[error("there is no such conversation")]
    NotFound,
    #[error(transparent)]
    Store(#[from] Error),
}

/// What the tenant wants to know.
pub async fn asking(app: &App, tenant: TenantId) -> Result<Asking> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    read(&mut tx).await
}

async fn read(tx: &mut TenantTx) -> Result<Asking> {
    let kept = stored::asking(tx).await?;
    kept.map_or_else(|| Ok(Asking::default()), |asking| Ok(serde_json::from_value(asking)?))
}

/// Holds for conversations that are resolved from then on.
pub async fn set_asking(app: &App, tenant: TenantId, asking: &Asking) -> Result<(), RatingError> {
    if !asking.is_sound() {
        return Err(RatingError::Asking);
    }
    let json = serde_json::to_value(asking).map_err(Error::from)?;
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    stored::set_asking(&mut tx, &json).await?;
    Ok(tx.commit().await?)
}

/// Asks whoever is to be asked by now; returns how many were.
pub async fn ask_all(app: &App) -> Result<usize> {
    let mut asked = 0;
    for _ in 0..RATINGS_PAGES_MAX {
        let mut tx = SystemTx::begin(&app.store).await?;
        let due = stored::due(&mut tx, RATINGS_PAGE, app.clock.now()).await?;
        tx.commit().await?;
        for (tenant, conversation) in &due {
            asked += usize::from(ask(app, *tenant, *conversation).await?);
        }
        if i64::try_from(due.len()).is_ok_and(|found| found < RATINGS_PAGE) {
            break;
        }
    }
    Ok(asked)
}

/// Why nobody was asked.
enum Unasked {
    /// A message that cannot be accepted: asking again would not help.
    Because(String),
    Store(Error),
}

impl From<Error> for Unasked {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<SubmitError> for Unasked {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Store(error) | SubmitError::Credit(CreditError::Store(error)) => Self::Store(error),
            other => Self::Because(other.to_string()),
        }
    }
}

impl From<ConversationError> for Unasked {
    fn from(error: ConversationError) -> Self {
        match error {
            ConversationError::Store(error) => Self::Store(error),
            other => Self::Because(other.to_string()),
        }
    }
}

/// Once for each time it is resolved, whatever comes of it.
async fn ask(app: &App, tenant: TenantId, id: ConversationId) -> Result<bool> {
    match attempt(app, tenant, id).await {
        Ok(asked) => Ok(asked),
        Err(Unasked::Store(error)) => Err(error),
        Err(Unasked::Because(why)) => {
            tracing::info!(conversation.id = %id, %why, "nobody is asked about the conversation");
            let mut tx = TenantTx::begin(&app.store, tenant).await?;
            stored::take(&mut tx, id, app.clock.now()).await?;
            tx.commit().await?;
            Ok(false)
        }
    }
}

async fn attempt(app: &App, tenant: TenantId, id: ConversationId) -> Result<bool, Unasked> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let found = conversing::find(&mut tx, id, None).await?.ok_or(ConversationError::NotFound)?;
    // Held before the conversation, as by whoever goes on with runs: one person is not asked about two at once.
    if contacts::lock(&mut tx, found.contact).await?.is_none() {
        return Err(Unasked::Because("the person is not there any more".to_owned()));
    }
    let by = By { tenant, caller: Actor::System, member: None };
    let mut work = Work::within(app, tx, by, id).await?;
    if !stored::take(&mut work.tx, id, now).await? {
        return Ok(false);
    }
    let asking = read(&mut work.tx).await?;
    let moment = moment(&mut work, now).await?;
    let message = if asking.asks(&moment) { Some(say(app, &mut work, asking, now).await?) } else { None };
    let queued = (EventKind::MessageQueued, json!({"state": SendState::Queued}));
    let told: Vec<_> = message.map(|message| work.event(Some(message), queued)).into_iter().collect();
    telling::tell(&mut work.tx, &told, now).await?;
    let lane = work.conversation.account;
    work.tx.commit().await?;
    app.live.told(telling::tenants(&told));
    if message.is_some() {
        app.nudges.nudge(tenant, lane);
    }
    Ok(message.is_some())
}

async fn moment(work: &mut Work, now: DateTime<Utc>) -> Result<Moment> {
    let asked_at = stored::asked_at(&mut work.tx, work.conversation.contact).await?;
    let one = &work.conversation;
    Ok(Moment {
        state: one.state,
        channel: one.channel,
        inbound: one.inbound,
        window_closes_at: one.window_closes_at,
        asked_at,
        now,
    })
}

/// The question with its link, as what a rule says.
async fn say(app: &App, work: &mut Work, asking: Asking, now: DateTime<Utc>) -> Result<MessageId, Unasked> {
    let (id, member) = (work.conversation.id, work.conversation.assignee);
    let token = Token::generate();
    let body = Body(format!("{}\n{}/r/{}", asking.question.trim(), app.public_url, token.as_str()));
    let saying = Saying {
        account: work.conversation.account,
        channel: work.conversation.channel,
        contact: work.conversation.contact,
        address: work.conversation.address,
        content: Content::Text { body, preview_url: false },
        quiet_policy: QuietPolicy::default_for(Source::Automation, Class::Automation),
        by: Actor::System,
    };
    let message = messages::say(&mut work.tx, saying, now).await?;
    runs::adopt(&mut work.tx, message, id, now).await?;
    let new = NewRating {
        id: RatingId::new(now),
        conversation: id,
        message,
        member,
        token: token.hash(),
        asked_at: now,
        expires_at: now + RATING_LINK_LASTS,
    };
    stored::insert(&mut work.tx, &new).await?;
    Ok(message)
}

/// What the person sees.
pub struct Page {
    /// Who asks.
    pub writer: Writer,
    pub question: String,
    /// The person's own, if it is known.
    pub language: Option<String>,
    /// What they said before.
    pub score: Option<i16>,
    pub comment: Option<String>,
    pub is_over: bool,
}

/// What a link asks. None: it leads nowhere.
pub async fn look(app: &App, token: &str) -> Result<Option<Page>> {
    let Some((mut tx, rating)) = find(app, token).await? else { return Ok(None) };
    page(&mut tx, rating, app.clock.now()).await
}

async fn find(app: &App, token: &str) -> Result<Option<(TenantTx, Rating)>> {
    let Some(hash) = tokens::hash(token) else { return Ok(None) };
    let mut system = SystemTx::begin(&app.store).await?;
    let Some((tenant, id)) = stored::find(&mut system, &hash).await? else { return Ok(None) };
    drop(system);
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(stored::get(&mut tx, id).await?.map(|rating| (tx, rating)))
}

async fn page(tx: &mut TenantTx, rating: Rating, now: DateTime<Utc>) -> Result<Option<Page>> {
    let Some(conversation) = conversing::find(tx, rating.conversation, None).await? else { return Ok(None) };
    let contact = contacts::find(tx, conversation.contact).await?;
    let writer = business::writer(tx).await?;
    Ok(Some(Page {
        writer,
        question: read(tx).await?.question,
        language: contact.and_then(|contact| contact.language),
        score: rating.score,
        comment: rating.comment,
        is_over: rating.expires_at <= now,
    }))
}

/// What a person says, 1 to 5, with a comment if they like; a longer comment is cut. Said anew it replaces what was said
/// before, as long as the link lasts. None: the link leads nowhere.
pub async fn rate(app: &App, token: &str, score: i16, comment: Option<&str>) -> Result<Option<Page>> {
    let Some((tx, rating)) = find(app, token).await? else { return Ok(None) };
    let now = app.clock.now();
    let comment: Option<String> = comment.map(cut).filter(|text| !text.is_empty());
    let by = By { tenant: tx.tenant(), caller: Actor::System, member: None };
    let work = Work::within(app, tx, by, rating.conversation).await;
    let mut work = work.map_err(|error| match error {
        ConversationError::Store(error) => error,
        other => Error::Corrupt(other.to_string()),
    })?;
    let said = stored::rate(&mut work.tx, rating.id, (score, comment.as_deref()), now).await?;
    let rated = (EventKind::Rated, json!({"score": score}));
    let told: Vec<_> = said.then(|| work.event(None, rated)).into_iter().collect();
    let Some(rating) = stored::get(&mut work.tx, rating.id).await? else { return Ok(None) };
    let page = page(&mut work.tx, rating, now).await?;
    telling::tell(&mut work.tx, &told, now).await?;
    work.tx.commit().await?;
    app.live.told(telling::tenants(&told));
    Ok(page)
}

fn cut(text: &str) -> String {
    text.trim().chars().filter(|c| *c != '\0').take(RATING_COMMENT_CHARS_MAX).collect()
}

/// What was asked about a conversation and said, at most 50, the last first.
pub async fn list(app: &App, tenant: TenantId, conversation: ConversationId) -> Result<Vec<Rating>, RatingError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    conversing::find(&mut tx, conversation, None).await?.ok_or(RatingError::NotFound)?;
    Ok(stored::of_conversation(&mut tx, conversation, RATINGS_SHOWN_MAX).await?)
}

/// How people answered what they were asked from one instant to another; of more than 100,000 the newest.
pub async fn summary(
    app: &App,
    tenant: TenantId,
    (from, to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    member: Option<MemberId>,
) -> Result<Summary, RatingError> {
    let to = to.unwrap_or_else(|| app.clock.now());
    let from = from.unwrap_or(to - TimeDelta::days(30));
    if from >= to || to - from > RATINGS_SPAN_MAX {
        return Err(RatingError::Span);
    }
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(stored::summary(&mut tx, &Span { from, to, member, limit: RATINGS_COUNTED_MAX }).await?)
}
