//! Addresses whose requests keep failing: their bodies are not even read any more.
//!
//! Failures count, successes do not: a busy client behind one address is nobody's enemy.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use postroad_core::{
    account::Pace,
    pace::{Bucket, Flow},
};

/// Failures per second and address, and how many at once.
const FAILURES: Pace = Pace { per_s: 10.0, burst: 100 };
/// Addresses remembered.
const ADDRESSES_MAX: usize = 20_000;

pub(crate) struct Strangers {
    pace: Pace,
    addresses: Mutex<HashMap<IpAddr, Bucket>>,
}

impl Default for Strangers {
    fn default() -> Self {
        Self::new(FAILURES)
    }
}

impl Strangers {
    /// So many failures of one address are forgiven.
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, addresses: Mutex::default() }
    }

    fn flow(&self) -> Flow {
        Flow::new(self.pace, 1.0)
    }

    /// The error says how long this address is not listened to.
    pub(crate) fn check(&self, ip: IpAddr, now: DateTime<Utc>) -> Result<(), Duration> {
        let addresses = self.addresses.lock();
        let Some(bucket) = addresses.get(&network(ip)) else { return Ok(()) };
        let permits = bucket.offer(now, 1, TimeDelta::zero(), self.flow());
        if permits.count > 0 { Ok(()) } else { Err((permits.next_at() - now).to_std().unwrap_or_default()) }
    }

    pub(crate) fn note_failure(&self, ip: IpAddr, now: DateTime<Utc>) {
        let mut addresses = self.addresses.lock();
        if addresses.len() >= ADDRESSES_MAX {
            addresses.retain(|_, bucket| bucket.paced_until() > now);
        }
        if addresses.len() >= ADDRESSES_MAX {
            addresses.clear();
        }
        let bucket = addresses.entry(network(ip)).or_insert_with(|| Bucket::resume(DateTime::UNIX_EPOCH));
        bucket.take(now, 1, TimeDelta::zero(), self.flow());
    }
}

/// Whoever has one address of IPv6 has the whole /64.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_that_keeps_failing_is_not_listened_to_for_a_while() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let strangers = Strangers::default();
        for _ in 0..100 {
            assert_eq!(strangers.check(ip("192.0.2.1"), now), Ok(()));
            strangers.note_failure(ip("192.0.2.1"), now);
        }
        let wait = strangers.check(ip("192.0.2.1"), now).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(110), "{wait:?}");
        assert_eq!(strangers.check(ip("192.0.2.2"), now), Ok(()));
        assert_eq!(strangers.check(ip("192.0.2.1"), now + TimeDelta::from_std(wait).unwrap()), Ok(()));
    }

    #[test]
    fn neighbours_in_one_network_of_ipv6_are_one_address() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let strangers = Strangers::default();
        for n in 0..100 {
            strangers.note_failure(ip(&format!("2001:db8::{n:x}")), now);
        }
        assert!(strangers.check(ip("2001:db8::ffff:1"), now).is_err());
        assert_eq!(strangers.check(ip("2001:db8:0:1::1"), now), Ok(()));
    }
}
