//! The API through real HTTP against a real database.

#![allow(clippy::unwrap_used, reason = "what a test stands on must hold")]

mod accepting;
mod batches;
mod cancelling;
mod clients;
mod description;
mod looking;
mod paying;
mod people;
mod recovery;
mod repeating;
mod second_factor;
mod service;
mod signatures;
mod standing;
mod tenants;
mod twilio;
mod webhooks;
mod world;
