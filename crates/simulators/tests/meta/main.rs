//! The WhatsApp Cloud simulator, seen from outside: each file is about one thing it promises.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says loudly what it skips")]

mod callback;
mod wire;

mod addresses;
mod arrivals;
mod control;
mod duplicates;
mod examples;
mod faults;
mod inbound;
mod limits;
mod pywa;
mod rules;
mod sending;
mod stub;
mod templates;
mod webhooks;
