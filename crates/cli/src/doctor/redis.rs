//! The shared limiter, when there is one.

use std::{net::IpAddr, time::Duration};

use redis::aio::MultiplexedConnection;
use secrecy::ExposeSecret;
use url::Url;

use super::Check;
use crate::config::Config;

const ANSWER_MAX: Duration = Duration::from_secs(3);

pub(super) async fn checks(config: &Config) -> Vec<Check> {
    let Some(url) = &config.redis_url else {
        return vec![Check::ok("redis.up", "none is set: limits that span accounts are shared out")];
    };
    let mut checks = match tokio::time::timeout(ANSWER_MAX, connect(url.expose_secret())).await {
        Ok(Ok(mut connection)) => vec![Check::ok("redis.up", "it answers"), policy(&mut connection).await],
        Ok(Err(error)) => vec![away(&error.to_string())],
        Err(_) => vec![away("no answer within 3 s")],
    };
    checks.push(encrypted(url.expose_secret()));
    checks
}

fn encrypted(address: &str) -> Check {
    const ID: &str = "redis.tls";
    let Ok(url) = Url::parse(address) else { return Check::skipped(ID, "POSTROAD_REDIS_URL is no address") };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    match (url.scheme(), is_here) {
        ("rediss", _) => Check::ok(ID, "the connection is encrypted"),
        (_, true) => Check::ok(ID, "the server is on this machine"),
        _ => Check::warning(
            ID,
            "the server is elsewhere, and the connection is not encrypted",
            "let it speak TLS (tls-port), and begin POSTROAD_REDIS_URL with rediss://",
        ),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_redis_elsewhere_is_spoken_to_under_tls() {
        for (address, verdict) in [
            ("redis://127.0.0.1:6379", Verdict::Ok),
            ("redis://[::1]:6379/0", Verdict::Ok),
            ("redis://localhost", Verdict::Ok),
            ("rediss://:secret@redis.example:6380", Verdict::Ok),
            ("redis://:secret@redis.example:6379", Verdict::Warning),
            ("redis://10.0.0.7", Verdict::Warning),
        ] {
            let check = encrypted(address);
            assert_eq!(check.verdict, verdict, "{address}");
            assert!(!format!("{check:?}").contains("secret"));
        }
    }
}
