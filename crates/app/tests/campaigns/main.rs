//! Campaigns against a real database: every recipient once, whatever happens in between.

#![allow(clippy::unwrap_used, reason = "what a test stands on must hold")]

mod experiments;
mod fallback;
mod guards;
mod languages;
mod life;
mod links;
mod merging;
mod planning;
mod stage;
mod timing;
#[path = "../nouns/world.rs"]
#[allow(dead_code, reason = "each of the suites that share it uses a part")]
mod world;
