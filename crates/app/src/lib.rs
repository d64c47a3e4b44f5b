//! What the product does. The only place that begins and commits.
//!
//! One file per noun; each function is one thing a caller wants, whole or not at all. Deliberately absent: HTTP, SQL, and
//! rules, which live in the core.

pub mod accounts;
pub mod addresses;
pub mod audiences;
pub mod audit;
pub mod automations;
pub mod business;
pub mod campaigns;
pub mod cells;
pub mod clicks;
pub mod clients;
pub mod consents;
pub mod contacts;
pub mod conversations;
pub mod credit;
pub mod dead_letters;
pub mod dry_run;
pub mod endpoints;
pub mod examine;
pub mod explain;
pub mod forecast;
pub mod groups;
pub mod housekeeping;
pub mod import;
pub mod inbound;
pub mod ingest;
pub mod jobs;
pub mod journal;
pub mod labels;
pub mod lanes;
pub mod limits;
pub mod lines;
pub mod live;
pub mod lost;
pub mod macros;
pub mod mail;
pub mod media;
pub mod members;
pub mod merges;
pub mod messages;
pub mod notifications;
pub mod nudge;
pub mod opt_ins;
pub mod outcomes;
pub mod patch;
pub mod plan;
pub mod preferences;
pub mod privacy;
pub mod quick_replies;
pub mod quota;
pub mod ratings;
pub mod reads;
pub mod requests;
pub mod restore;
pub mod roles;
pub mod schedule;
pub mod search;
pub mod secrets;
pub mod segments;
pub mod sign_in;
pub mod silence;
pub mod suppressions;
pub mod sweep;
pub mod system;
pub mod targets;
mod telling;
pub mod templates;
pub mod tenants;
mod text;
pub mod tokens;
mod variables;
pub mod views;
pub mod waiting;
pub mod zone;

use std::sync::Arc;

use postroad_core::{clock::Clock, egress::Policy, quiet_hours::QuietHours};
use postroad_store::Store;

/// Everything an action needs. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub store: Store,
    pub clock: Clock,
    pub keyring: Arc<secrets::Keyring>,
    pub limits: Arc<limits::SharedLimits>,
    pub nudges: nudge::Nudges,
    /// Automations, compiled.
    pub programs: automations::Programs,
    /// Told after every commit that tells something.
    pub live: live::Live,
    pub media: media::Media,
    /// Through whom the installation itself sends mail.
    pub mail: mail::Mails,
    /// What of the outside a tenant's word may lead to.
    pub egress: Arc<Policy>,
    pub defaults: Defaults,
    /// Where people reach us, without a slash at its end: links in messages begin with it.
    pub public_url: Arc<str>,
}

/// What holds where a tenant has said nothing.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    /// `QUIET_HOURS_DEFAULT`: local time, start included, end excluded.
    pub quiet_hours: QuietHours,
}
