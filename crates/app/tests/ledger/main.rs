//! The ledger against a real database: claims, fences, intents, outcomes, receipts, timers.

#![allow(clippy::unwrap_used, reason = "what a test stands on must hold")]

mod claims;
mod intents;
mod lane;
mod merging;
mod outcomes;
mod portfolios;
mod telling;
mod throttles;
mod timers;
#[path = "../nouns/world.rs"]
#[allow(dead_code, reason = "each of the suites that share it uses a part")]
mod world;
