//! What people were asked about a conversation, and what they said, known by the hash of a token.

use chrono::{DateTime, Utc};
use postroad_core::ids::{ContactId, ConversationId, MemberId, MessageId, RatingId, TenantId};
use serde_json::Value;

use crate::{
    Result, SystemTx, TenantTx,
    bodies::{self, Keys, Place, Ward},
    contact_links::TokenHash,
};

/// What the tenant wants to know. None: nobody has said it.
pub async fn asking(tx: &mut TenantTx) -> Result<Option<Value>> {
    let tenant = tx.tenant();
    let asking = sqlx::query_scalar!("select asking from tenants where id = $1", tenant.uuid())
        .fetch_optional(tx.conn())
        .await?;
    Ok(asking.flatten())
}

pub async fn set_asking(tx: &mut TenantTx, asking: &Value) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("update tenants set asking = $2 where id = $1", tenant.uuid(), asking).execute(tx.conn()).await?;
    Ok(())
}

/// Up to `limit` conversations about which it is time to ask.
pub async fn due(tx: &mut SystemTx, limit: i64, now: DateTime<Utc>) -> Result<Vec<(TenantId, ConversationId)>> {
    let rows = sqlx::query!(
        r#"
        select tenant_id as "tenant: TenantId", id as "id: ConversationId" from conversations
        where  rating_due_at <= $1
        order  by rating_due_at
        limit  $2
        "#,
        now,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant, row.id)).collect())
}

/// It is not time any more, because somebody sees to it now. False: somebody did before, or it was opened again.
pub async fn take(tx: &mut TenantTx, id: ConversationId, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update conversations set rating_due_at = null where tenant_id = $1 and id = $2 and rating_due_at <= $3",
        tenant.uuid(),
        id.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// When a person was asked last, about any conversation.
pub async fn asked_at(tx: &mut TenantTx, contact: ContactId) -> Result<Option<DateTime<Utc>>> {
    let tenant = tx.tenant();
    let asked_at = sqlx::query_scalar!(
        r#"
        select max(r.asked_at)
        from   addresses d
        join   conversations c on c.tenant_id = $1 and c.address_id = d.id
        join   conversation_ratings r on r.tenant_id = $1 and r.conversation_id = c.id
        where  d.tenant_id = $1 and d.contact_id = $2
        "#,
        tenant.uuid(),
        contact.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(asked_at)
}

/// A question that was sent.
pub struct NewRating {
    pub id: RatingId,
    pub conversation: ConversationId,
    pub message: MessageId,
    /// Whose conversation it was.
    pub member: Option<MemberId>,
    pub token: TokenHash,
    pub asked_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

pub async fn insert(tx: &mut TenantTx, new: &NewRating) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into conversation_ratings (tenant_id, id, conversation_id, message_id, member_id, token_sha256, asked_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        "#,
        tenant.uuid(),
        new.id.uuid(),
        new.conversation.uuid(),
        new.message.uuid(),
        new.member.map(MemberId::uuid),
        &new.token[..],
        new.asked_at,
        new.expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What a person was asked, and said. Never printed: the comment is theirs.
#[derive(Clone, PartialEq, Eq)]
pub struct Rating {
    pub id: RatingId,
    pub conversation: ConversationId,
    pub member: Option<MemberId>,
    /// 1 to 5.
    pub score: Option<i16>,
    pub comment: Option<String>,
    pub asked_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub rated_at: Option<DateTime<Utc>>,
}

/// Whose question it is, of all tenants: a token names none.
pub async fn find(tx: &mut SystemTx, token: &TokenHash) -> Result<Option<(TenantId, RatingId)>> {
    let row = sqlx::query!(
        r#"select tenant_id as "tenant: TenantId", id as "id: RatingId" from conversation_ratings where token_sha256 = $1"#,
        &token[..],
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.tenant, row.id)))
}

pub async fn get(tx: &mut TenantTx, id: RatingId) -> Result<Option<Rating>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        r#"
        select id as "id: RatingId", conversation_id as "conversation: ConversationId", member_id as "member: MemberId", score, comment,
               asked_at, expires_at, rated_at, sealed
        from   conversation_ratings
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(opened(tx, row.into_iter().collect()).await?.pop())
}

struct Row {
    id: RatingId,
    conversation: ConversationId,
    member: Option<MemberId>,
    score: Option<i16>,
    comment: Option<String>,
    asked_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    rated_at: Option<DateTime<Utc>>,
    sealed: bool,
}

async fn opened(tx: &mut TenantTx, rows: Vec<Row>) -> Result<Vec<Rating>> {
    let tenant = tx.tenant();
    let sealed = rows.iter().filter(|row| row.sealed).filter_map(|row| Some((tenant, row.comment.as_deref()?)));
    let keys = Keys::of(tx, bodies::named(sealed)).await?;
    let rating = |row: Row| {
        let Row { id, conversation, member, score, mut comment, asked_at, expires_at, rated_at, sealed } = row;
        if sealed {
            let open = |comment: String| keys.text(tenant, Place::Rating(id.uuid()), &comment);
            comment = comment.map(open).transpose()?;
        }
        Ok(Rating { id, conversation, member, score, comment, asked_at, expires_at, rated_at })
    };
    rows.into_iter().map(rating).collect()
}

/// Of one conversation, at most `limit`, the last asked first.
pub async fn of_conversation(tx: &mut TenantTx, conversation: ConversationId, limit: i64) -> Result<Vec<Rating>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select id as "id: RatingId", conversation_id as "conversation: ConversationId", member_id as "member: MemberId", score, comment,
               asked_at, expires_at, rated_at, sealed
        from   conversation_ratings
        where  tenant_id = $1 and conversation_id = $2
        order  by id desc
        limit  $3
        "#,
        tenant.uuid(),
        conversation.uuid(),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    opened(tx, rows).await
}

