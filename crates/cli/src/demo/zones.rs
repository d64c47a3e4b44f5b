//! The sample data name two zones, `day` and `night`. Which real ones they are depends on when the demonstration runs, so
//! that its counts are the same at any hour.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use postroad_core::quiet_hours::QuietHours;

/// From any edge of quiet hours, in both directions.
const DISTANCE: TimeDelta = TimeDelta::hours(2);
/// Between two looks within [`DISTANCE`]; no offset is finer.
const STEP: TimeDelta = TimeDelta::minutes(15);

/// A city for every hour of the clock, from west to east.
const CITIES: &[Tz] = &[
    Tz::Pacific__Pago_Pago,
    Tz::Pacific__Honolulu,
    Tz::America__Anchorage,
    Tz::America__Los_Angeles,
    Tz::America__Phoenix,
    Tz::America__Mexico_City,
    Tz::America__Bogota,
    Tz::America__Halifax,
    Tz::America__Sao_Paulo,
    Tz::Atlantic__South_Georgia,
    Tz::Atlantic__Cape_Verde,
    Tz::Africa__Accra,
    Tz::Africa__Lagos,
    Tz::Africa__Johannesburg,
    Tz::Africa__Nairobi,
    Tz::Asia__Dubai,
    Tz::Asia__Tashkent,
    Tz::Asia__Dhaka,
    Tz::Asia__Jakarta,
    Tz::Asia__Singapore,
    Tz::Asia__Tokyo,
    Tz::Australia__Brisbane,
    Tz::Pacific__Noumea,
    Tz::Pacific__Auckland,
];

/// Where it is day, and where it is night.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zones {
    pub day: Tz,
    pub night: Tz,
}

impl Zones {
    /// Real zones that stay outside or inside of `hours` from two hours ago until in two hours.
    ///
    /// # Panics
    /// When quiet hours leave no such zone: they must last four hours or more, and so must the rest of the day.
    pub fn at(now: DateTime<Utc>, hours: QuietHours) -> Self {
        let stays = |quiet: bool| {
            let zone = CITIES.iter().find(|zone| around(now).all(|at| hours.is_quiet(at, **zone) == quiet));
            *zone.expect("a day has 24 hours, and there is a city for each")
        };
        Self { day: stays(false), night: stays(true) }
    }
}

fn around(now: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
    let steps = 2 * DISTANCE.num_minutes() / STEP.num_minutes();
    (0..=steps).map(move |step| now - DISTANCE + STEP * i32::try_from(step).expect("there are sixteen steps"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_every_quarter_of_an_hour_of_a_year_there_is_a_day_and_a_night_two_hours_from_their_edges() {
        let mut now: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let end = now + TimeDelta::days(366);
        while now < end {
            let zones = Zones::at(now, QuietHours::DEFAULT);
            for at in [now - DISTANCE, now, now + DISTANCE] {
                assert!(!QuietHours::DEFAULT.is_quiet(at, zones.day), "{now} in {}", zones.day);
                assert!(QuietHours::DEFAULT.is_quiet(at, zones.night), "{now} in {}", zones.night);
            }
            now += STEP;
        }
    }
}
