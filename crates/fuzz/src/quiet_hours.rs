//! Hours in which nobody is disturbed.

use chrono::TimeDelta;
use postroad_core::quiet_hours::QuietHours;

use crate::parts::{self, zoned};

/// Hours, zone, seconds since 1970.
#[test]
fn quiet_hours_end_within_two_days_and_not_before_their_time() {
    target!(|input: &[u8]| {
        let [hours, zone, now] = parts::texts(input);
        let Ok(read) = hours.parse::<QuietHours>() else { return false };
        assert_eq!(read.to_string(), hours);
        let Some((zone, now)) = zoned(&zone, &now) else { return false };
        let free_at = read.free_at(now, zone);
        assert!(free_at >= now && free_at <= now + TimeDelta::hours(51) && !read.is_quiet(free_at, zone));
        assert_eq!(free_at > now, read.is_quiet(now, zone));
        assert!(free_at == now || read.is_quiet(free_at - TimeDelta::microseconds(1), zone));
        true
    });
}
