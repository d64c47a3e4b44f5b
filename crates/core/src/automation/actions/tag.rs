//! Puts tags on the contact and takes them off.

use serde::{Deserialize, Serialize};

use super::{Act, Asked, Scene};
use crate::{
    automation::{
        check::{FaultCode, Walk},
        effect::Effect,
    },
    limits::{AUTOMATION_LIST_MAX, TAG_CHARS_MAX},
    tag,
};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tag {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
}

impl Act for Tag {
    fn check(&self, walk: &mut Walk, _depth: usize) {
        walk.change(&self.add, &self.remove);
        for (name, list) in [("add", &self.add), ("remove", &self.remove)] {
            walk.at(name, |walk| check_words(walk, list));
        }
    }

    fn ask(&self, _scene: &Scene<'_>) -> Asked {
        let words = format!("adds {} tags and removes {}", self.add.len(), self.remove.len());
        Asked::doing(Effect::Tag { add: self.add.clone(), remove: self.remove.clone() }, words)
    }
}

fn check_words(walk: &mut Walk, list: &[String]) {
    let fix = format!("a tag has 1 to {TAG_CHARS_MAX} characters, in lower case and without spaces around it");
    for (position, word) in list.iter().take(AUTOMATION_LIST_MAX).enumerate() {
        if !tag::is_tag(word) {
            walk.at(position, |walk| walk.fault(FaultCode::Tag, fix.as_str()));
        }
    }
}
