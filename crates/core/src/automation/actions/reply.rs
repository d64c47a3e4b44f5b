//! Says a text to the contact.

use serde::{Deserialize, Serialize};

use super::{Act, Asked, Scene, SkipReason, capped, template::Template};
use crate::{
    automation::{
        check::{FaultCode, Walk},
        effect::Effect,
        text,
    },
    gates::QuietPolicy,
    limits::BODY_CHARS_MAX,
    message::Body,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// 1 to 4,096 characters, with placeholders like `{{contact.first_name|there}}`.
    pub text: String,
    /// Sent instead where free text may not be sent any more. None: then nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside_window: Option<Template>,
    /// `hold`, `skip` or `expire`. None: `hold`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietPolicy>,
}

impl Reply {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), outside_window: None, quiet_hours: None }
    }
}

impl Act for Reply {
    fn check(&self, walk: &mut Walk, depth: usize) {
        text::check(walk, "text", &self.text, BODY_CHARS_MAX);
        check_quiet(walk, self.quiet_hours);
        if let Some(template) = &self.outside_window {
            walk.at("outside_window", |walk| template.check(walk, depth));
        }
    }

    fn ask(&self, scene: &Scene<'_>) -> Asked {
        match (capped(scene.facts), scene.facts.window_is_open(), &self.outside_window) {
            (Some(capped), ..) => capped,
            (None, true, _) => self.say(scene),
            (None, false, Some(template)) => template.ask(scene),
            (None, false, None) => {
                let words = "the person wrote too long ago for free text, and the step names no template instead";
                Asked::skipping(SkipReason::WindowClosed, words)
            }
        }
    }
}

impl Reply {
    fn say(&self, scene: &Scene<'_>) -> Asked {
        let (text, fact) = text::fill(&self.text, scene.facts);
        let words = format!("says a text of {} characters", text.chars().count());
        let effect = Effect::Reply { text: Body(text), quiet_hours: self.quiet_hours };
        Asked::doing(effect, words).because(fact)
    }
}

pub(super) fn check_quiet(walk: &mut Walk, policy: Option<QuietPolicy>) {
    if policy == Some(QuietPolicy::Exempt) {
        let fix = "choose hold, skip or expire: an automation does not disturb people at night";
        walk.at("quiet_hours", |walk| walk.fault(FaultCode::QuietHours, fix));
    }
}
