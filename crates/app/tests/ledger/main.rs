//! The ledger against a real database: claims, fences, intents, outcomes, receipts, timers.

mod claims;
mod intents;
mod lane;
mod outcomes;
mod timers;
#[path = "../nouns/world.rs"]
mod world;
