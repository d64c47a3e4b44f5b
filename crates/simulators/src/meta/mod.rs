//! The WhatsApp Cloud API (Meta Graph), written from Meta's documents: facebook/openapi and
//! developers.facebook.com/documentation/business-messaging/whatsapp.
//!
//! It accepts, limits, scripts faults, tells statuses by signed webhooks, and counts what really was sent.
//! Not here: calls, flows, groups' management, billing, the 24-hour tiers of a portfolio.
//!
//! # Provider endpoints, under any `/v{N}.{M}/`
//!
//! | call | what |
//! |---|---|
//! | `POST /{number}/messages`, `…/marketing_messages` | send, mark as read |
//! | `GET/POST/DELETE /{waba}/message_templates`, `GET/POST /{template}` | templates |
//! | `POST /{number}/media`, `GET/DELETE /{media}` | media, and the address `GET /{media}` gives |
//! | `GET /{number}`, `GET /{waba}`, `GET /{waba}/phone_numbers` | what a credential check reads |
//! | `GET/POST/DELETE /{waba}/subscribed_apps` | webhook subscription, with an address of its own |
//!
//! # Control endpoints
//!
//! | call | what |
//! |---|---|
//! | `GET /_sim/health` | `{"status":"ok"}` |
//! | `GET /_sim/stats[?by=recipient]` | [`Stats`], the verdicts |
//! | `GET /_sim/messages?callback=…&key=…&recipient=…&number=…&wamid=…&outcome=…&accepted=…&duplicate=true&offset=…&limit=…` | [`Sent`] sends |
//! | `GET /_sim/keys?outcome=cut_before` | message keys by [`Outcome`], and whether another attempt was accepted |
//! | `GET /_sim/arrivals?number=…&from_ms=…&to_ms=…` | sends in a window of simulator time (`now_ms` of the statistics) |
//! | `GET/POST/DELETE /_sim/rules` | the script: one [`Rule`] or a list is appended; `?replace=true` |
//! | `GET/POST /_sim/config` | [`MetaConfig`]; what is not given stays |
//! | `POST /_sim/templates` | registers one [`Template`] or a list |
//! | `POST /_sim/inbound` | one [`Inbound`] message or a list |
//! | `POST /_sim/events` | one [`AccountEvent`] or a list |
//! | `POST /_sim/verify` | verifies the callback address |
//! | `POST /_sim/reset` | forgets what happened, and the rules |
//!
//! To add a fault: a variant of [`Action`], and its line in `fate.rs`. To add an error: its line in `errors.rs`.

mod accept;
mod catalogue;
pub(crate) mod config;
mod content;
mod control;
pub(crate) mod deliver;
mod errors;
mod events;
mod fate;
mod graph;
mod handshake;
mod inbound;
mod ledger;
pub mod limits;
mod lookup;
mod media;
mod message;
mod names;
mod numbers;
mod payload;
pub(crate) mod plan;
pub(crate) mod query;
pub(crate) mod queue;
pub(crate) mod reply;
pub(crate) mod rules;
mod send;
mod sim;
mod state;
mod stats;
mod templates;
mod wamid;

pub use config::{Limits, MetaConfig, Number, RATE_PER_S, Receipts, SessionWindow, Stage, Webhooks};
pub use events::{AccountEvent, Preference, TellError};
pub use handshake::VerifyError;
pub use inbound::{Attachment, Content, Inbound};
pub use ledger::{Counts, Outcome, message_key};
pub use lookup::{Search, Sent};
pub use message::Kind;
pub use queue::WebhookCounts;
pub use rules::{Action, BadRule, Rule, RuleState, Share, Then, When};
pub use sim::MetaSim;
pub use stats::{AppStats, MaxInWindow, NumberStats, OverLimit, Stats};
pub use templates::Template;

use sim::Meta;
