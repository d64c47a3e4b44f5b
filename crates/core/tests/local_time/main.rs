//! Local time in every zone of the world, 2000 to 2040, around every clock change.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail")]

mod moves;
mod quiet_hours;
mod schedules;
mod time;
