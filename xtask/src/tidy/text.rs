//! Rules about the text of any file, whatever its language.

use std::sync::LazyLock;

use regex::Regex;

use super::finding::Finding;
use super::tree::{File, Tree};

/// Spelled in pieces, so that this file is not found by its own rule.
static LEFT_OVER: LazyLock<Regex> = LazyLock::new(|| {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")].join("|");
    Regex::new(&format!(r"\b({words})\b(\(#\d+\))?")).expect("the pattern is valid")
});

/// An absolute path into someone's folder, not a part of a web address or of a longer path.
static MACHINE_PATH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?m)(^|[\s"'`=(:,])(/(home|Users|root|work)/[A-Za-z._-]+|[A-Z]:\\Users\\)"#)
        .expect("the pattern is valid")
});

pub fn todo(tree: &Tree) -> Vec<Finding> {
    let without_issue = |line: &str| LEFT_OVER.captures_iter(line).any(|found| found.get(2).is_none());
    let fix = "do it now, or open an issue and write its number behind it in brackets, as in (#12)";
    written(tree).flat_map(|file| lines(file, &without_issue, "something is left to do", fix)).collect()
}

pub fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let fix = "use a path inside the project, or ask for the folder";
    let has_path = |line: &str| MACHINE_PATH.is_match(line);
    tree.files.values().flat_map(|file| lines(file, &has_path, "a path that only one machine has", fix)).collect()
}

/// Files that people write: recorded answers of providers are as they were sent.
fn written(tree: &Tree) -> impl Iterator<Item = &File> {
    let recorded = ["/fixtures/", "Cargo.lock", "package-lock.json"];
    tree.files
        .values()
        .filter(move |file| !file.is_generated() && !recorded.iter().any(|part| file.path.contains(part)))
}

fn lines(file: &File, found: &dyn Fn(&str) -> bool, said: &str, fix: &str) -> Vec<Finding> {
    let numbered = file.text.lines().zip(1..).filter(|(line, _)| found(line));
    numbered.map(|(_, number)| Finding::new(&file.path, number, said, fix)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: &str = concat!("// TO", "DO");

    #[test]
    fn a_thing_left_to_do_names_its_issue() {
        let tree = |text: &str| Tree::of(&[("a.rs", text)]);
        assert_eq!(todo(&tree(&format!("{LEFT}: later"))).len(), 1);
        assert!(todo(&tree(&format!("{LEFT}(#12): later"))).is_empty());
        assert!(todo(&tree("// mastodons and methods")).is_empty());
    }

    #[test]
    fn paths_of_a_machine_are_told_from_web_addresses() {
        let found = |text: &str| machine_paths(&Tree::of(&[("a.md", text)])).len();
        for user in ["home", "Users", "root"] {
            assert_eq!(found(&format!("cd /{user}/someone/x")), 1, "{user}");
        }
        for clean in ["https://example.com/work/item", "GET /l/home/x", "crates/work/src", "/homes/x"] {
            assert_eq!(found(clean), 0, "{clean}");
        }
    }
}
