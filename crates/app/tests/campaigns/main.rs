//! Campaigns against a real database: every recipient once, whatever happens in between.

mod life;
mod planning;
mod stage;
#[path = "../nouns/world.rs"]
mod world;
