//! People who answer while the campaign runs, and an automation that replies to each of them.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, Result, bail};
use http::Method;
use postroad_core::ids::AutomationId;
use postroad_simulators::meta::{Content, Inbound, MetaSim};
use serde::Deserialize;
use serde_json::json;

use super::{
    reconcile::{self, Told},
    stage::Stage,
    summary::Automation,
};
use crate::http::Caller;

/// People who write, once each.
pub const PEOPLE: usize = 200;
/// Between two of them: they are people, and not a file.
const BETWEEN: Duration = Duration::from_millis(10);

#[derive(Deserialize)]
struct Made {
    id: AutomationId,
}

/// Makes the automation, as a program would.
pub async fn answering(caller: &Caller) -> Result<AutomationId> {
    let rule = json!({
        "name": "Answer",
        "enabled": true,
        "definition": {
            "trigger": {"inbound_message": {"debounce_s": 1}},
            "actions": [{"reply": {"text": "Thank you, {{contact.first_name|dear customer}}. A colleague will look at it."}}],
        },
    });
    let (status, body) = caller.call(Method::POST, "/v1/automations", Some(&rule)).await?;
    if status != 201 {
        bail!("the automation was not made: HTTP {status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(serde_json::from_slice::<Made>(&body)?.id)
}

/// Lets each of these people say something; returns how many did.
pub async fn write(sim: &MetaSim, people: &[String]) -> Result<usize> {
    for (number, from) in people.iter().enumerate() {
        let message = Content::Text { body: format!("Is the offer still on? ({number})") };
        let said = Inbound { from: Some(from.clone()), message, ..Inbound::default() };
        sim.inbound(said).context("the simulator has nobody to tell it to")?;
        tokio::time::sleep(BETWEEN).await;
    }
    Ok(people.len())
}

#[derive(Deserialize)]
struct Runs {
    data: Vec<serde_json::Value>,
}

/// Whether so many runs have ended.
pub async fn has_answered(stage: &Stage, automation: AutomationId, messages: usize) -> Result<bool> {
    let path = format!("/v1/automations/{automation}/runs?state=ended&limit=200");
    let (status, body) = stage.caller.call(Method::GET, &path, None).await?;
    if status != 200 {
        bail!("the runs cannot be read: HTTP {status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(serde_json::from_slice::<Runs>(&body)?.data.len() >= messages)
}

/// Replies as the provider counts them.
pub fn count(inbound: usize, told: &[Told], taken: &HashMap<String, u64>) -> Automation {
    let replies = told.iter().filter(|one| one.source == "automation");
    let taken = replies.filter_map(|one| taken.get(&reconcile::key(one.id)));
    Automation { inbound: inbound as u64, replies: taken.sum() }
}