/// What the person says, while the link leads there; the conversation shows it. False: it does not, or they said the same.
pub async fn rate(
    tx: &mut TenantTx,
    id: RatingId,
    (score, comment): (i16, Option<&str>),
    now: DateTime<Utc>,
) -> Result<bool> {
    let tenant = tx.tenant();
    let Some(before) = get(tx, id).await? else { return Ok(false) };
    // Two seals of one word differ, so the words are compared here.
    if before.score == Some(score) && before.comment.as_deref() == comment {
        return Ok(false);
    }
    let (ward, account) = Ward::of_conversation(tx, before.conversation).await?;
    let kept = comment.map(|comment| ward.text(account, Place::Rating(id.uuid()), comment)).transpose()?;
    let (comment, sealed) = kept.map_or((None, false), |(comment, sealed)| (Some(comment), sealed));
    let done = sqlx::query!(
        r#"
        with said as (
            update conversation_ratings r set score = $3, comment = $4, rated_at = $5, sealed = $6
            where  r.tenant_id = $1 and r.id = $2 and r.expires_at > $5 and r.token_sha256 is not null
            and    (r.score is distinct from $3 or r.comment is distinct from $4)
            returning r.conversation_id
        )
        update conversations c set rating = $3, rated_at = $5, updated_at = $5
        from   said
        where  c.tenant_id = $1 and c.id = said.conversation_id
        "#,
        tenant.uuid(),
        id.uuid(),
        score,
        comment,
        now,
        sealed,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Of what was asked in a span of time.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub from: DateTime<Utc>,
    /// Not included.
    pub to: DateTime<Utc>,
    /// Only what was this member's.
    pub member: Option<MemberId>,
    /// Questions that are counted at most, the newest.
    pub limit: i64,
}

/// How people answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub asked: i64,
    /// Answers with 1, 2, 3, 4 and 5.
    pub scores: [i64; 5],
}

impl Summary {
    pub fn rated(&self) -> i64 {
        self.scores.iter().sum()
    }

    /// 1 to 5, with two digits. None: nobody answered.
    pub fn average(&self) -> Option<f64> {
        let sum: i64 = self.scores.iter().zip(1..).map(|(count, score)| count * score).sum();
        let hundredths = (sum * 100).checked_div(self.rated())?;
        Some(f64::from(i32::try_from(hundredths).ok()?) / 100.0)
    }
}

pub async fn summary(tx: &mut TenantTx, span: &Span) -> Result<Summary> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        select count(*) as "asked!", count(*) filter (where score = 1) as "one!", count(*) filter (where score = 2) as "two!",
               count(*) filter (where score = 3) as "three!", count(*) filter (where score = 4) as "four!",
               count(*) filter (where score = 5) as "five!"
        from   (select score from conversation_ratings
                where  tenant_id = $1 and asked_at >= $2 and asked_at < $3 and ($4::uuid is null or member_id = $4)
                order  by asked_at desc
                limit  $5) r
        "#,
        tenant.uuid(),
        span.from,
        span.to,
        span.member.map(MemberId::uuid),
        span.limit,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(Summary { asked: row.asked, scores: [row.one, row.two, row.three, row.four, row.five] })
}

/// What a contact said goes, and no link leads there any more. That they were asked stays, with the number.
pub async fn forget(tx: &mut TenantTx, contact: ContactId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        update conversation_ratings r set comment = null, sealed = false, token_sha256 = null
        from   addresses d
        join   conversations c on c.tenant_id = $1 and c.address_id = d.id
        where  d.tenant_id = $1 and d.contact_id = $2 and r.tenant_id = $1 and r.conversation_id = c.id
        "#,
        tenant.uuid(),
        contact.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
