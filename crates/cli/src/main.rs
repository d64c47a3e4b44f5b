//! The one binary: every role, and everything an operator does.
//!
//! Commands parse, call `app`, print. Deliberately absent: rules, SQL, HTTP handlers. To add a command, see [`commands`].

#![allow(unreachable_pub, reason = "a program has no outside: `pub` is to the crate")]

mod commands;
mod config;
mod connect;
mod demo;
mod doctor;
mod exit;
mod http;
mod log;
mod print;
mod running;
mod start;
mod stop;

use std::process::ExitCode;

use commands::Cli;
use exit::code_of;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A second installation finds the first: equal.
    drop(rustls::crypto::ring::default_provider().install_default());
    match Cli::read().run() {
        Ok(exit) => exit.into(),
        Err(error) => {
            // Nothing can be told to a standard error that is closed.
            drop(print::note(&format!("error: {error:#}")));
            code_of(&error).into()
        }
    }
}
