//! The binary as its users meet it: processes, signals, exit codes, files.

#![allow(clippy::unwrap_used, reason = "what a test stands on must hold")]

mod campaign;
mod commands;
mod demo;
mod home;
mod mistakes;
mod processes;
mod schema;
mod tls;
