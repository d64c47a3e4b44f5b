//! A definition out of JSON that anybody wrote.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Action, Condition, Definition, Fault, FaultCode, Trigger};
use crate::limits::{AUTOMATION_FAULTS_MAX, AUTOMATION_STEPS_MAX};

/// Characters of what the reader says: it repeats words of the JSON.
const FIX_CHARS_MAX: usize = 300;

/// Strictly: an unknown word anywhere is a fault, and so is a missing one. What is read is still to be checked.
pub fn read(json: &Value) -> Result<Definition, Vec<Fault>> {
    Definition::deserialize(json).map_err(|error| {
        let parts = unreadable_parts(json);
        if parts.is_empty() { vec![fault("", &error)] } else { parts }
    })
}

/// The reader stops at the first fault and does not say where it stands, so each part is read on its own.
fn unreadable_parts(json: &Value) -> Vec<Fault> {
    let actions = json.get("actions").and_then(Value::as_array).map_or(0, Vec::len);
    let trigger = unreadable::<Trigger>(json, "/trigger");
    let conditions = unreadable::<Condition>(json, "/conditions");
    let steps =
        (0..actions.min(AUTOMATION_STEPS_MAX)).filter_map(|n| unreadable::<Action>(json, &format!("/actions/{n}")));
    trigger.into_iter().chain(conditions).chain(steps).take(AUTOMATION_FAULTS_MAX).collect()
}

fn unreadable<T: DeserializeOwned>(json: &Value, path: &str) -> Option<Fault> {
    T::deserialize(json.pointer(path)?).err().map(|error| fault(path, &error))
}

fn fault(path: &str, error: &serde_json::Error) -> Fault {
    let fix = error.to_string().chars().take(FIX_CHARS_MAX).collect();
    Fault { path: path.to_owned(), code: FaultCode::Unreadable, fix }
}
