use chrono::TimeDelta;
use postroad_core::{ids::AccountId, send::SendState};
use postroad_testkit::{Seed, SeedMessage};

use crate::{
    lane::{claim, seed, take, worker},
    world::World,
};

#[tokio::test]
async fn a_lane_is_held_by_one_worker_until_its_lease_runs_out() {
    let world = World::new().await;
    let (seed, account) = seed(&world).await;
    let (first, second) = (worker(&world).await, worker(&world).await);
    let fence = take(&world, first, &seed, account).await.unwrap();
    assert_eq!(take(&world, second, &seed, account).await, None);

    world.app.clock.advance(TimeDelta::seconds(11));
    let third = worker(&world).await;
    assert_eq!(take(&world, third, &seed, account).await, Some(fence + 1));
}

#[tokio::test]
async fn a_send_is_claimed_once() {
    let world = World::new().await;
    let (mut seed, account) = seed(&world).await;
    let to = seed.contact(1).await;
    seed.message(account, to, &SeedMessage::default()).await;
    let owner = worker(&world).await;
    let fence = take(&world, owner, &seed, account).await.unwrap();
    assert_eq!(claim(&world, owner, &seed, (account, fence), 10).await.len(), 1);
    assert_eq!(claim(&world, owner, &seed, (account, fence), 10).await.len(), 0);
}

#[tokio::test]
async fn an_old_fence_claims_nothing() {
    let world = World::new().await;
    let (mut seed, account) = seed(&world).await;
    let to = seed.contact(1).await;
    seed.message(account, to, &SeedMessage::default()).await;
    let owner = worker(&world).await;
    let fence = take(&world, owner, &seed, account).await.unwrap();
    assert!(claim(&world, owner, &seed, (account, fence - 1), 10).await.is_empty());
    assert!(claim(&world, worker(&world).await, &seed, (account, fence), 10).await.is_empty());
}

#[tokio::test]
async fn of_several_sends_to_one_person_only_the_oldest_is_on_its_way() {
    let world = World::new().await;
    let (mut seed, account) = seed(&world).await;
    let (one, other) = (seed.contact(1).await, seed.contact(2).await);
    let first = seed.message(account, one, &SeedMessage::default()).await;
    seed.message(account, one, &SeedMessage::default()).await;
    let third = seed.message(account, other, &SeedMessage::default()).await;
    let owner = worker(&world).await;
    let fence = take(&world, owner, &seed, account).await.unwrap();
    let mut claimed: Vec<_> = claim(&world, owner, &seed, (account, fence), 10).await.iter().map(|c| c.id).collect();
    claimed.sort();
    assert_eq!(claimed, [first, third]);
    assert!(claim(&world, owner, &seed, (account, fence), 10).await.is_empty(), "the first is still on its way");
}

/// Otherwise neither would ever be chosen, and with them nothing of the lane.
#[tokio::test]
async fn a_send_under_suspicion_goes_before_others_to_the_same_person() {
    let world = World::new().await;
    let (mut seed, account) = seed(&world).await;
    let one = seed.contact(1).await;
    seed.message(account, one, &SeedMessage::default()).await;
    let started = seed.message(account, one, &SeedMessage::default()).await;
    let mark = sqlx::query("update sends set starts = 1 where id = $1").bind(started.uuid());
    mark.execute(&mut world.admin().await).await.unwrap();
    let owner = worker(&world).await;
    let fence = take(&world, owner, &seed, account).await.unwrap();
    let claimed: Vec<_> = claim(&world, owner, &seed, (account, fence), 10).await.iter().map(|c| c.id).collect();
    assert_eq!(claimed, [started]);
}

