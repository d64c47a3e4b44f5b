//! The nouns of the product against a real database: what callers may do, and what holds afterwards.

#![allow(clippy::unwrap_used, reason = "what a test stands on must hold")]

mod accounts;
mod contacts;
mod erasure;
mod files;
mod import;
mod import_files;
mod import_fuzz;
mod isolation;
mod merge_back;
mod merges;
mod opt_ins;
mod preferences;
mod secrets;
mod template_review;
mod templates;
mod tenants;
mod uploads;
#[allow(dead_code, reason = "each of the suites that share it uses a part")]
mod world;
