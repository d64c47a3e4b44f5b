//! Decisions about somebody who was merged look at the survivor.

use postroad_app::merges;
use postroad_testkit::SeedMessage;
use sqlx::Executor;

use crate::{
    lane::{claim, decide, seed, take, worker},
    world::World,
};

const AGREED: &str = "insert into consents select tenant_id, gen_random_uuid(), id, channel, 'marketing', 'granted', 'test', null, '{}', now(), now() from addresses";

#[tokio::test]
async fn two_numbers_of_one_person_share_a_cap_even_for_messages_that_still_name_the_other() {
    for names_the_other in [false, true] {
        let world = World::new().await;
        let (mut seed, account) = seed(&world).await;
        seed.conn()
            .execute(r#"update tenants set caps = '[{"kind":"rolling","window_s":86400,"max":1}]'"#)
            .await
            .unwrap();
        let (one, two) = (seed.contact(1).await, seed.contact(2).await);
        seed.conn().execute(AGREED).await.unwrap();
        let marketing = SeedMessage { purpose: "marketing", ..Default::default() };
        seed.message(account, one, &marketing).await;
        seed.message(account, two, &marketing).await;
        merges::merge(&world.app, seed.tenant, one.0, two.0).await.unwrap();
        if names_the_other {
            // As a message is that was being accepted while the two were merged.
            let sql = "update messages set contact_id = $1 where address_id = $2";
            sqlx::query(sql).bind(two.0).bind(two.1).execute(seed.conn()).await.unwrap();
        }
        let owner = worker(&world).await;
        let fence = take(&world, owner, &seed, account).await.unwrap();
        let claimed = claim(&world, owner, &seed, (account, fence), 10).await;
        let step = decide(&world, owner, fence, &claimed).await;
        assert_eq!((claimed.len(), step.attempts.len()), (2, 1), "one use is all that the cap allows");
    }
}

#[tokio::test]
async fn quiet_hours_are_those_of_the_survivor() {
    let world = World::new().await;
    let (mut seed, account) = seed(&world).await;
    seed.conn().execute("update tenants set quiet_starts = '21:00', quiet_ends = '08:00'").await.unwrap();
    let (one, two) = (seed.contact(1).await, seed.contact(2).await);
    seed.conn().execute(AGREED).await.unwrap();
    let zone = "update contacts set time_zone = case when id = $1 then 'Pacific/Auckland' else 'UTC' end";
    sqlx::query(zone).bind(one.0).execute(seed.conn()).await.unwrap();
    let marketing = SeedMessage { purpose: "marketing", ..Default::default() };
    seed.message(account, two, &marketing).await;
    merges::merge(&world.app, seed.tenant, one.0, two.0).await.unwrap();
    let owner = worker(&world).await;
    let fence = take(&world, owner, &seed, account).await.unwrap();
    let claimed = claim(&world, owner, &seed, (account, fence), 10).await;
    assert_eq!(decide(&world, owner, fence, &claimed).await.attempts.len(), 0, "noon is one in the morning there");
    let waits: String = sqlx::query_scalar("select gate from sends").fetch_one(seed.conn()).await.unwrap();
    assert_eq!(waits, "quiet_hours");
}
