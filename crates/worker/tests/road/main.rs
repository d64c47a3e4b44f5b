//! The road of a message through real processes' parts: queue, lane, gates, ledger, HTTP to a simulated provider.

mod sending;
mod world;
