//! The registered adapters, as the reader of the journal needs them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use postroad_app::inbound::Normalise;
use postroad_core::provider::{Effect, Event, Fault, Told};

/// The registered adapters. One that panics has met a body it cannot read.
pub(crate) struct Adapters;

impl Normalise for Adapters {
    fn events(&self, provider: &str, told: &Told<'_>) -> Result<Vec<Event>, String> {
        let provider =
            postroad_providers::find(provider).ok_or_else(|| format!("this build knows no provider {provider}"))?;
        catch_unwind(AssertUnwindSafe(|| provider.events(told)))
            .map_err(|_| "the adapter panicked".to_owned())?
            .map_err(|error| error.to_string())
    }

    fn effect(&self, provider: &str, fault: &Fault) -> Effect {
        postroad_providers::find(provider).map_or(Effect::None, |provider| provider.effect(fault))
    }
}
