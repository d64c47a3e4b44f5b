//! What a campaign costs: reserved for all of its people at the start, and accounted for once, when nothing of it can change.

use chrono::{DateTime, Utc};
use postroad_core::{
    actor::Actor,
    credit::Category,
    ids::{CampaignId, TenantId},
    message::Class,
};
use postroad_store::{
    TenantTx,
    campaigns::{self, Campaign, Ground, Held, Tally},
    credit::prices,
};

use super::CampaignError;
use crate::{
    App,
    credit::{self, ForCampaign},
};

/// Takes what it costs from the wallet, and from the allowance of whoever starts it.
pub(super) async fn reserve(
    tx: &mut TenantTx,
    campaign: &Campaign,
    ground: &Ground,
    (size, by): (Option<i64>, Actor),
    now: DateTime<Utc>,
) -> Result<Held, CampaignError> {
    let messages = if ground.credit_enforced { size.unwrap_or_default() } else { 0 };
    let (category, price) = (category(campaign), price(tx, campaign, ground).await?);
    let wanted = ForCampaign { campaign: campaign.id, channel: ground.channel, category, messages, price };
    credit::reserve_for_campaign(tx, payer(by, &campaign.created_by), &wanted, now).await?;
    Ok(Held { credits: wanted.credits(), price })
}

const fn category(campaign: &Campaign) -> Category {
    Category::of(Class::Campaign, campaign.purpose)
}

/// Credits for each person, as prices are now: what is said to each is not known before it is planned.
pub(crate) async fn price(
    tx: &mut TenantTx,
    campaign: &Campaign,
    ground: &Ground,
) -> Result<i64, postroad_store::Error> {
    Ok(prices::read(tx).await?.of(ground.channel, category(campaign)))
}

/// Who pays when a clock starts it: whoever wrote it, so that nobody gets round an allowance by waiting.
pub(crate) fn payer(by: Actor, created_by: &str) -> Actor {
    match (by, created_by.parse()) {
        (Actor::System, Ok(member)) => Actor::Member(member),
        _ => by,
    }
}

/// Credit that was reserved for people who got nothing goes back, once; as long as something of it is on its way, later.
pub(super) async fn give_back_unused(app: &App, tenant: TenantId, id: CampaignId) -> postroad_store::Result<()> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let Some(held) = campaigns::take_reserved(&mut tx, id).await? else { return Ok(()) };
    let tallies = campaigns::tallies(&mut tx, tenant, id).await?;
    if tallies.iter().any(is_open) {
        return Ok(());
    }
    let used = tallies.iter().filter(|tally| is_charged(tally)).map(|tally| tally.count).sum();
    credit::end_campaign(&mut tx, id, held, used, app.clock.now()).await?;
    tx.commit().await
}

fn is_open(tally: &Tally) -> bool {
    match tally.state.as_str() {
        "unknown" => !tally.settled,
        state => matches!(state, "scheduled" | "queued" | "waiting" | "claimed" | "attempting"),
    }
}

fn is_charged(tally: &Tally) -> bool {
    matches!(tally.state.as_str(), "accepted" | "sent" | "delivered" | "read" | "failed" | "unknown")
}

#[cfg(test)]
mod tests {
    use postroad_core::ids::{ClientId, MemberId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn whoever_wrote_a_campaign_pays_for_it_when_a_clock_starts_it() {
        let (writer, starter) = (MemberId::from_uuid(Uuid::from_u128(1)), MemberId::from_uuid(Uuid::from_u128(2)));
        let client = Actor::Client(ClientId::from_uuid(Uuid::from_u128(3)));
        let cases = [
            (Actor::System, writer.to_string(), Actor::Member(writer)),
            (Actor::System, client.to_string(), Actor::System),
            (Actor::System, "operator".to_owned(), Actor::System),
            (Actor::Member(starter), writer.to_string(), Actor::Member(starter)),
            (client, writer.to_string(), client),
        ];
        for (by, created_by, expected) in cases {
            assert_eq!(payer(by, &created_by), expected, "{by} {created_by}");
        }
    }
}
