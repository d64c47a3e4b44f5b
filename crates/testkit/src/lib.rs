//! What tests stand on: a fresh database each, from a migrated template, and builders with good defaults.
//!
//! `cargo xtask test` starts the server and sets `POSTROAD_TEST_POSTGRES_URL`. Deliberately absent: mocks of our own code.

mod caller;
mod database;
mod ear;
mod seed;
mod stream;

pub use caller::{Answer, Http, SignedCaller};
pub use database::TestDb;
pub use ear::{Ear, Heard, answer};
pub use seed::{Seed, SeedAccount, SeedMessage};
pub use stream::{EventStream, Frame};
