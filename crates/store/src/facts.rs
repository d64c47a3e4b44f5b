//! Everything a decision may depend on, read in two statements: what a send has, and what its lane has. A new fact in the
//! core stops this file compiling.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use postroad_core::{
    account::{AccountStatus, Channel, Spacing},
    consent::{Consent, ConsentAction, Purpose, SuppressionReason},
    gates::{
        AccountFacts, Cap, CapFacts, CreditFacts, Facts, QuietFacts, QuietPolicy, QuotaFacts, RateFacts, SpacingFacts,
        TemplateFacts, TemplateStanding, WindowFacts, ZoneOf, credit,
    },
    ids::{AccountId, AddressId, CampaignId, ContactId, MessageId, TenantId},
    message::{Class, Content, Source},
    provider::StoredTemplate,
    quiet_hours::QuietHours,
    template::{TemplateCategory, TemplateStatus},
};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    AnyTx, Error, Result,
    bodies::{self, Kept, Keys, Shut},
    portfolios,
};

/// A send with what its decision depends on, and what its call needs.
#[derive(Debug)]
pub struct SendFacts {
    pub tenant: TenantId,
    pub id: MessageId,
    pub account: AccountId,
    pub contact: ContactId,
    pub address_id: AddressId,
    /// Where it goes, in the channel's one spelling.
    pub to: String,
    pub content: Content,
    pub reply_to: Option<String>,
    /// What is stored of the template that the content names.
    pub template: Option<Template>,
    pub consent_version: i32,
    /// The bucket between this account and this person, where the provider has one.
    pub spacing: Option<Spacing>,
    /// The campaign whose throttle it needs a place from.
    pub throttled: Option<CampaignId>,
    /// The portfolio of which it needs a place.
    pub portfolio: Option<String>,
    pub facts: Facts,
}

/// A template, as adapters may need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub provider_ref: Option<String>,
    /// Only for channels where we write the text ourselves; empty elsewhere.
    pub body: String,
}

impl Template {
    pub fn as_outbound(&self) -> StoredTemplate<'_> {
        StoredTemplate { provider_ref: self.provider_ref.as_deref(), body: &self.body }
    }
}

/// What was read, and what cannot be: one row that breaks must not keep the others waiting.
#[derive(Debug, Default)]
pub struct Read {
    pub sends: Vec<SendFacts>,
    pub corrupt: Vec<Corrupt>,
}

/// A send whose stored content or time zone makes no sense.
#[derive(Debug, Clone)]
pub struct Corrupt {
    pub tenant: TenantId,
    pub id: MessageId,
    pub why: String,
}

/// Reads the facts of these sends as they are now, in any order. What the transaction may not see is not returned. The
/// tenant is asked for because every key begins with it.
pub async fn read(
    tx: &mut impl AnyTx,
    sends: &[(TenantId, MessageId)],
    defaults: QuietHours,
    now: DateTime<Utc>,
) -> Result<Read> {
    let rows = read_rows(tx, sends).await?;
    let lanes = read_lanes(tx, &rows).await?;
    let full = read_full(tx, &rows, &lanes).await?;
    let contents: Vec<Option<Kept>> = rows.iter().map(|row| serde_json::from_str(row.content.get()).ok()).collect();
    let sealed = rows.iter().zip(&contents).filter_map(|(row, kept)| Some((row.tenant, kept.as_ref()?.sealed()?)));
    let keys = Keys::of(tx, bodies::named(sealed)).await?;
    let mut read = Read::default();
    for (row, kept) in rows.into_iter().zip(contents) {
        let Some(lane) = lanes.get(&(row.tenant, row.account)) else { continue };
        let (tenant, id) = (row.tenant, row.id);
        let quota = full.quota(&row, lane);
        let content = match kept.ok_or_else(|| Shut::Broken.into()).and_then(|kept| keys.content(tenant, id, kept)) {
            // Nothing is wrong with the message: it is read again where the key is.
            Err(Error::Shut(Shut::KeyAway(why))) => return Err(Shut::KeyAway(why).into()),
            content => content.map_err(|_| "the content cannot be read".to_owned()),
        };
        match content.and_then(|content| row.into_facts(lane, content, quota, (defaults, now))) {
            Ok(send) => read.sends.push(send),
            Err(why) => read.corrupt.push(Corrupt { tenant, id, why }),
        }
    }
    Ok(read)
}

