//! The invariants of ARCHITECTURE.md and the rules of CONTRIBUTING.md that a program can check.
//!
//! A rule is a pure function of the [`Tree`](tree::Tree), so each one is tested on small strings. It reads tokens
//! and package descriptions, and knows no types: where the compiler or clippy can check a thing, they do.
//!
//! To add a rule: a file with a `check` and its tests, then its line in [`RULES`].

mod arrows;
mod features;
mod finding;
mod metrics;
mod names;
mod registry;
mod report;
mod rooms;
mod shape;
mod sql;
mod text;
pub mod tokens;
pub mod tree;

pub use report::run;

use finding::Finding;
use tree::Tree;

struct Rule {
    /// Shown before each finding; a word to search the guide for.
    name: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

const RULES: &[Rule] = &[
    Rule { name: "pure-rooms", check: arrows::pure },
    Rule { name: "arrows", check: arrows::check },
    Rule { name: "sql", check: sql::check },
    Rule { name: "rooms", check: rooms::check },
    Rule { name: "registry", check: registry::check },
    Rule { name: "metrics", check: metrics::check },
    Rule { name: "features", check: features::check },
    Rule { name: "names", check: names::check },
    Rule { name: "shape", check: shape::check },
    Rule { name: "todo", check: text::todo },
    Rule { name: "machine-paths", check: text::machine_paths },
];
