//! Postroad's words and rules.
//!
//! What a message is, when it may leave, how long to wait: everything that can be said without a clock, a socket or a
//! database. Deliberately absent: IO, async, SQL. A rule here is a function over facts, tested as a table.
//!
//! To add a rule, find its noun; to add a gate, see [`gates`].

pub mod account;
pub mod actor;
pub mod automation;
pub mod campaign;
pub mod cidr;
pub mod clock;
pub mod consent;
pub mod conversation;
pub mod credit;
pub mod egress;
pub mod endpoint;
pub mod forecast;
pub mod gates;
pub mod ids;
pub mod inbound;
pub mod jobs;
pub mod language;
pub mod limits;
pub mod live;
pub mod mail;
pub mod media;
pub mod message;
pub mod notification;
pub mod opt_out;
pub mod pace;
pub mod phone;
pub mod portfolio;
pub mod privacy;
pub mod profile;
pub mod provider;
pub mod quiet_hours;
pub mod rating;
pub mod retry;
pub mod schedule;
pub mod scope;
pub mod segment;
pub mod segments;
pub mod send;
pub mod sight;
pub mod sign_in;
pub mod signature;
pub mod simulation;
pub mod tag;
pub mod targets;
pub mod template;
pub mod time;
pub mod unknown;
pub mod website;
mod words;
