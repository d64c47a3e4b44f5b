//! `cargo xtask measure`: how large the code is, room by room, and the ratchet that keeps the longest from growing.
//!
//! Clippy limits every function; the ratchet keeps each room at what it has reached.

pub mod figures;
pub mod ratchet;
mod table;

pub use table::{Args, run};
