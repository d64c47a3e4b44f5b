use anyhow::Result;
use postroad_e2e::until;
use postroad_simulators::meta::AccountEvent;
use serde_json::{Value, json};

use crate::world::{PATIENCE, World, agreed};

const ADA: &str = "+15550100001";
const LANGUAGE: &str = "en_US";

#[tokio::test]
async fn a_message_waits_for_the_approval_of_its_template_and_leaves_with_it() -> Result<()> {
    let world = World::start().await?;
    let operator = world.operator();
    operator.import(&agreed(&[ADA])).await?;
    let create = ["templates", "create", "parcel", "--category", "utility", "--body", "Hello {{1}}, it is on its way."];
    let id = operator.run(&[&create[..], &["--sample", "Ada", "--account", &world.account]].concat()).await?;
    assert_eq!(operator.run(&["templates", "submit", &id]).await?, "submitted");
    let news = json!({"to": ADA, "type": "template",
                      "template": {"name": "parcel", "language": LANGUAGE, "parameters": {"1": "Ada"}}});
    let message = world.post(&news).await?;
    world.reaches(&message, "waiting").await?;
    let (name, language) = ("parcel".to_owned(), LANGUAGE.to_owned());
    let status = "APPROVED".to_owned();
    let approved = AccountEvent::TemplateStatus { waba_id: None, name, language, status, reason: None, title: None };
    // The worker may not have put it before the provider yet.
    until("the provider approves it", PATIENCE, || async { Ok(world.sim.event(approved.clone()).is_ok()) }).await?;
    world.arrives(&message).await?;
    let listed: Value =
        serde_json::from_str(&operator.run(&["templates", "list", "--name", "parcel", "--json"]).await?)?;
    assert_eq!(listed["status"], "approved");
    assert_eq!(world.sent_to(ADA).len(), 1);
    Ok(())
}
