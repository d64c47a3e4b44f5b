//! Campaigns: written as drafts, looked at while they run. How they move is in [`moves`], how they end in [`fold`].

mod events;
mod experiments;
mod fallback;
mod fold;
mod follow;
mod moves;
mod paying;
mod preflight;
mod report;
mod series;
mod settings;
mod watch;

use chrono::{DateTime, Utc};
use postroad_core::{
    account::AccountStatus,
    actor::Actor,
    campaign::{CampaignEvent, CampaignState, LocalLate},
    consent::Purpose,
    gates::QuietPolicy,
    ids::{AccountId, CampaignId, TemplateId, TenantId},
    message::Class,
    schedule::ScheduleError,
    send::weight_of,
    template::{TemplateCategory, TemplateStatus},
};
use postroad_store::{
    Json, TenantTx,
    campaigns::{self, Audience, Campaign, Exclusion, Fallback, Ground, Tally, Variable},
    recipients::{self, Listed, Recipient},
};
use serde::Serialize;

use crate::{
    App,
    audiences::{self, AudienceError},
    credit,
    requests::{self, Answer, Call, OnceError, Opened},
    text, variables,
    zone::UnknownZone,
};

use events::Happened;

pub use events::history;
pub use experiments::{NewExperiment, compare, compared};
pub use fold::fold_all;
pub use follow::{FollowUp, clone, follow_up};
pub use moves::{cancel, pause, resume, start, unschedule};
pub(crate) use paying::{payer, price};
pub use preflight::{Noticed, Preflight, preflight};
pub use report::{Recipients, Report, report};
pub use series::{Timing, schedule};
pub(crate) use watch::stop;

pub use settings::{approve, archive, change, restore};

/// Contacts that may be named one by one.
pub const NAMED_CONTACTS_MAX: usize = 10_000;

/// A campaign to be made.
#[derive(Debug, Clone)]
pub struct NewCampaign {
    /// 1 to 200 characters.
    pub name: String,
    pub account: AccountId,
    pub template: TemplateId,
    pub purpose: Purpose,
    /// One per placeholder of the template.
    pub variables: Vec<Variable>,
    pub audience: Audience,
    /// Who gets nothing, though the audience has them. At most 10.
    pub exclude: Vec<Exclusion>,
    pub quiet_policy: QuietPolicy,
    /// Share of the account among campaigns, 1 to 100.
    pub weight: i16,
    pub not_after: Option<DateTime<Utc>>,
    /// Each recipient gets the variant of the template that speaks their language, if there is one.
    pub in_own_language: bool,
    /// Another way to whom it does not reach.
    pub fallback: Option<Fallback>,
    pub guards: Guards,
}

impl NewCampaign {
    /// One that says nothing but what nobody can guess: marketing, within quiet hours, without values.
    pub fn new(name: impl Into<String>, account: AccountId, template: TemplateId, audience: Audience) -> Self {
        Self {
            name: name.into(),
            account,
            template,
            purpose: Purpose::Marketing,
            variables: Vec::new(),
            audience,
            exclude: Vec::new(),
            quiet_policy: QuietPolicy::Hold,
            weight: weight_of(Class::Campaign),
            not_after: None,
            in_own_language: false,
            fallback: None,
            guards: Guards::default(),
        }
    }
}

/// What keeps a campaign from going wrong faster than people look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guards {
    /// Messages per minute at most, 1 to 600,000.
    pub throttle_per_minute: Option<i32>,
    /// It pauses when this percentage of its messages ends without success, 1 to 100.
    pub pause_at_failures: Option<i16>,
    /// A scheduled start that is later than this does not happen, 60 to 604,800.
    pub start_delay_max_s: i32,
}