#[tokio::test]
async fn nothing_is_claimed_before_it_is_due() {
    let world = World::new().await;
    let (mut seed, account) = seed(&world).await;
    let to = seed.contact(1).await;
    let later = world.now() + TimeDelta::seconds(5);
    seed.message(account, to, &SeedMessage { run_at: Some(later), state: "scheduled", ..Default::default() }).await;
    let owner = worker(&world).await;
    let fence = take(&world, owner, &seed, account).await.unwrap();
    assert!(claim(&world, owner, &seed, (account, fence), 10).await.is_empty());
    world.app.clock.advance(TimeDelta::seconds(5));
    assert_eq!(claim(&world, owner, &seed, (account, fence), 10).await.len(), 1);
}

/// A lane with a hundred transactional messages and, at an eighth of their weight, a hundred of a campaign.
async fn two_flows(world: &World) -> (Seed, AccountId) {
    let (mut seed, account) = seed(world).await;
    for number in 0..200 {
        let to = seed.contact(number).await;
        let class = if number < 100 { "campaign" } else { "transactional" };
        seed.message(account, to, &SeedMessage { class, ..Default::default() }).await;
    }
    sqlx::query("update sends set flow = '00000000-0000-0000-0000-000000000005', weight = 4 where class = 'campaign'")
        .execute(seed.conn())
        .await
        .unwrap();
    (seed, account)
}

async fn claimed_of_campaign(seed: &mut Seed) -> i64 {
    sqlx::query_scalar("select count(*) from sends where state = 'claimed' and class = 'campaign'")
        .fetch_one(seed.conn())
        .await
        .unwrap()
}

#[tokio::test]
async fn flows_take_turns_by_weight_and_none_starves() {
    let world = World::new().await;
    let (mut seed, account) = two_flows(&world).await;
    let owner = worker(&world).await;
    let fence = take(&world, owner, &seed, account).await.unwrap();
    assert_eq!(claim(&world, owner, &seed, (account, fence), 90).await.len(), 90);
    let bulk = claimed_of_campaign(&mut seed).await;
    assert!((1..=14).contains(&bulk), "{bulk}, which is about one of nine, as 4 to 32");
}

#[tokio::test]
async fn a_lane_that_claims_one_at_a_time_starves_nobody() {
    let world = World::new().await;
    let (mut seed, account) = two_flows(&world).await;
    let owner = worker(&world).await;
    let fence = take(&world, owner, &seed, account).await.unwrap();
    for _ in 0..90 {
        assert_eq!(claim(&world, owner, &seed, (account, fence), 1).await.len(), 1);
    }
    let bulk = claimed_of_campaign(&mut seed).await;
    assert!((1..=28).contains(&bulk), "{bulk}, which is about one of nine, as 4 to 32");
}

#[tokio::test]
async fn a_send_that_killed_three_workers_is_dead_and_its_neighbours_are_not() {
    let world = World::new().await;
    let (mut seed, account) = seed(&world).await;
    for number in 0..20 {
        let to = seed.contact(number).await;
        seed.message(account, to, &SeedMessage::default()).await;
    }
    let poison: uuid::Uuid =
        sqlx::query_scalar("select id from sends order by id offset 5 limit 1").fetch_one(seed.conn()).await.unwrap();
    let mut deaths = 0;
    for _ in 0..60 {
        let owner = worker(&world).await;
        let Some(fence) = take(&world, owner, &seed, account).await else { panic!("the lease has run out") };
        let claimed = claim(&world, owner, &seed, (account, fence), 10).await;
        let alive: Vec<_> = claimed.iter().filter(|one| one.state == SendState::Claimed).cloned().collect();
        if alive.iter().any(|one| one.id.uuid() == poison) {
            deaths += 1;
        } else {
            crate::lane::decide(&world, owner, fence, &alive).await;
        }
        world.app.clock.advance(TimeDelta::seconds(11));
    }
    let dead: Vec<uuid::Uuid> =
        sqlx::query_scalar("select id from sends where state = 'dead'").fetch_all(seed.conn()).await.unwrap();
    let sent: i64 = sqlx::query_scalar("select count(*) from sends where state = 'attempting'")
        .fetch_one(seed.conn())
        .await
        .unwrap();
    assert_eq!((deaths, dead, sent), (3, vec![poison], 19));
}
