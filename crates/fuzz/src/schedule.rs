//! Cron expressions.

use postroad_core::schedule::Schedule;

use crate::parts::{self, zoned};

/// Expression, zone, seconds since 1970.
#[test]
fn a_schedule_goes_forward_and_comes_to_an_end() {
    target!(|input: &[u8]| {
        let [expression, zone, after] = parts::texts(input);
        let Ok(schedule) = expression.parse::<Schedule>() else { return false };
        assert_eq!(schedule.as_str(), expression);
        let Some((zone, after)) = zoned(&zone, &after) else { return false };
        let fires = std::iter::successors(schedule.next_after(after, zone), |at| schedule.next_after(*at, zone));
        let mut last = after;
        for fire in fires.take(5) {
            assert!(fire > last, "{fire} is not after {last}");
            last = fire;
        }
        true
    });
}
