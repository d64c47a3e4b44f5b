//! Tells one of the tenant's endpoints.

use serde::{Deserialize, Serialize};

use super::{Act, Asked, Scene};
use crate::{
    automation::{check::Walk, effect::Effect},
    ids::EndpointId,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// An address that the tenant has set up: an automation cannot name one of its own.
    pub endpoint: EndpointId,
}

impl Act for Webhook {
    fn check(&self, _walk: &mut Walk, _depth: usize) {}

    fn ask(&self, _scene: &Scene<'_>) -> Asked {
        Asked::doing(Effect::Webhook { endpoint: self.endpoint }, format!("tells {}", self.endpoint))
    }
}
