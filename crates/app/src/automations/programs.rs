//! Definitions that were compiled. A version never changes, so what is kept is never wrong.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use postroad_core::{automation::Program, ids::AutomationId};
use serde_json::Value;

/// Programs one process keeps. Beyond, all are compiled anew as they are needed: that takes milliseconds.
const KEPT_MAX: usize = 2_000;

type Kept = HashMap<(AutomationId, i32), Arc<Program>>;

/// Compiled definitions by automation and version. Cheap to clone.
#[derive(Clone, Default)]
pub struct Programs(Arc<Mutex<Kept>>);

impl Programs {
    /// The program of a version. None: what is stored is not sound any more, by the rules of this build.
    pub(super) fn get(&self, (id, version): (AutomationId, i32), definition: &Value) -> Option<Arc<Program>> {
        if let Some(program) = self.find((id, version)) {
            return Some(program);
        }
        let program = match super::program(definition) {
            Ok(program) => Arc::new(program),
            Err(faults) => {
                let fault = faults.first().map(ToString::to_string).unwrap_or_default();
                tracing::error!(automation.id = %id, automation.version = version, %fault, "a stored automation cannot be run");
                return None;
            }
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert((id, version), Arc::clone(&program));
        Some(program)
    }

    pub(super) fn find(&self, version: (AutomationId, i32)) -> Option<Arc<Program>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&version).cloned()
    }
}
