//! Twilio's Messages API for SMS and WhatsApp, written from Twilio's documents: twilio/twilio-oai and
//! www.twilio.com/docs/messaging.
//!
//! It accepts, limits, scripts faults, reports statuses to the address that each message names, signed with the auth token,
//! stops sending to whoever writes STOP, and counts what really was sent. The script, the limits and the plan of receipts
//! are those of the simulator of Meta. Not here: voice, scheduling, the queue of a sender, prices, approvals of content.
//!
//! # Provider endpoints
//!
//! | call | what |
//! |---|---|
//! | `POST /2010-04-01/Accounts/{AC}/Messages.json` | send |
//! | `GET /2010-04-01/Accounts/{AC}/Messages.json?To=…&From=…&DateSent>=…&PageSize=…&Page=…` | list, newest first |
//! | `GET /2010-04-01/Accounts/{AC}/Messages/{SID}.json` | one message |
//! | `GET /2010-04-01/Accounts/{AC}/Messages/{MM}/Media/{ME}` | a file of an inbound message: leads to its bytes |
//! | `GET /2010-04-01/Accounts/{AC}.json` | the account |
//! | `GET, POST /v1/Content`, `GET /v1/Content/{HX}` | content templates |
//!
//! # Control endpoints
//!
//! | call | what |
//! |---|---|
//! | `GET /_sim/health` | `{"status":"ok"}` |
//! | `GET /_sim/stats` | [`Stats`], the verdicts |
//! | `GET /_sim/messages?to=…` | [`Sent`] sends |
//! | `GET, POST, DELETE /_sim/rules` | the script: one [`Rule`] or a list is appended; 20429 is the code of `rate_limited` |
//! | `GET, POST /_sim/config` | [`TwilioConfig`]; what is not given stays |
//! | `POST /_sim/inbound` | one [`Inbound`] message or a list |
//! | `POST /_sim/reset` | forgets what happened, and the rules |

mod api;
mod config;
mod content;
mod control;
mod inbound;
mod media;
mod message;
mod send;
mod sim;
mod state;
mod stats;
mod tell;

pub use crate::meta::{Action, Outcome, Receipts, Rule, SessionWindow, Share, Stage, Then, When};
pub use config::{Callbacks, TwilioConfig};
pub use inbound::{File, Inbound, NoAddress};
pub use message::Sent;
pub use sim::TwilioSim;
pub use stats::{CallbackCounts, SenderStats, Stats};

use sim::Twilio;
