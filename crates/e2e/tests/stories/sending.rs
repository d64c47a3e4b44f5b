use anyhow::Result;
use postroad_e2e::{fresh_request_id, until};
use serde_json::json;

use crate::world::{PATIENCE, World, agreed, news_for, numbers};

const ADA: &str = "+15550100001";

#[tokio::test]
async fn a_signed_message_reaches_the_provider_and_is_read_in_the_end() -> Result<()> {
    let world = World::start().await?;
    world.sim.configure(|config| config.receipts.read.share = 1.0);
    world.operator().import(&agreed(&[ADA])).await?;
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
    world.operator().import(&agreed(&[ADA])).await?;
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
    let people = numbers(60);
    world.operator().import(&agreed(&people)).await?;
    for number in &people {
        world.post(&news_for(number)).await?;
    }
    until("some were sent", PATIENCE, || async { Ok(world.sim.stats().counts.accepted > 10) }).await?;
    world.all.process.kill().await?;
    world.all = world.installation.spawn("all", world.all.port, &[])?;
    world.all.healthy().await?;
    // What was on its way when the process died, and of which the provider tells nothing, is not blindly sent again.
    until("all were sent, or were on their way", PATIENCE, || async {
        let in_doubt = count_in(&world, &["attempting", "unknown"]).await?;
        let to_come = count_in(&world, &["queued", "claimed", "waiting"]).await?;
        Ok(to_come == 0 && world.sim.stats().counts.accepted_unique + in_doubt == 60)
    })
    .await?;
    assert_eq!(world.sim.stats().counts.duplicates, 0);
    Ok(())
}

async fn count_in(world: &World, states: &[&str]) -> Result<u64> {
    let mut db = world.installation.database.connect().await?;
    let sql = "select count(*) from sends where state = any($1)";
    Ok(u64::try_from(sqlx::query_scalar::<_, i64>(sql).bind(states).fetch_one(&mut db).await?)?)
}
