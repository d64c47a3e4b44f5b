//! Puts labels on the conversation and takes them off.

use serde::{Deserialize, Serialize};

use super::{Act, Asked, Scene};
use crate::{
    automation::{check::Walk, effect::Effect},
    ids::LabelId,
};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Label {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<LabelId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<LabelId>,
}

impl Act for Label {
    fn check(&self, walk: &mut Walk, _depth: usize) {
        walk.change(&self.add, &self.remove);
    }

    fn ask(&self, _scene: &Scene<'_>) -> Asked {
        let words = format!("adds {} labels and removes {}", self.add.len(), self.remove.len());
        Asked::doing(Effect::Label { add: self.add.clone(), remove: self.remove.clone() }, words)
    }
}
