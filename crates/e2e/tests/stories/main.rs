//! What Postroad does, told through its own binary, its API and a simulated provider.

mod approval;
mod automations;
mod campaign;
mod cancelling;
mod generic;
mod live;
mod quiet_hours;
mod sandbox;
mod sending;
mod stopping;
mod twilio;
mod world;
