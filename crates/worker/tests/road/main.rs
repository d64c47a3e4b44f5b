//! The road of a message through real processes' parts: queue, lane, gates, ledger, HTTP to a simulated provider.

#![allow(clippy::unwrap_used, reason = "what a test stands on must hold")]

mod aliases;
mod courtesies;
mod egress;
mod endpoints;
mod mail;
mod media;
mod moto;
mod sealed;
mod sending;
mod smtp;
mod templates;
mod world;
