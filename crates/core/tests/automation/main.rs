//! Automations: what is read and refused, what a run does step by step, and what stops a loop.

#![allow(clippy::unwrap_used, reason = "what a test stands on must hold")]

mod arbitrary;
mod definitions;
mod guide;
mod holding;
mod hours;
mod loops;
mod ready_made;
mod runs;
mod scene;
mod stored;
mod words;
