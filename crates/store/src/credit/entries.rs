//! The lines of a wallet's statement. They are written and read, and never changed.

use chrono::{DateTime, NaiveDate, Utc};
use postroad_core::{
    account::Channel,
    credit::{Category, EntryKind},
    ids::{CampaignId, EntryId, MemberId, MessageId},
};
use uuid::Uuid;

use crate::{Result, TenantTx};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub id: EntryId,
    pub kind: EntryKind,
    /// What it adds to the wallet.
    pub credits: i64,
    /// Of `settle`: what was reserved and is gone.
    pub spent: i64,
    /// How many messages it is about.
    pub messages: i64,
    pub message: Option<MessageId>,
    pub campaign: Option<CampaignId>,
    /// Who asked for the messages.
    pub member: Option<MemberId>,
    /// What it adds to their allowance.
    pub allowance: i64,
    pub channel: Option<Channel>,
    pub category: Option<Category>,
    /// As histories name it.
    pub made_by: String,
    pub note: Option<String>,
    pub at: DateTime<Utc>,
}

/// Writes lines; their places in the statement are their ids'.
pub async fn insert(tx: &mut TenantTx, entries: &[Entry]) -> Result<()> {
    let tenant = tx.tenant();
    let rows = Columns::of(entries);
    sqlx::query!(
        r#"
        insert into credit_entries (tenant_id, id, kind, credits, spent, messages, message_id, campaign_id, member_id, allowance, channel,
                                    category, made_by, note, at)
        select $1, x.*
        from   unnest($2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::uuid[], $8::uuid[], $9::uuid[],
                      $10::bigint[], $11::text[], $12::text[], $13::text[], $14::text[], $15::timestamptz[]) x
        "#,
        tenant.uuid(),
        &rows.ids,
        &rows.kinds,
        &rows.credits,
        &rows.spent,
        &rows.counts,
        &rows.messages as &[Option<Uuid>],
        &rows.campaigns as &[Option<Uuid>],
        &rows.members as &[Option<Uuid>],
        &rows.allowances,
        &rows.channels as &[Option<String>],
        &rows.categories as &[Option<String>],
        &rows.made_by,
        &rows.notes as &[Option<String>],
        &rows.at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    kinds: Vec<String>,
    credits: Vec<i64>,
    spent: Vec<i64>,
    counts: Vec<i64>,
    messages: Vec<Option<Uuid>>,
    campaigns: Vec<Option<Uuid>>,
    members: Vec<Option<Uuid>>,
    allowances: Vec<i64>,
    channels: Vec<Option<String>>,
    categories: Vec<Option<String>>,
    made_by: Vec<String>,
    notes: Vec<Option<String>>,
    at: Vec<DateTime<Utc>>,
}

impl Columns {
    fn of(entries: &[Entry]) -> Self {
        let mut rows = Self::default();
        for entry in entries {
            rows.push(entry);
        }
        rows
    }

    fn push(&mut self, entry: &Entry) {
        self.ids.push(entry.id.uuid());
        self.kinds.push(entry.kind.as_str().to_owned());
        self.credits.push(entry.credits);
        self.spent.push(entry.spent);
        self.counts.push(entry.messages);
        self.messages.push(entry.message.map(MessageId::uuid));
        self.campaigns.push(entry.campaign.map(CampaignId::uuid));
        self.members.push(entry.member.map(MemberId::uuid));
        self.allowances.push(entry.allowance);
        self.channels.push(entry.channel.map(|channel| channel.as_str().to_owned()));
        self.categories.push(entry.category.map(|category| category.as_str().to_owned()));
        self.made_by.push(entry.made_by.clone());
        self.notes.push(entry.note.clone());
        self.at.push(entry.at);
    }
}

/// Which lines of a statement.
#[derive(Debug, Clone, Copy, Default)]
pub struct Listed {
    pub before: Option<EntryId>,
    pub kind: Option<EntryKind>,
    pub member: Option<MemberId>,
    pub campaign: Option<CampaignId>,
}

/// Newest first.
pub async fn list(tx: &mut TenantTx, listed: &Listed, limit: i64) -> Result<Vec<Entry>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Entry,
        r#"
        select id as "id: EntryId", kind as "kind: EntryKind", credits, spent, messages, message_id as "message: MessageId",
               campaign_id as "campaign: CampaignId", member_id as "member: MemberId", allowance, channel as "channel: Channel",
               category as "category: Category", made_by, note, at
        from   credit_entries
        where  tenant_id = $1 and ($2::uuid is null or id < $2) and ($3::text is null or kind = $3)
        and    ($4::uuid is null or member_id = $4) and ($5::uuid is null or campaign_id = $5)
        order  by id desc
        limit  $6
        "#,
        tenant.uuid(),
        listed.before.map(EntryId::uuid),
        listed.kind.map(EntryKind::as_str),
        listed.member.map(MemberId::uuid),
        listed.campaign.map(CampaignId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What a campaign's reservations took from whose allowance.
pub async fn taken_by_campaign(tx: &mut TenantTx, campaign: CampaignId) -> Result<Option<Taken>> {
    let tenant = tx.tenant();
    let taken = sqlx::query_as!(
        Taken,
        r#"
        select member_id as "member: MemberId", channel as "channel: Channel", category as "category: Category",
               - sum(allowance)::bigint as "allowance!"
        from   credit_entries
        where  tenant_id = $1 and campaign_id = $2
        group  by member_id, channel, category
        order  by 4 desc
        limit  1
        "#,
        tenant.uuid(),
        campaign.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(taken)
}

/// Of a campaign.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    pub member: Option<MemberId>,
    pub channel: Option<Channel>,
    pub category: Option<Category>,
    /// What of the member's allowance it holds, or has spent.
    pub allowance: i64,
}

/// What was spent on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    pub on_date: NaiveDate,
    pub channel: Option<Channel>,
    pub category: Option<Category>,
    pub messages: i64,
    pub credits: i64,
}

/// By day of this zone, channel and category, oldest first; the last day is included.
pub async fn usage(tx: &mut TenantTx, zone: &str, from: NaiveDate, to: NaiveDate) -> Result<Vec<Usage>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Usage,
        r#"
        select (at at time zone $2::text)::date as "on_date!", channel as "channel: Channel", category as "category: Category",
               sum(messages)::bigint as "messages!", sum(spent)::bigint as "credits!"
        from   credit_entries
        where  tenant_id = $1 and kind = 'settle'
        and    at >= ($3::date)::timestamp at time zone $2::text
        and    at < ($4::date + 1)::timestamp at time zone $2::text
        group  by 1, 2, 3
        order  by 1, 2, 3
        limit  10000
        "#,
        tenant.uuid(),
        zone,
        from,
        to,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
