//! Whom a filter means: asked of the database, compared with a model, and carried into campaigns.

#![allow(clippy::unwrap_used, reason = "what a test stands on must hold")]

mod agreement;
#[path = "../../../core/tests/filters/arbitrary.rs"]
mod arbitrary;
mod conditions;
mod groups;
mod model;
mod people;
mod planning;
mod previews;
mod segments;
#[path = "../campaigns/stage.rs"]
#[allow(dead_code, reason = "the other suite uses more of it")]
mod stage;
#[path = "../nouns/world.rs"]
#[allow(dead_code, reason = "the other suite uses more of it")]
mod world;
