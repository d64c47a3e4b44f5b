//! Adapters: translators between our words and each provider's HTTP, without IO.
//!
//! An adapter implements [`Provider`] as arithmetic on bytes. The worker carries its requests, the API verifies its
//! webhooks with it. Deliberately absent: clients, runtimes, clocks, retries.
//!
//! To add one: write `<name>.rs` (with a folder of the same name when it outgrows 250 lines), `docs/providers/<name>.md` and
//! `tests/fixtures/<name>/`, then give it its `mod` line and its line in `providers!`. The conformance suite
//! (`tests/conformance.rs`) tells what is missing.

use postroad_core::provider::Provider;

pub mod generic;
pub mod sandbox;
pub mod twilio;
pub mod whatsapp_cloud;

/// The registry: one line per adapter, in the order in which the console offers them.
macro_rules! providers {
    ($($module:ident::$provider:ident),+ $(,)?) => {
        static ALL: &[&dyn Provider] = &[$(&$module::$provider),+];
        static MODULES: &[&str] = &[$(stringify!($module)),+];
    };
}

providers! {
    whatsapp_cloud::WhatsappCloud,
    twilio::SMS,
    twilio::WHATSAPP,
    generic::Generic,
    sandbox::Sandbox,
}

/// Every adapter that this build knows.
pub fn all() -> &'static [&'static dyn Provider] {
    ALL
}

/// The adapter of this name, as accounts store it.
pub fn find(name: &str) -> Option<&'static dyn Provider> {
    ALL.iter().copied().find(|provider| provider.name() == name)
}

/// The module of the adapter of this name: its page and its fixtures go by it, also where it holds several adapters.
pub fn module_of(name: &str) -> Option<&'static str> {
    let place = ALL.iter().position(|provider| provider.name() == name)?;
    MODULES.get(place).copied()
}

/// Whether the provider of this name looks at templates before they are used.
pub fn reviews_templates(name: &str) -> bool {
    find(name).is_some_and(|provider| provider.templates().is_some())
}
