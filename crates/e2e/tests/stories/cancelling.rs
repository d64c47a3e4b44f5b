use anyhow::Result;
use chrono::Duration;
use postroad_core::clock::Clock;
use postroad_e2e::fresh_request_id;
use serde_json::json;

use crate::world::{World, agreed, news_for};

const ADA: &str = "+15550100001";

#[tokio::test]
async fn a_message_that_is_taken_back_in_time_is_never_sent_and_one_that_left_cannot_be() -> Result<()> {
    let world = World::start().await?;
    world.operator().import(&agreed(&[ADA])).await?;
    let mut later = news_for(ADA);
    later["send_at"] = json!(Clock::system().now() + Duration::hours(1));
    let wanted_later = world.post(&later).await?;
    let taken_back = cancel(&world, &wanted_later).await?;
    assert_eq!(taken_back, 200);
    world.reaches(&wanted_later, "cancelled").await?;
    let sent = world.post(&news_for(ADA)).await?;
    world.arrives(&sent).await?;
    assert_eq!(cancel(&world, &sent).await?, 409);
    assert_eq!(world.sent_to(ADA).len(), 1);
    Ok(())
}

async fn cancel(world: &World, id: &str) -> Result<u16> {
    Ok(world.client.post(&format!("/v1/messages/{id}/cancel"), &fresh_request_id(), &json!({})).await?.status)
}
