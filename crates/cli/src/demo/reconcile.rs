//! What we say of our messages, against what the provider says of the same ones.

use std::collections::{HashMap, HashSet};

use anyhow::{Result, bail};
use http::Method;
use postroad_core::{
    ids::{CampaignId, MessageId},
    send::SendState,
};
use postroad_simulators::meta::{MetaSim, Search};
use serde::Deserialize;

use super::summary::{Campaign, Reasons};
use crate::http::Caller;

/// Sends that the simulator gives at once.
const SENDS_MAX: usize = 100_000;

/// A message as `GET /v1/messages` tells it.
#[derive(Debug, Clone, Deserialize)]
pub struct Told {
    pub id: MessageId,
    pub campaign_id: Option<CampaignId>,
    /// Who made it: `campaign`, `api`, `automation`, `agent` or `contact`.
    pub source: String,
    pub state: Option<SendState>,
    pub held_by: Option<Held>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Held {
    pub reason: String,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Told>,
    next: Option<String>,
}

/// Every message of the tenant, through the API.
pub async fn read(caller: &Caller) -> Result<Vec<Told>> {
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let (status, body) = caller.call(Method::GET, &format!("/v1/messages?limit=200{after}"), None).await?;
        if status != 200 {
            bail!("the messages cannot be read: HTTP {status}: {}", String::from_utf8_lossy(&body));
        }
        let page: Page = serde_json::from_slice(&body)?;
        all.extend(page.data);
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(all),
        }
    }
}

/// How often the provider took each message, by its id.
pub fn taken_by(sim: &MetaSim) -> HashMap<String, u64> {
    let mut taken = HashMap::new();
    let mut search = Search { accepted: Some(true), limit: Some(SENDS_MAX), ..Search::default() };
    loop {
        let page = sim.messages(&search);
        search.offset += page.len();
        let last = page.len() < SENDS_MAX;
        for key in page.into_iter().filter_map(|sent| sent.key) {
            *taken.entry(key).or_default() += 1;
        }
        if last {
            return taken;
        }
    }
}

/// The key under which a provider sees a message.
pub fn key(id: MessageId) -> String {
    id.uuid().simple().to_string()
}

/// Messages nobody can account for: those that the API accepted and does not know any more, those that neither ended nor
/// wait with a reason, and those that we call sent and the provider never saw.
pub fn lost(told: &[Told], accepted: &[MessageId], taken: &HashMap<String, u64>) -> u64 {
    let known: HashSet<MessageId> = told.iter().map(|one| one.id).collect();
    let vanished = accepted.iter().filter(|id| !known.contains(id)).count();
    let unaccounted = told.iter().filter(|one| !is_accounted_for(one, taken.contains_key(&key(one.id)))).count();
    (vanished + unaccounted) as u64
}

fn is_accounted_for(told: &Told, is_taken: bool) -> bool {
    match told.state {
        Some(state) if state.rank() > 0 => is_taken,
        Some(SendState::Waiting) => told.held_by.is_some() || is_taken,
        Some(state) => state.is_final() || is_taken,
        None => true,
    }
}

/// Messages that the provider took more than once.
pub fn doubled(taken: &HashMap<String, u64>) -> u64 {
    taken.values().filter(|count| **count > 1).count() as u64
}

/// The campaign's messages by where they stand.
pub fn count(told: &[Told], campaign: CampaignId) -> Campaign {
    let mut counts = Campaign::default();
    for one in told.iter().filter(|one| one.campaign_id == Some(campaign)) {
        counts.recipients += 1;
        match one.state {
            Some(SendState::Refused | SendState::Expired) => add(&mut counts.refused, one),
            Some(SendState::Waiting) => add(&mut counts.waiting, one),
            Some(SendState::Unknown) => counts.unknown += 1,
            Some(SendState::Failed | SendState::Rejected | SendState::Dead) => counts.failed += 1,
            Some(state) if state.rank() > 0 => counts.accepted += 1,
            _ => {}
        }
    }
    counts
}

fn add(reasons: &mut Reasons, told: &Told) {
    let reason = told.held_by.as_ref().map_or("no_reason", |held| held.reason.as_str());
    *reasons.entry(reason.to_owned()).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(number: u128, state: SendState, reason: Option<&str>) -> Told {
        Told {
            id: MessageId::from_uuid(uuid::Uuid::from_u128(number)),
            campaign_id: Some(CampaignId::from_uuid(uuid::Uuid::nil())),
            source: "campaign".to_owned(),
            state: Some(state),
            held_by: reason.map(|reason| Held { reason: reason.to_owned() }),
        }
    }

    fn taken(ids: &[(u128, u64)]) -> HashMap<String, u64> {
        ids.iter().map(|(id, count)| (key(MessageId::from_uuid(uuid::Uuid::from_u128(*id))), *count)).collect()
    }

    #[test]
    fn each_message_is_accounted_for_by_its_end_its_reason_or_the_provider() {
        use SendState as S;
        let cases = [
            (S::Refused, None, false, true),
            (S::Cancelled, None, false, true),
            (S::Waiting, Some("quiet_hours"), false, true),
            (S::Waiting, None, false, false),
            (S::Queued, None, false, false),
            (S::Attempting, None, true, true),
            (S::Unknown, None, true, true),
            (S::Unknown, None, false, false),
            (S::Delivered, None, true, true),
            // We say that it arrived, and the provider never saw it.
            (S::Delivered, None, false, false),
            (S::Failed, None, false, false),
        ];
        for (state, reason, at_provider, is_fine) in cases {
            let all = [told(1, state, reason)];
            let taken = if at_provider { taken(&[(1, 1)]) } else { HashMap::new() };
            assert_eq!(lost(&all, &[], &taken) == 0, is_fine, "{state} {reason:?} {at_provider}");
        }
    }

    #[test]
    fn what_the_api_accepted_and_does_not_list_any_more_is_lost() {
        let gone = MessageId::from_uuid(uuid::Uuid::from_u128(9));
        assert_eq!(lost(&[], &[gone], &HashMap::new()), 1);
    }

    #[test]
    fn a_message_is_doubled_once_however_often_it_came() {
        assert_eq!(doubled(&taken(&[(1, 1), (2, 2), (3, 5)])), 2);
    }

    #[test]
    fn a_campaign_is_counted_by_states_and_reasons() {
        use SendState as S;
        let all = [
            told(1, S::Read, None),
            told(2, S::Failed, None),
            told(3, S::Refused, Some("no_consent")),
            told(4, S::Refused, Some("no_consent")),
            told(5, S::Waiting, Some("quiet_hours")),
            told(6, S::Unknown, None),
            told(7, S::Rejected, None),
        ];
        let counts = count(&all, CampaignId::from_uuid(uuid::Uuid::nil()));
        assert_eq!((counts.recipients, counts.accepted, counts.unknown, counts.failed), (7, 1, 1, 2));
        assert_eq!(counts.refused, Reasons::from([("no_consent".to_owned(), 2)]));
        assert_eq!(counts.waiting, Reasons::from([("quiet_hours".to_owned(), 1)]));
    }
}
