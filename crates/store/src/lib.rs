//! The only SQL.
//!
//! Functions by noun, one query each, checked against the schema when this crate is compiled. Callers hand over a
//! transaction ([`TenantTx`] under row-level security, [`SystemTx`] for the named cross-tenant work) and the instant;
//! the legal move is in the `where`, and what is not returned did not happen. Deliberately absent: decisions.
//!
//! To add a query: a function in the noun's file, then `cargo xtask prepare`.

pub mod accounts;
pub mod aliases;
pub mod attachments;
pub mod audiences;
pub mod automations;
pub mod campaigns;
pub mod claims;
pub mod clicks;
pub mod clients;
pub mod consents;
pub mod contact_links;
pub mod contacts;
pub mod conversations;
pub mod credit;
pub mod data_keys;
pub mod dead_letters;
pub mod decisions;
pub mod erasure;
mod error;
pub mod events;
pub mod examine;
pub mod explain;
pub mod export;
pub mod facts;
mod filters;
pub mod forecasts;
pub mod groups;
pub mod hearing;
pub mod housekeeping;
pub mod idempotency;
pub mod import;
pub mod import_parts;
pub mod inbound;
pub mod inbound_counts;
pub mod incarnations;
pub mod installation;
pub mod intents;
pub mod journal;
pub mod labels;
pub mod lanes;
pub mod leader;
pub mod lost;
pub mod macros;
pub mod media;
pub mod members;
pub mod merges;
pub mod messages;
pub mod notifications;
pub mod opt_ins;
pub mod outcomes;
pub mod people;
mod pools;
pub mod portfolios;
pub mod pulses;
pub mod queue;
pub mod quick_replies;
pub mod quota;
pub mod ratings;
pub mod reactions;
pub mod reads;
pub mod receipts;
pub mod recipients;
pub mod reports;
pub mod request_log;
pub mod reservations;
pub mod segments;
pub mod slots;
pub mod suppressions;
pub mod sweeps;
pub mod templates;
pub mod tenants;
pub mod texts;
pub mod throttles;
mod tx;
pub mod views;
pub mod waiting;

pub use error::{Error, Result};
pub use pools::{PoolSizes, Store};
pub use sqlx::types::Json;
pub use tx::{AnyTx, SystemTx, TenantTx, database_now};
