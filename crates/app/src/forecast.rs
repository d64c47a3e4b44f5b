//! When a campaign will be done: what is left in its lane, its own messages and everybody else's, run forward.

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    campaign::CampaignState,
    forecast::{self, Flow, Forecast, Group, Observed, Plan, Portfolio},
    gates::QuietPolicy,
    ids::{CampaignId, TenantId},
    quiet_hours::QuietHours,
};
use postroad_store::{
    TenantTx,
    campaigns::{self, Campaign},
    forecasts::{self, Ground, Left},
    portfolios,
};
use uuid::Uuid;

use crate::{App, campaigns::CampaignError, dry_run};

/// When a campaign will be done. Of one that has not begun: what a dry run says, if it began now or at its scheduled time.
pub async fn forecast(app: &App, tenant: TenantId, id: CampaignId) -> Result<Forecast, CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = campaigns::find(&mut tx, id).await?.ok_or(CampaignError::NotFound)?;
    match campaign.state {
        CampaignState::Draft | CampaignState::Scheduled => {
            drop(tx);
            Ok(dry_run::glance(app, tenant, id).await?.forecast)
        }
        _ => with(app, &mut tx, &campaign, Vec::new(), app.clock.now()).await,
    }
}

/// The lane of the campaign from `at` on, with these people of the campaign in it beside those that are there.
pub(crate) async fn with(
    app: &App,
    tx: &mut TenantTx,
    campaign: &Campaign,
    groups: Vec<Group>,
    at: DateTime<Utc>,
) -> Result<Forecast, CampaignError> {
    let ground = forecasts::ground(tx, campaign.account).await?.ok_or(CampaignError::NoGround)?;
    let left = forecasts::left(tx, campaign.account, at).await?;
    let calls = forecasts::calls(tx, campaign.account, at).await?;
    let count = |count: i64| u64::try_from(count).unwrap_or_default();
    let hours = quiet_hours(&ground, app.defaults.quiet_hours);
    let portfolio = portfolio(tx, &ground, at).await?;
    let mut lane = Lane::new(campaign, hours, ground.channel);
    lane.groups
        .extend(groups.into_iter().map(|group| Group { quiet: group.quiet.map(|(_, zone)| (hours, zone)), ..group }));
    for some in left {
        lane.add(&some);
    }
    let plan = Plan {
        now: ground.rests_until.map_or(at, |until| until.max(at)),
        pace: ground.pace(),
        factor: ground.pace_factor,
        flows: lane.flows,
        groups: lane.groups,
        portfolio,
        observed: Observed { calls: count(calls.calls), retried: count(calls.retried) },
    };
    Ok(forecast::forecast(&plan, seed(campaign.id)))
}

/// Whom the account's portfolio has written to already. Its other accounts may write to more people meanwhile, and nobody
/// knows to how many.
async fn portfolio(
    tx: &mut TenantTx,
    ground: &Ground,
    at: DateTime<Utc>,
) -> Result<Option<Portfolio>, postroad_store::Error> {
    let Some(people_max) = ground.people_max else { return Ok(None) };
    let count = |count: i64| u64::try_from(count).unwrap_or_default();
    let taken = portfolios::taken(tx, &ground.portfolio, at).await?;
    let taken = taken.into_iter().map(|(at, people)| (at, count(people))).collect();
    Ok(Some(Portfolio { people_max: count(people_max.into()), taken }))
}

/// The same campaign asks the same dice, so that a forecast moves because facts moved.
fn seed(campaign: CampaignId) -> u64 {
    campaign.uuid().as_u64_pair().1
}

fn quiet_hours(ground: &Ground, defaults: QuietHours) -> QuietHours {
    ground.quiet_starts.zip(ground.quiet_ends).map_or(defaults, |(starts, ends)| QuietHours { starts, ends })
}

/// Flows and groups as they are put together. The campaign is the first flow.
struct Lane {
    hours: QuietHours,
    channel: Channel,
    names: Vec<Uuid>,
    flows: Vec<Flow>,
    groups: Vec<Group>,
}

impl Lane {
    fn new(campaign: &Campaign, hours: QuietHours, channel: Channel) -> Self {
        Self {
            hours,
            channel,
            names: vec![campaign.id.uuid()],
            flows: vec![flow(campaign.weight, campaign.throttle_per_minute)],
            groups: Vec::new(),
        }
    }

    fn add(&mut self, left: &Left) {
        let position = self.names.iter().position(|name| *name == left.flow).unwrap_or_else(|| {
            self.names.push(left.flow);
            self.flows.push(flow(left.weight, left.throttle_per_minute));
            self.names.len() - 1
        });
        let sleeps = left.quiet_policy != QuietPolicy::Exempt;
        let zone = left.zone.parse().ok().filter(|_| sleeps);
        self.groups.push(Group {
            flow: position,
            people: u64::try_from(left.sends).unwrap_or_default(),
            ready_at: left.ready_at,
            held_by: left.reason,
            quiet: zone.map(|zone| (self.hours, zone)),
            takes_places: left.is_template || !self.channel.has_session_window(),
        });
    }
}

fn flow(weight: i16, throttle_per_minute: Option<i32>) -> Flow {
    Flow {
        weight: u32::try_from(weight).unwrap_or(1),
        throttle_per_s: throttle_per_minute.map(|throttle| f64::from(throttle) / 60.0),
    }
}
