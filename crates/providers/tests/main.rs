//! The adapters, judged by recorded bytes, by the providers' published descriptions and by other people's libraries.

mod conformance;
mod samples;
mod sandbox;
mod whatsapp_cloud;