impl Default for Guards {
    fn default() -> Self {
        Self { throttle_per_minute: None, pause_at_failures: Some(20), start_delay_max_s: 3_600 }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    #[error("there is no such campaign")]
    NotFound,
    #[error("the name is empty or longer than 200 characters")]
    BadName,
    #[error("a campaign is for marketing or transactional messages")]
    BadPurpose,
    #[error("a weight is a number from 1 to 100")]
    BadWeight,
    #[error("{count} contacts are named, and {NAMED_CONTACTS_MAX} is the most")]
    TooManyContacts { count: usize },
    #[error("the account or the template does not exist")]
    NoGround,
    #[error("the template belongs to another account")]
    OtherAccount,
    #[error("the template has {placeholders} placeholders, and {variables} values are given")]
    Variables { placeholders: usize, variables: usize },
    #[error("{}", variables::WANTED)]
    BadVariable,
    #[error("the template is {status}; only an approved one can be sent")]
    TemplateNotApproved { status: TemplateStatus },
    #[error("the provider treats the template as marketing, so the campaign must be for marketing")]
    TemplateIsMarketing,
    #[error("the campaign is {state}, and can not become {wanted}")]
    WrongState { state: CampaignState, wanted: CampaignState },
    #[error("the time lies in the past")]
    InThePast,
    #[error(transparent)]
    Cron(#[from] ScheduleError),
    #[error(transparent)]
    UnknownZone(#[from] UnknownZone),
    #[error("the expression does not fire any more")]
    NeverFires,
    #[error("this is a series: it starts a campaign at each of its times, and nothing by hand")]
    IsSeries,
    #[error("a series compares nothing: schedule a campaign with an experiment once, or clone it without one")]
    SeriesCompares,
    #[error("a fallback waits for 60 to 86,400 seconds after the end of its campaign")]
    BadWithin,
    #[error("a fallback leaves by another account")]
    SameAccount,
    #[error("this is the fallback of another campaign, which begins it")]
    IsFallback,
    #[error("a throttle is 1 to 600,000 messages a minute")]
    BadThrottle,
    #[error("a share of failures is 1 to 100 percent")]
    BadShare,
    #[error("a start may be late by 60 to 604,800 seconds")]
    BadDelay,
    #[error("{size} people would get it, and above {above} a second person must approve")]
    NeedsApproval { size: i64, above: i64 },
    #[error("whoever wrote a campaign cannot approve it")]
    OwnApproval,
    #[error("the account is {status}: nothing can leave through it")]
    AccountBroken { status: AccountStatus },
    #[error(
        "an experiment has up to four more messages or a holdout, 1 to 100 percent to try them on, at most 50 percent that get \
         nothing, together at most 100, and is decided after 60 to 2,592,000 seconds"
    )]
    BadExperiment,
    #[error("nobody is left for it: no recipient ended like that")]
    NobodyLeft,
    #[error("a reason has 1 to 200 characters")]
    BadReason,
    #[error(transparent)]
    Audience(#[from] AudienceError),
    #[error(transparent)]
    Once(#[from] OnceError),
    #[error(transparent)]
    Credit(#[from] credit::CreditError),
    #[error(transparent)]
    Store(#[from] postroad_store::Error),
}

/// Writes a draft.
pub async fn create(app: &App, by: Actor, tenant: TenantId, new: NewCampaign) -> Result<CampaignId, CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = write_draft(&mut tx, by, new, app.clock.now()).await?;
    tx.commit().await?;
    Ok(campaign.id)
}

/// Writes a draft once per request id. `answer` writes what is told, and told again when the call is repeated.
pub async fn create_once<A: Serialize>(
    app: &App,
    call: &Call,
    new: NewCampaign,
    answer: impl FnOnce(Campaign) -> A + Send,
) -> Result<Answer, CampaignError> {
    let mut open = match requests::open(app, call).await? {
        Opened::Answered(answer) => return Ok(answer),
        Opened::New(open) => open,
    };
    let campaign = write_draft(&mut open.tx, call.actor(), new, open.now).await?;
    Ok(open.close(CREATED, &answer(campaign)).await?)
}

/// Of HTTP.
const CREATED: u16 = 201;

async fn write_draft(
    tx: &mut TenantTx,
    by: Actor,
    new: NewCampaign,
    now: DateTime<Utc>,
) -> Result<Campaign, CampaignError> {
    check(&new)?;
    settings::check(&new.guards)?;
    let ground = campaigns::ground(tx, new.account, new.template).await?.ok_or(CampaignError::NoGround)?;
    check_ground(&ground, new.purpose, new.variables.len())?;
    fallback::check(tx, &new).await?;
    audiences::resolve(tx, &new.audience, &new.exclude).await?;
    let campaign = draft(by, new, now);
    campaigns::insert(tx, &campaign).await?;
    events::note(tx, campaign.id, Happened::plain(CampaignEvent::Created), by, now).await?;
    Ok(campaign)
}

fn check(new: &NewCampaign) -> Result<(), CampaignError> {
    if !text::fits(new.name.trim(), 1..=200) {
        return Err(CampaignError::BadName);
    }
    if new.purpose == Purpose::Conversational {
        return Err(CampaignError::BadPurpose);
    }
    if !(1..=100).contains(&new.weight) {
        return Err(CampaignError::BadWeight);
    }
    check_variables(&new.variables)?;
    match &new.audience {
        Audience::Contacts { contact_ids } if contact_ids.len() > NAMED_CONTACTS_MAX => {
            Err(CampaignError::TooManyContacts { count: contact_ids.len() })
        }
        _ => Ok(()),
    }
}

fn check_variables(variables: &[Variable]) -> Result<(), CampaignError> {
    if variables.iter().all(variables::is_sound) { Ok(()) } else { Err(CampaignError::BadVariable) }
}

fn check_ground(ground: &Ground, purpose: Purpose, variables: usize) -> Result<(), CampaignError> {
    let placeholders = ground.now.placeholders;
    if !ground.same_account {
        return Err(CampaignError::OtherAccount);
    }
    if placeholders != variables {
        return Err(CampaignError::Variables { placeholders, variables });
    }
    if ground.now.template_category == TemplateCategory::Marketing && purpose != Purpose::Marketing {
        return Err(CampaignError::TemplateIsMarketing);
    }
    Ok(())
}

fn draft(by: Actor, new: NewCampaign, now: DateTime<Utc>) -> Campaign {
    Campaign {
        id: CampaignId::new(now),
        name: new.name.trim().to_owned(),
        account: new.account,
        template: new.template,
        purpose: new.purpose,
        variables: Json(new.variables),
        audience: Json(new.audience),
        exclude: Json(new.exclude),
        quiet_policy: new.quiet_policy,
        state: CampaignState::Draft,
        paused_reason: None,
        weight: new.weight,
        scheduled_at: None,
        not_after: new.not_after,
        started_at: None,
        finished_at: None,
        planned: 0,
        planned_at: None,
        plan_page: 0,
        plan_run: 0,
        credit_reserved: 0,
        created_at: now,
        local_at: None,
        local_late: LocalLate::Send,
        start_delay_max_s: new.guards.start_delay_max_s,
        repeat_cron: None,
        repeat_zone: None,
        repeat_until: None,
        series: None,
        fire_at: None,
        throttle_per_minute: new.guards.throttle_per_minute,
        pause_at_failures: new.guards.pause_at_failures,
        created_by: by.to_string(),
        approved_by: None,
        archived_at: None,
        slice_of: None,
        slice_from: None,
        slice_to: None,
        in_own_language: new.in_own_language,
        start_refused: None,
        fallback: new.fallback.map(Json),
        fallback_of: None,
    }
}

/// A campaign that says the same as another one and has not begun: where the other one stands is forgotten.
fn successor(of: &Campaign, name: String, now: DateTime<Utc>) -> Campaign {
    Campaign {
        id: CampaignId::new(now),
        name,
        state: CampaignState::Draft,
        paused_reason: None,
        scheduled_at: None,
        started_at: None,
        finished_at: None,
        planned: 0,
        planned_at: None,
        plan_page: 0,
        plan_run: 0,
        credit_reserved: 0,
        created_at: now,
        repeat_cron: None,
        repeat_zone: None,
        repeat_until: None,
        series: None,
        fire_at: None,
        archived_at: None,
        slice_of: None,
        slice_from: None,
        slice_to: None,
        start_refused: None,
        fallback_of: None,
        ..of.clone()
    }
}

pub async fn get(app: &App, tenant: TenantId, id: CampaignId) -> Result<Campaign, CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    find(&mut tx, id).await
}

async fn find(tx: &mut TenantTx, id: CampaignId) -> Result<Campaign, CampaignError> {
    campaigns::find(tx, id).await?.ok_or(CampaignError::NotFound)
}

/// Newest first.
pub async fn list(app: &App, tenant: TenantId, listed: &campaigns::Listed) -> Result<Vec<Campaign>, CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(campaigns::list(&mut tx, listed).await?)
}

/// Progress, told from rows.
pub async fn tallies(app: &App, tenant: TenantId, id: CampaignId) -> Result<Vec<Tally>, CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    find(&mut tx, id).await?;
    Ok(campaigns::tallies(&mut tx, tenant, id).await?)
}

/// Recipients in the order in which they were planned.
pub async fn recipients(
    app: &App,
    tenant: TenantId,
    id: CampaignId,
    listed: &Listed,
) -> Result<Vec<Recipient>, CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    find(&mut tx, id).await?;
    Ok(recipients::list(&mut tx, id, listed).await?)
}
