//! Sends a template to the contact, inside and outside of the window.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Act, Asked, Scene, capped, reply::check_quiet};
use crate::{
    automation::{check::Walk, condition::Fact, effect::Effect, text},
    gates::QuietPolicy,
    ids::TemplateId,
    limits::{PLACEHOLDER_CHARS_MAX, PLACEHOLDERS_MAX},
    message::Body,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub template: TemplateId,
    /// The first is for `{{1}}`: at most 10, each 1 to 1,024 characters with placeholders of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<String>,
    /// `hold`, `skip` or `expire`. None: `hold`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietPolicy>,
}

impl Act for Template {
    fn check(&self, walk: &mut Walk, _depth: usize) {
        walk.not_too_many("variables", &self.variables, PLACEHOLDERS_MAX);
        check_quiet(walk, self.quiet_hours);
        walk.at("variables", |walk| {
            for (position, variable) in self.variables.iter().take(PLACEHOLDERS_MAX).enumerate() {
                text::check(walk, &position.to_string(), variable, PLACEHOLDER_CHARS_MAX);
            }
        });
    }

    fn ask(&self, scene: &Scene<'_>) -> Asked {
        capped(scene.facts).unwrap_or_else(|| self.send(scene))
    }
}

impl Template {
    fn send(&self, scene: &Scene<'_>) -> Asked {
        let filled: Vec<(String, Fact)> =
            self.variables.iter().map(|variable| text::fill(variable, scene.facts)).collect();
        let (texts, facts): (Vec<String>, Vec<Fact>) = filled.into_iter().unzip();
        let cut = |text: String| Body(text.chars().take(PLACEHOLDER_CHARS_MAX).collect());
        let effect = Effect::Template {
            template: self.template,
            variables: texts.into_iter().map(cut).collect(),
            quiet_hours: self.quiet_hours,
        };
        let fact = Fact(Value::Array(facts.into_iter().map(|Fact(value)| value).collect()));
        Asked::doing(effect, format!("sends the template {}", self.template)).because(fact)
    }
}
