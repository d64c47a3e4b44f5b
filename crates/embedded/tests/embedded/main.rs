//! Real servers: PostgreSQL and Redis of this system, started, killed and found again.

#![expect(clippy::unwrap_used, reason = "helpers outside of test functions fail the test, too")]

mod ground;
mod kills;
mod redis;
mod start_and_stop;
mod users;
