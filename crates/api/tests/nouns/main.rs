//! The nouns over HTTP: accounts, contacts, consents, suppressions, templates, campaigns, the tenant itself.

#![allow(clippy::unwrap_used, reason = "what a test stands on must hold")]

mod accounts;
mod afterwards;
mod attachments;
mod audiences;
mod automations;
#[path = "../api/browser.rs"]
#[expect(dead_code, reason = "the other suite uses more of it")]
mod browser;
mod campaign_engine;
mod campaigns;
mod canaries;
mod contacts;
mod conversations;
mod endpoints;
mod holding;
mod inflow;
mod integrations;
mod live;
mod macros;
mod merges;
mod merging;
mod notifications;
mod pages;
mod planted;
mod quick_replies;
mod ratings;
mod search;
mod sight;
mod strangers;
mod targets;
mod templates;
mod tenant;
#[path = "../api/world.rs"]
#[expect(dead_code, reason = "the other suite uses more of it")]
mod world;
