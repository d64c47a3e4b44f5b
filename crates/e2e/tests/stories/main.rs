//! What Postroad does, told through its own binary, its API and a simulated provider.

mod approval;
mod automations;
mod campaign;
mod cancelling;
mod dump;
mod generic;
mod live;
mod quiet_hours;
mod rotation;
mod sandbox;
mod sealed;
mod sending;
mod stopping;
mod twilio;
mod world;
