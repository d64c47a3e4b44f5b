//! Whole installations to try things on: the real binary in real processes, a private PostgreSQL and Redis, providers that
//! are simulated. Here are the harness, the bench and the chaos runs; the stories are in `tests/`.
//!
//! Nothing of ours is mocked and nothing is reached into: what a story knows it learned from the API, from the
//! simulator, or from the rows of the database. To add a story: a file in `tests/` that starts an [`Installation`].

pub mod bench;
pub mod chaos;
mod client;
mod database;
mod events;
mod installation;
mod postroad;
mod process;
mod procfs;
pub mod seed;
mod wait;
pub mod webhook;

pub use client::{Answer, Client, Key, fresh_request_id, http_client};
pub use database::{Database, Server};
pub use events::{EventStream, Frame};
pub use installation::{Installation, Role, Setup, free_port};
pub use postroad::Binary;
pub use process::Process;
pub use procfs::{Cpu, cpu_of_tree, resident_kib, resident_peak_kib};
pub use seed::{Bulk, Lanes, Seed, Seeded, number};
pub use wait::{until, until_some};