async fn read_rows(tx: &mut impl AnyTx, sends: &[(TenantId, MessageId)]) -> Result<Vec<Row>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = sends.iter().map(|(tenant, id)| (tenant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select m.tenant_id as "tenant: TenantId", m.id as "id: MessageId", m.account_id as "account: AccountId",
               coalesce(n.merged_into, n.id) as "contact!: ContactId", m.address_id as "address_id: AddressId", d.address as "to",
               m.content as "content: sqlx::types::Json<Box<RawValue>>", m.reply_to, m.class as "class: Class", m.source as "source: Source",
               m.purpose as "purpose: Purpose", m.quiet_policy as "quiet_policy: QuietPolicy", s.not_after,
               (s.campaign_id is not null and c.state not in ('preparing', 'running', 'completing')) as "campaign_paused!",
               case when c.throttle_per_minute is not null then c.id end as "throttled: CampaignId",
               x.reason as "suppressed?: SuppressionReason", d.consent_version,
               case m.purpose when 'marketing' then d.marketing_action else d.transactional_action end as "consent_action: ConsentAction",
               case m.purpose when 'marketing' then d.marketing_at else d.transactional_at end as consent_at,
               p.status as "template_status?: TemplateStatus", p.category as "template_category?: TemplateCategory",
               p.placeholders as "template_placeholders?", p.provider_ref as "template_ref?",
               case when d.channel = 'sms' then p.body end as template_body, v.closes_at as "window_closes_at?", case when w.id is null then n.time_zone else w.time_zone end as contact_zone,
               f.uses as "uses?", g.tat as "spacing_tat?", g.backoff_until as "backoff_until?"
        from   unnest($1::uuid[], $2::uuid[]) as k (tenant_id, id)
        join   messages m on m.tenant_id = k.tenant_id and m.id = k.id
        join   sends s on s.tenant_id = m.tenant_id and s.id = m.id
        join   addresses d on d.tenant_id = m.tenant_id and d.id = m.address_id
        join   contacts n on n.tenant_id = m.tenant_id and n.id = m.contact_id
        left   join contacts w on w.tenant_id = n.tenant_id and w.id = n.merged_into
        left   join campaigns c on c.tenant_id = s.tenant_id and c.id = s.campaign_id
        left   join lateral (
            select u.reason from suppressions u
            where  u.tenant_id = m.tenant_id and u.address = d.address and u.channel in ('*', d.channel)
            limit  1) x on true
        left   join templates p on m.kind = 'template' and p.tenant_id = m.tenant_id and p.account_id = m.account_id
                                and p.name = m.content ->> 'name' and p.language = m.content ->> 'language'
        left   join session_windows v on v.tenant_id = m.tenant_id and v.account_id = m.account_id and v.address_id = m.address_id
        left   join frequency_uses f on m.purpose = 'marketing' and f.tenant_id = m.tenant_id
                                    and f.contact_id = coalesce(n.merged_into, n.id)
        left   join spacings g on g.tenant_id = m.tenant_id and g.account_id = m.account_id and g.address_id = m.address_id
        "#,
        &tenants,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What all sends of one lane share, read once for all of them.
async fn read_lanes(tx: &mut impl AnyTx, rows: &[Row]) -> Result<HashMap<(TenantId, AccountId), LaneRow>> {
    let lanes: HashSet<(TenantId, AccountId)> = rows.iter().map(|row| (row.tenant, row.account)).collect();
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) =
        lanes.iter().map(|(tenant, lane)| (tenant.uuid(), lane.uuid())).unzip();
    let lanes = sqlx::query_as!(
        LaneRow,
        r#"
        select a.tenant_id as "tenant: TenantId", a.id as "account: AccountId", a.channel as "channel: Channel",
               a.status as "status: AccountStatus", t.sending_paused or i.sending_paused as "sending_paused!", i.restore_hold,
               exists (select 1 from provider_switches w where w.provider = a.provider) as "provider_off!",
               coalesce(a.quiet_starts, t.quiet_starts) as quiet_starts, coalesce(a.quiet_ends, t.quiet_ends) as quiet_ends,
               a.time_zone as account_zone, t.time_zone as tenant_zone, t.caps as "caps: sqlx::types::Json<Vec<Cap>>",
               a.spacing_every_s, a.spacing_burst, t.credit_enforced, l.rests_until,
               coalesce(a.portfolio, a.id::text) as "portfolio!", p.people_max as "people_max?", p.people as "people?"
        from   unnest($1::uuid[], $2::uuid[]) as k (tenant_id, id)
        join   accounts a on a.tenant_id = k.tenant_id and a.id = k.id
        join   lanes l on l.tenant_id = k.tenant_id and l.id = k.id
        join   tenants t on t.id = k.tenant_id
        left   join portfolios p on p.tenant_id = a.tenant_id and p.id = coalesce(a.portfolio, a.id::text)
        join   installation i on i.only_row
        "#,
        &tenants,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(lanes.into_iter().map(|lane| ((lane.tenant, lane.account), lane)).collect())
}

struct Row {
    tenant: TenantId,
    id: MessageId,
    account: AccountId,
    contact: ContactId,
    address_id: AddressId,
    to: String,
    content: sqlx::types::Json<Box<RawValue>>,
    reply_to: Option<String>,
    class: Class,
    source: Source,
    purpose: Purpose,
    quiet_policy: QuietPolicy,
    not_after: Option<DateTime<Utc>>,
    campaign_paused: bool,
    throttled: Option<CampaignId>,
    suppressed: Option<SuppressionReason>,
    consent_version: i32,
    consent_action: Option<ConsentAction>,
    consent_at: Option<DateTime<Utc>>,
    template_status: Option<TemplateStatus>,
    template_category: Option<TemplateCategory>,
    template_placeholders: Option<i32>,
    template_ref: Option<String>,
    template_body: Option<String>,
    window_closes_at: Option<DateTime<Utc>>,
    contact_zone: Option<String>,
    uses: Option<Vec<DateTime<Utc>>>,
    spacing_tat: Option<DateTime<Utc>>,
    backoff_until: Option<DateTime<Utc>>,
}

struct LaneRow {
    tenant: TenantId,
    account: AccountId,
    channel: Channel,
    status: AccountStatus,
    sending_paused: bool,
    restore_hold: bool,
    provider_off: bool,
    quiet_starts: Option<NaiveTime>,
    quiet_ends: Option<NaiveTime>,
    account_zone: Option<String>,
    tenant_zone: String,
    caps: sqlx::types::Json<Vec<Cap>>,
    spacing_every_s: Option<i32>,
    spacing_burst: Option<i32>,
    credit_enforced: bool,
    rests_until: Option<DateTime<Utc>>,
    portfolio: String,
    people_max: Option<i32>,
    people: Option<i32>,
}

/// What is known of portfolios that have no room: when there is some again, and who needs none.
#[derive(Default)]
struct Full {
    free_at: HashMap<portfolios::Key, Vec<DateTime<Utc>>>,
    counted_until: HashMap<(TenantId, String, AddressId), DateTime<Utc>>,
}

/// Two more statements, and only where a portfolio is full.
async fn read_full(tx: &mut impl AnyTx, rows: &[Row], lanes: &HashMap<(TenantId, AccountId), LaneRow>) -> Result<Full> {
    let full: HashMap<portfolios::Key, i64> =
        lanes.values().filter(|lane| lane.is_full()).map(|lane| ((lane.tenant, lane.portfolio.clone()), 1)).collect();
    if full.is_empty() {
        return Ok(Full::default());
    }
    let lane = |row: &Row| lanes.get(&(row.tenant, row.account)).filter(|lane| lane.is_full());
    let people: Vec<_> =
        rows.iter().filter_map(|row| Some((row.tenant, lane(row)?.portfolio.clone(), row.address_id))).collect();
    Ok(Full {
        free_at: portfolios::back_at(tx, &full).await?,
        counted_until: portfolios::counted_until(tx, &people).await?,
    })
}

impl Full {
    fn quota(&self, row: &Row, lane: &LaneRow) -> Option<QuotaFacts> {
        let people_max = u32::try_from(lane.people_max?).ok()?;
        if !lane.is_full() {
            return Some(QuotaFacts { people_max, counted_until: None, free_at: None });
        }
        let key = (row.tenant, lane.portfolio.clone());
        let free_at = self.free_at.get(&key).and_then(|back| back.first()).copied();
        let counted_until = self.counted_until.get(&(key.0, key.1, row.address_id)).copied();
        Some(QuotaFacts { people_max, counted_until, free_at })
    }
}

impl LaneRow {
    /// The count may be behind, and then the reservation says so.
    fn is_full(&self) -> bool {
        self.people_max.is_some_and(|most| self.people.unwrap_or_default() >= most)
    }

    fn quiet_hours(&self, defaults: QuietHours) -> QuietHours {
        self.quiet_starts.zip(self.quiet_ends).map_or(defaults, |(starts, ends)| QuietHours { starts, ends })
    }

    fn spacing(&self) -> Option<Spacing> {
        let (every, burst) = self.spacing_every_s.zip(self.spacing_burst)?;
        Some(Spacing { every_s: u32::try_from(every).ok()?, burst: u32::try_from(burst).ok()? })
    }
}

impl Row {
    fn into_facts(
        self,
        lane: &LaneRow,
        content: Content,
        quota: Option<QuotaFacts>,
        (defaults, now): (QuietHours, DateTime<Utc>),
    ) -> Result<SendFacts, String> {
        let (zone, zone_of) = self.zone(lane)?;
        let spacing = lane.spacing();
        let facts = Facts {
            now,
            class: self.class,
            source: self.source,
            purpose: self.purpose,
            channel: lane.channel,
            not_after: self.not_after,
            account: AccountFacts {
                status: lane.status,
                sending_paused: lane.sending_paused,
                campaign_paused: self.campaign_paused,
                restore_hold: lane.restore_hold,
                provider_off: lane.provider_off,
            },
            suppressed: self.suppressed,
            consent: self.consent_action.zip(self.consent_at).map(|(action, at)| Consent { action, at }),
            template: self.template(&content),
            window: lane.channel.has_session_window().then_some(WindowFacts {
                content_is_free: matches!(content, Content::Template(_)),
                closes_at: self.window_closes_at,
            }),
            quiet: Some(QuietFacts { hours: lane.quiet_hours(defaults), zone, zone_of, policy: self.quiet_policy }),
            caps: self.cap_facts(lane, zone),
            spacing: spacing.map(|spacing| SpacingFacts {
                free_at: self.spacing_tat.map(|tat| spacing.free_at(tat)),
                backoff_until: self.backoff_until,
            }),
            // Cover is drawn when a message is accepted and when a campaign starts; without it there is no send.
            credit: CreditFacts { enforced: lane.credit_enforced, covered: true, quota },
            rate: RateFacts { rests_until: lane.rests_until },
        };
        Ok(SendFacts {
            tenant: self.tenant,
            id: self.id,
            account: self.account,
            contact: self.contact,
            address_id: self.address_id,
            to: self.to,
            content,
            reply_to: self.reply_to,
            template: self
                .template_status
                .map(|_| Template { provider_ref: self.template_ref, body: self.template_body.unwrap_or_default() }),
            consent_version: self.consent_version,
            spacing,
            throttled: self.throttled,
            portfolio: credit::takes_a_place(&facts).then(|| lane.portfolio.clone()),
            facts,
        })
    }

    fn zone(&self, lane: &LaneRow) -> Result<(Tz, ZoneOf), String> {
        let (name, of) = match (&self.contact_zone, &lane.account_zone) {
            (Some(zone), _) => (zone, ZoneOf::Contact),
            (None, Some(zone)) => (zone, ZoneOf::Account),
            (None, None) => (&lane.tenant_zone, ZoneOf::Tenant),
        };
        let zone = name.parse().map_err(|_| format!("{name:?} is not a time zone"))?;
        Ok((zone, of))
    }

    fn template(&self, content: &Content) -> Option<TemplateFacts> {
        let Content::Template(used) = content else { return None };
        let found = match (self.template_status, self.template_category, self.template_placeholders) {
            (Some(status), Some(category), Some(placeholders)) => Some(TemplateStanding {
                status,
                category,
                placeholders: usize::try_from(placeholders).unwrap_or_default(),
            }),
            _ => None,
        };
        Some(TemplateFacts { found, parameters: used.parameters.len() })
    }

    fn cap_facts(&self, lane: &LaneRow, zone: Tz) -> Option<CapFacts> {
        let counted = self.purpose == Purpose::Marketing && !lane.caps.0.is_empty();
        counted.then(|| CapFacts { caps: lane.caps.0.clone(), zone, uses: self.uses.clone().unwrap_or_default() })
    }
}

/// When the instants of [`CapFacts::uses`] stop mattering to any cap that a tenant may set.
pub const CAP_WINDOW_MAX: TimeDelta = TimeDelta::days(31);
