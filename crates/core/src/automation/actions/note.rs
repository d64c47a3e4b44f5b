//! Writes something for members only.

use serde::{Deserialize, Serialize};

use super::{Act, Asked, Scene};
use crate::{
    automation::{check::Walk, effect::Effect, text},
    ids::MemberId,
    limits::{BODY_CHARS_MAX, MENTIONS_MAX},
    message::Body,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// 1 to 4,096 characters, with placeholders.
    pub text: String,
    /// Members who are told. At most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<MemberId>,
}

impl Act for Note {
    fn check(&self, walk: &mut Walk, _depth: usize) {
        text::check(walk, "text", &self.text, BODY_CHARS_MAX);
        walk.not_too_many("mentions", &self.mentions, MENTIONS_MAX);
    }

    fn ask(&self, scene: &Scene<'_>) -> Asked {
        let (text, fact) = text::fill(&self.text, scene.facts);
        let words = format!("writes a note that mentions {} members", self.mentions.len());
        Asked::doing(Effect::Note { text: Body(text), mentions: self.mentions.clone() }, words).because(fact)
    }
}
