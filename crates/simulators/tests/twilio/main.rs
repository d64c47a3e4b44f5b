//! The simulator of Twilio, seen from outside: each file is about one thing it promises.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod town;

mod callbacks;
mod faults;
mod sending;
