//! The nouns of the product against a real database: what callers may do, and what holds afterwards.

mod accounts;
mod contacts;
mod import;
mod secrets;
mod templates;
mod tenants;
mod world;
