use anyhow::Result;
use postroad_e2e::{fresh_request_id, until};
use serde_json::json;

use crate::world::{PATIENCE, World, news_for};

const ADA: &str = "+15550100001";

#[tokio::test]
async fn a_signed_message_reaches_the_provider_and_is_read_in_the_end() -> Result<()> {
    let world = World::start().await?;
    world.sim.configure(|config| config.receipts.read.share = 1.0);
    world.operator().import(&format!("phone,consent\n{ADA},yes\n")).await?;
    let id = world.post(&news_for(ADA)).await?;
    world.reaches(&id, "read").await?;
    let sent = world.sent_to(ADA);
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0].template.as_deref(), None, "any template is taken by this simulator");
    let story = world.explanation(&id).await?;
    assert_eq!(story["message"]["state"], "read", "{story}");
    Ok(())
}

#[tokio::test]
async fn the_same_request_twice_makes_one_message_and_another_under_its_id_is_refused() -> Result<()> {
    let world = World::start().await?;
    world.operator().import(&format!("phone,consent\n{ADA},yes\n")).await?;
    let request_id = fresh_request_id();
    let first = world.client.post("/v1/messages", &request_id, &news_for(ADA)).await?;
    let again = world.client.post("/v1/messages", &request_id, &news_for(ADA)).await?;
    assert_eq!((first.status, again.status, again.replayed), (202, 202, true));
    assert_eq!(first.body, again.body);
    let other = world.client.post("/v1/messages", &request_id, &news_for("+15550100002")).await?;
    assert_eq!((other.status, &other.body["code"]), (409, &json!("request_id_reused")));
    world.arrives(first.body["id"].as_str().unwrap()).await?;
    assert_eq!(world.sim.stats().counts.accepted, 1);
    Ok(())
}

#[tokio::test]
async fn a_killed_installation_goes_on_where_it_was() -> Result<()> {
    let mut world = World::start_with(postroad_e2e::Setup::default(), "20").await?;
    let people: Vec<String> = (1..=60).map(|n| format!("+155501{n:05}")).collect();
    let lines: String = people.iter().map(|number| format!("{number},yes\n")).collect();
    world.operator().import(&format!("phone,consent\n{lines}")).await?;
    for number in &people {
        world.post(&news_for(number)).await?;
    }
    until("some were sent", PATIENCE, || async { Ok(world.sim.stats().counts.accepted > 10) }).await?;
    world.all.process.kill().await?;
    world.all = world.installation.spawn("all", world.all.port, &[])?;
    world.all.healthy().await?;
    until("all were sent", PATIENCE, || async { Ok(world.sim.stats().counts.accepted_unique == 60) }).await?;
    assert_eq!(world.sim.stats().counts.duplicates, 0);
    Ok(())
}
