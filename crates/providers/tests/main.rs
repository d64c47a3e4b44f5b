//! The adapters, judged by recorded bytes, by the providers' published descriptions and by other people's libraries.

mod conformance;
mod generic;
mod peers;
mod samples;
mod sandbox;
mod shown;
mod twilio;
mod whatsapp_cloud;
