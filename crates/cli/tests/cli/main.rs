//! The binary as its users meet it: processes, signals, exit codes, files.

mod campaign;
mod commands;
mod demo;
mod home;
mod mistakes;
mod processes;
mod schema;
