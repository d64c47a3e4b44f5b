//! Which crate may depend on which, and which know no IO: read from the manifests.

use super::finding::Finding;
use super::tree::{Dependency, Package, Tree};

/// Rooms of ours that a room may depend on. Not listed here: it may depend on all (`cli`, `testkit`, `e2e`, `fuzz`).
const ARROWS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("providers", &["core"]),
    ("schema", &[]),
    ("store", &["core", "schema"]),
    ("media", &["core"]),
    ("app", &["core", "schema", "media", "store"]),
    ("api", &["core", "schema", "providers", "store", "app"]),
    ("worker", &["core", "schema", "providers", "store", "app"]),
    ("scheduler", &["core", "schema", "store", "app"]),
    ("simulators", &[]),
    ("embedded", &[]),
];

/// Rooms whose code is rules and translation only.
const PURE: &[&str] = &["core", "providers"];
const IO: &[&str] = &["tokio", "sqlx", "reqwest", "axum", "hyper", "tower", "redis", "apalis", "apalis-postgres"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.packages.iter().flat_map(wrong_arrows).collect()
}

pub fn pure(tree: &Tree) -> Vec<Finding> {
    let pure = tree.packages.iter().filter(|package| PURE.contains(&room(&package.name)));
    pure.flat_map(io_dependencies).collect()
}

fn wrong_arrows(package: &Package) -> Vec<Finding> {
    let from = room(&package.name);
    let allowed = ARROWS.iter().find(|(name, _)| *name == from).map(|(_, allowed)| *allowed);
    let ours = package.dependencies.iter().filter(|dependency| dependency.name.starts_with("postroad-"));
    ours.filter(|to| !may_point(from, allowed, to)).map(|to| wrong_arrow(package, to)).collect()
}

fn may_point(from: &str, allowed: Option<&[&str]>, to: &Dependency) -> bool {
    match (to.for_tests, room(&to.name)) {
        (true, _) => from != "simulators",
        (false, "testkit") => from == "e2e",
        (false, to) => allowed.is_none_or(|allowed| allowed.contains(&to)),
    }
}

fn wrong_arrow(package: &Package, to: &Dependency) -> Finding {
    let said = format!("{} depends on {}", package.name, to.name);
    Finding::new(
        &package.manifest,
        0,
        said,
        "follow the arrows in ARCHITECTURE.md, or move the code to where they lead",
    )
}

fn io_dependencies(package: &Package) -> Vec<Finding> {
    let io = package.dependencies.iter().filter(|dependency| IO.contains(&dependency.name.as_str()));
    let wrong = io.filter(|dependency| !dependency.for_tests && !is_derive_feature(package, dependency));
    wrong
        .map(|dependency| {
            let said = format!("{} depends on {}", package.name, dependency.name);
            Finding::new(&package.manifest, 0, said, "keep IO out: return a description, and let the worker act on it")
        })
        .collect()
}

/// The optional feature `sqlx` of core only derives column types for its ids and enums.
fn is_derive_feature(package: &Package, dependency: &Dependency) -> bool {
    room(&package.name) == "core" && dependency.name == "sqlx" && dependency.optional
}

fn room(package: &str) -> &str {
    package.strip_prefix("postroad-").unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `dependency` ends in `?` when it is optional.
    fn tree(package: &str, dependency: &str) -> Tree {
        let (name, optional) = dependency.strip_suffix('?').map_or((dependency, false), |name| (name, true));
        let dependencies = vec![Dependency { name: name.into(), optional, for_tests: false }];
        let package = Package { name: package.into(), manifest: "Cargo.toml".into(), dependencies };
        Tree { packages: vec![package], ..Tree::default() }
    }

    #[test]
    fn arrows_point_from_the_outside_in() {
        let cases = [
            ("postroad-api", "postroad-app", true),
            ("postroad-app", "postroad-api", false),
            ("postroad-store", "postroad-app", false),
            ("postroad-scheduler", "postroad-providers", false),
            ("postroad-simulators", "postroad-core", false),
            ("postroad-cli", "postroad-embedded", true),
            ("postroad-cli", "postroad-testkit", false),
            ("postroad-e2e", "postroad-testkit", true),
        ];
        for (from, to, allowed) in cases {
            assert_eq!(check(&tree(from, to)).is_empty(), allowed, "{from} -> {to}");
        }
    }

    #[test]
    fn any_room_but_the_simulators_may_use_the_testkit_in_its_tests() {
        for (from, allowed) in [("postroad-core", true), ("postroad-simulators", false)] {
            let mut tree = tree(from, "postroad-testkit");
            tree.packages[0].dependencies[0].for_tests = true;
            assert_eq!(check(&tree).is_empty(), allowed, "{from}");
        }
    }

    #[test]
    fn core_and_providers_know_no_io() {
        let cases = [
            ("postroad-core", "tokio", 1),
            ("postroad-providers", "reqwest", 1),
            ("postroad-core", "sqlx", 1),
            ("postroad-core", "sqlx?", 0),
            ("postroad-worker", "tokio", 0),
        ];
        for (package, dependency, findings) in cases {
            assert_eq!(pure(&tree(package, dependency)).len(), findings, "{package} and {dependency}");
        }
    }
}
