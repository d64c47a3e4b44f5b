//! A lane in somebody's hands, and what it does in one call.

use postroad_app::lanes::{self, Step};
use postroad_core::ids::{AccountId, IncarnationId};
use postroad_store::{
    claims::{Ask, Claimed},
    incarnations::Incarnation,
};
use postroad_testkit::{Seed, SeedAccount};

use crate::world::World;

/// One worker start.
pub async fn worker(world: &World) -> IncarnationId {
    let id = IncarnationId::from_uuid(uuid::Uuid::new_v4());
    lanes::start(&world.app, &Incarnation { id, role: "test", host: "test".into(), pid: 1 }).await.unwrap();
    id
}

pub async fn seed(world: &World) -> (Seed, AccountId) {
    let mut seed = Seed::new(&world.db, world.now()).await;
    let account = seed.account(&SeedAccount::default()).await;
    (seed, account)
}

/// Takes a lane; its fence.
pub async fn take(world: &World, owner: IncarnationId, seed: &Seed, account: AccountId) -> Option<i64> {
    let held = lanes::acquire(&world.app, owner, &[(seed.tenant, account)]).await.unwrap();
    held.into_iter().find(|lane| lane.id == account).map(|lane| lane.fence)
}

pub async fn claim(
    world: &World,
    owner: IncarnationId,
    seed: &Seed,
    lane: (AccountId, i64),
    wanted: i32,
) -> Vec<Claimed> {
    let ask = Ask { tenant: seed.tenant, lane: lane.0, fence: lane.1, wanted };
    lanes::claim(&world.app, owner, &[ask]).await.unwrap()
}

pub async fn decide(world: &World, owner: IncarnationId, fence: i64, claimed: &[Claimed]) -> Step {
    lanes::decide(&world.app, owner, claimed, |_| fence, |_| Vec::new()).await.unwrap()
}
