//! The shared limiter, when there is one.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use secrecy::ExposeSecret;

use super::Check;
use crate::config::Config;

const ANSWER_MAX: Duration = Duration::from_secs(3);

pub(super) async fn checks(config: &Config) -> Vec<Check> {
    let Some(url) = &config.redis_url else {
        return vec![Check::ok("redis.up", "none is set: limits that span accounts are shared out")];
    };
    match tokio::time::timeout(ANSWER_MAX, connect(url.expose_secret())).await {
        Ok(Ok(mut connection)) => vec![Check::ok("redis.up", "it answers"), policy(&mut connection).await],
        Ok(Err(error)) => vec![away(&error.to_string())],
        Err(_) => vec![away("no answer within 3 s")],
    }
}

async fn connect(url: &str) -> redis::RedisResult<MultiplexedConnection> {
    let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    redis::cmd("PING").exec_async(&mut connection).await?;
    Ok(connection)
}

fn away(why: &str) -> Check {
    let fix = "start it, or correct POSTROAD_REDIS_URL; until then each lane keeps to its share of a limit";
    Check::warning("redis.up", format!("Redis does not answer: {why}"), fix)
}

/// A Redis that evicts forgets a limit while it is used, and the limit starts anew.
async fn policy(connection: &mut MultiplexedConnection) -> Check {
    const ID: &str = "redis.policy";
    let answer: redis::RedisResult<Vec<String>> =
        redis::cmd("CONFIG").arg("GET").arg("maxmemory-policy").query_async(connection).await;
    match answer.as_deref() {
        Ok([_, policy]) if policy == "noeviction" => Check::ok(ID, "noeviction"),
        Ok([_, policy]) => Check::warning(ID, format!("maxmemory-policy is {policy}"), "set it to noeviction"),
        _ => Check::skipped(ID, "this Redis does not tell its settings"),
    }
}
