//! What we rely on in apalis 1.0 on PostgreSQL, and what we work around: each a fact that was seen, kept executable, so
//! that an upgrade that changes one is noticed. The names are the facts.

#![allow(clippy::unwrap_used, reason = "what a test stands on must hold")]

mod endings;
mod schema;
mod stock;
mod world;
