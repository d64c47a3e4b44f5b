//! The API through real HTTP against a real database.

#![allow(clippy::unwrap_used, reason = "what a test stands on must hold")]

mod accepting;
mod audit;
mod avatars;
mod batches;
mod browser;
mod cancelling;
mod clients;
mod description;
mod looking;
mod matrix;
mod oauth;
mod oauth_people;
mod paying;
mod people;
mod recovery;
mod repeating;
mod required;
mod second_factor;
mod service;
mod sign_ins;
mod signatures;
mod standing;
mod superadmins;
mod system;
mod tenants;
mod twilio;
mod wallet;
mod wallet_crowds;
mod wallet_members;
mod webhooks;
mod world;
