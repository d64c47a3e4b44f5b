//! When which fault comes. Every share of the time has its own, so that a violation names what caused it; duplicated,
//! shuffled and late statuses (F5, F6) and a provider with bad days (F4) are there all the time.

use std::time::Duration;

use anyhow::Result;
use postroad_simulators::meta::Webhooks;
use tokio::time::Instant;

use super::{
    Options, poison, postgres, redis,
    report::Faults,
    traffic::Traffic,
    world::{World, good_days},
};

const KILL_EVERY: Duration = Duration::from_millis(600);
const CRASH_EVERY: Duration = Duration::from_secs(9);
/// Short outages, and a longer one at the end of the phase.
const AWAY: Duration = Duration::from_millis(500);
const AWAY_LONG_MAX: Duration = Duration::from_secs(20);

/// Hundredths of the whole length.
const WARM: u32 = 4;
const KILLS: u32 = 44;
const CRASHES: u32 = 24;
const REST: u32 = 28;

pub(super) async fn run(world: &mut World, traffic: &Traffic, options: &Options, faults: &mut Faults) -> Result<()> {
    let share = |hundredths: u32| options.length * hundredths / 100;
    tokio::time::sleep(share(WARM)).await;
    traffic.start_campaign(world, 0).await?;
    kills(world, share(KILLS), faults).await?;
    traffic.start_campaign(world, 1).await?;
    crashes(world, share(CRASHES), faults).await?;
    world.crew.without_fail_points(&mut world.installation).await?;
    all_the_rest(world, traffic, share(REST), faults).await?;
    world.sim.clear_rules();
    world.sim.add_rules([good_days()])?;
    Ok(())
}

/// F1.
async fn kills(world: &mut World, length: Duration, faults: &mut Faults) -> Result<()> {
    let until = Instant::now() + length;
    while Instant::now() < until {
        world.crew.kill_one(&mut world.installation, &mut world.dice, faults).await?;
        tokio::time::sleep(KILL_EVERY).await;
    }
    Ok(())
}

/// F2.
async fn crashes(world: &mut World, length: Duration, faults: &mut Faults) -> Result<()> {
    let until = Instant::now() + length;
    while Instant::now() + CRASH_EVERY < until {
        tokio::time::sleep(CRASH_EVERY).await;
        postgres::crash(world, AWAY, faults).await?;
        world.crew.replace_the_fallen(&mut world.installation, &mut world.dice, faults)?;
        world.look_after_schedulers()?;
    }
    postgres::crash(world, AWAY_LONG_MAX.min(length / 4), faults).await?;
    world.crew.replace_the_fallen(&mut world.installation, &mut world.dice, faults)?;
    world.look_after_schedulers()
}

/// F3, F5, F9, F16, F17, F18, over and over.
async fn all_the_rest(world: &mut World, traffic: &Traffic, length: Duration, faults: &mut Faults) -> Result<()> {
    let until = Instant::now() + length;
    world.sim.configure(|config| {
        config.webhooks = Webhooks { repeat: 5, repeat_parallel: 3, ..config.webhooks.clone() };
    });
    poison::plant(world, faults).await?;
    loop {
        traffic.post_in_parallel(faults).await?;
        redis::run(world, faults).await?;
        world.crew.freeze_one(&mut world.dice, faults).await?;
        world.crew.stop_one(&mut world.installation, &world.db, &mut world.dice, faults).await?;
        world.crew.replace_the_fallen(&mut world.installation, &mut world.dice, faults)?;
        if Instant::now() >= until {
            return Ok(());
        }
    }
}
