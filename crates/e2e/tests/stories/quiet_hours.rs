use anyhow::Result;
use chrono::{Duration, Timelike};
use postroad_core::clock::Clock;
use serde_json::json;

use crate::world::{World, agreed, news_for};

const ADA: &str = "+15550100001";

#[tokio::test]
async fn a_message_in_quiet_hours_waits_for_the_morning_and_says_so() -> Result<()> {
    let now = Clock::system().now();
    let at = |hours: i64| format!("{:02}:{:02}", (now + Duration::hours(hours)).hour(), now.minute());
    // Three hours to either side of now, in UTC, where everybody is who has no zone.
    let setup = postroad_e2e::Setup::default().with("QUIET_HOURS_DEFAULT", format!("{}-{}", at(-3), at(3)));
    let world = World::start_with(setup, "1000").await?;
    world.operator().import(&agreed(&[ADA])).await?;
    let marketing = {
        let mut body = news_for(ADA);
        body["purpose"] = json!("marketing");
        body
    };
    let id = world.post(&marketing).await?;
    world.reaches(&id, "waiting").await?;
    let story = world.explanation(&id).await?;
    let told = story.to_string();
    assert!(told.contains("quiet_hours"), "{told}");
    let code = {
        let mut body = news_for(ADA);
        body["class"] = json!("auth");
        body
    };
    let id = world.post(&code).await?;
    world.arrives(&id).await?;
    assert_eq!(world.sent_to(ADA).len(), 1, "only the code left");
    Ok(())
}
