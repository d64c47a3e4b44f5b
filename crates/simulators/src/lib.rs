//! Provider servers written from the providers' own documents, and judges of what we really send.
//!
//! A simulator depends on nothing of ours: it must be able to disagree with us. Each runs on its own
//! thread, so that a busy or blocked system under test cannot change what the judge sees.
//!
//! To add a provider: write `<name>/` with a type that implements the crate's `Answer`, and start it
//! with `Server::start`. The accept loop, arrival times and cut connections are already there.

pub mod identity;
pub mod meta;
pub mod stub;
pub mod twilio;

mod clock;
mod draw;
mod server;
