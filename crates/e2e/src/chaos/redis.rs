//! F3: Redis forgets, dies and falls asleep while it counts for a limit that lanes share.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use postroad_embedded::redis_server::RedisServer;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{report::Faults, world::World};

const ASLEEP: Duration = Duration::from_secs(4);
const DEAD: Duration = Duration::from_secs(2);
const BETWEEN: Duration = Duration::from_secs(1);

pub(super) async fn run(world: &mut World, faults: &mut Faults) -> Result<()> {
    flush(server(world)?).await?;
    faults.f3.flushes += 1;
    tokio::time::sleep(BETWEEN).await;
    let redis = world.installation.redis.as_mut().context("chaos has a Redis")?;
    redis.kill()?;
    tokio::time::sleep(DEAD).await;
    redis.restart()?;
    faults.f3.restarts += 1;
    tokio::time::sleep(BETWEEN).await;
    sleep_well(server(world)?).await?;
    faults.f3.freezes += 1;
    Ok(())
}

fn server(world: &World) -> Result<&RedisServer> {
    world.installation.redis.as_ref().context("chaos has a Redis")
}

async fn flush(redis: &RedisServer) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", redis.port())).await?;
    stream.write_all(b"FLUSHALL\r\nQUIT\r\n").await?;
    Ok(stream.flush().await?)
}

/// What `DEBUG SLEEP` does to callers, without a server that allows it.
async fn sleep_well(redis: &RedisServer) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(redis.pid())?);
    kill(pid, Signal::SIGSTOP)?;
    tokio::time::sleep(ASLEEP).await;
    Ok(kill(pid, Signal::SIGCONT)?)
}
