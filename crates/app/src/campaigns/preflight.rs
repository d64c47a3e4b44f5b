//! What a person should know before a campaign starts, and while it runs.

use postroad_core::{
    campaign::{
        CampaignState,
        preflight::{Finding, Ground, Need, Severity, difference, drift, findings},
    },
    ids::{CampaignId, TenantId},
    portfolio,
};
use postroad_store::{
    TenantTx, accounts,
    campaigns::{self, Campaign, Variable},
    credit,
};

use super::{CampaignError, find, paying};
use crate::{App, audiences, dry_run};

/// Everything that is not as it should be. Nothing blocks: it may start, or go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preflight {
    pub noticed: Vec<Noticed>,
    /// People it is for.
    pub recipients: i64,
}

/// One thing, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noticed {
    pub finding: Finding,
    pub severity: Severity,
    pub detail: String,
}

impl Preflight {
    pub fn is_clear(&self) -> bool {
        self.noticed.iter().all(|noticed| noticed.severity == Severity::Warns)
    }
}

/// Looks at account, template, values, audience and credit as they are now; of a campaign that runs, at what has changed
/// since it started.
pub async fn preflight(app: &App, tenant: TenantId, id: CampaignId) -> Result<Preflight, CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = find(&mut tx, id).await?;
    let ground =
        campaigns::ground(&mut tx, campaign.account, campaign.template).await?.ok_or(CampaignError::NoGround)?;
    let before = campaigns::kept_ground(&mut tx, id).await?;
    let mut noticed = on_ground(before.as_ref(), &ground.now, &campaign);
    let has_begun = !matches!(campaign.state, CampaignState::Draft | CampaignState::Scheduled);
    let recipients = if has_begun { campaign.planned } else { size(app, &mut tx, &campaign).await? };
    if recipients == 0 && !has_begun {
        noticed.push(notice(Finding::NoRecipients, "nobody in the audience has an address on the account's channel"));
    }
    if links_lead_nowhere(app, &campaign) {
        let detail =
            format!("links would begin with {}; POSTROAD_PUBLIC_URL says where people reach us", app.public_url);
        noticed.push(notice(Finding::LinksUnreachable, &detail));
    }
    if ground.credit_enforced && !has_begun {
        let (left, needed) = (credit::balance(&mut tx).await?, cost(&mut tx, &campaign, &ground, recipients).await?);
        if left < needed {
            let detail = format!("{needed} credits are needed, and {left} are left");
            noticed.push(notice(Finding::CreditTooLow, &detail));
        }
    }
    if !has_begun {
        noticed.extend(beyond_portfolio(&mut tx, &campaign, recipients).await?);
    }
    drop(tx);
    if !has_begun && noticed.iter().all(|noticed| noticed.finding != Finding::NoRecipients) {
        noticed.extend(missing_values(app, tenant, id).await?);
    }
    Ok(Preflight { noticed, recipients })
}

async fn cost(
    tx: &mut TenantTx,
    campaign: &Campaign,
    ground: &campaigns::Ground,
    recipients: i64,
) -> Result<i64, CampaignError> {
    Ok(recipients.saturating_mul(paying::price(tx, campaign, ground).await?))
}

/// No telephone opens an address without TLS, or of this machine.
fn links_lead_nowhere(app: &App, campaign: &Campaign) -> bool {
    let has_link = campaign.variables.0.iter().any(|variable| matches!(variable, Variable::Link { .. }));
    has_link && !app.public_url.starts_with("https://")
}

fn on_ground(before: Option<&Ground>, now: &Ground, campaign: &Campaign) -> Vec<Noticed> {
    let before = before.unwrap_or(now);
    let mut found = findings(now, need(campaign));
    for finding in drift(before, now, need(campaign)) {
        if !found.contains(&finding) {
            found.push(finding);
        }
    }
    let told = |finding: Finding| match finding {
        _ if before == now => plain(finding, now),
        finding => difference(finding, before, now),
    };
    found.into_iter().map(|finding| notice(finding, &told(finding))).collect()
}

fn plain(finding: Finding, now: &Ground) -> String {
    match finding {
        Finding::AccountNotActive | Finding::AccountPaused => format!("the account is {}", now.account_status),
        Finding::TemplateNotApproved => {
            format!("the template is {}; only an approved one can be sent", now.template_status)
        }
        Finding::TemplateCategory => {
            "the provider treats the template as marketing, and the campaign is not".to_owned()
        }
        Finding::TemplateParameters => format!("the template has {} placeholders", now.placeholders),
        Finding::ProviderOff => "the operator switched the provider off".to_owned(),
        Finding::SendingPaused => "all sending is paused".to_owned(),
        other => other.as_str().replace('_', " "),
    }
}

fn notice(finding: Finding, detail: &str) -> Noticed {
    Noticed { finding, severity: finding.severity(), detail: detail.to_owned() }
}

/// Whom the portfolio wrote to within a day may be among the audience: then it is not as bad.
async fn beyond_portfolio(
    tx: &mut TenantTx,
    campaign: &Campaign,
    recipients: i64,
) -> Result<Option<Noticed>, CampaignError> {
    let Some(account) = accounts::find(tx, campaign.account).await? else { return Ok(None) };
    let Some(people_max) = account.portfolio.people_max else { return Ok(None) };
    let left = i64::from(people_max) - i64::from(account.portfolio.people);
    let detail = format!(
        "it is for {recipients} people, and {} leaves {} now: the others wait until a day is over",
        portfolio::words(people_max.into()),
        left.max(0),
    );
    Ok((recipients > left).then(|| notice(Finding::PortfolioTooSmall, &detail)))
}

async fn size(app: &App, tx: &mut TenantTx, campaign: &Campaign) -> Result<i64, CampaignError> {
    let filter = audiences::resolve(tx, &campaign.audience.0, &campaign.exclude.0).await?;
    Ok(audiences::size(tx, campaign, filter.as_ref(), app.clock.now()).await?)
}

/// Of the first people, how many have no value for a placeholder.
async fn missing_values(app: &App, tenant: TenantId, id: CampaignId) -> Result<Option<Noticed>, CampaignError> {
    let preview = dry_run::preview(app, tenant, id).await?;
    let missing = preview.samples.iter().filter(|sample| sample.text.is_err()).count();
    let detail = format!("{missing} of the first {} people have no value for a placeholder", preview.samples.len());
    Ok((missing > 0).then(|| notice(Finding::MissingValues, &detail)))
}

pub(super) fn need(campaign: &Campaign) -> Need {
    Need { purpose: campaign.purpose, values: campaign.variables.0.len() }
}

/// What is wrong with the ground of a campaign.
pub(super) fn noticed(ground: &Ground, campaign: &Campaign) -> Vec<Finding> {
    findings(ground, need(campaign))
}

/// The same as the error of whoever wanted to start.
pub(super) fn refused(finding: Finding, ground: &Ground, campaign: &Campaign) -> CampaignError {
    match finding {
        Finding::AccountNotActive => CampaignError::AccountBroken { status: ground.account_status },
        Finding::TemplateCategory => CampaignError::TemplateIsMarketing,
        Finding::TemplateParameters => {
            CampaignError::Variables { placeholders: ground.placeholders, variables: campaign.variables.0.len() }
        }
        _ => CampaignError::TemplateNotApproved { status: ground.template_status },
    }
}
