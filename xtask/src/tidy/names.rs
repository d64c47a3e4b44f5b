//! Names that say nothing: a drawer for everything is where code goes to be written twice.

use std::path::Path;

use super::finding::Finding;
use super::tokens::{Kind, Token};
use super::tree::{File, Tree};

const MODULES: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "prelude"];
const TYPE_ENDINGS: &[&str] = &["Manager", "Service", "Helper", "Helpers", "Util", "Utils"];
const FIX: &str = "name it by the noun it is about (docs/words.md)";

pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.files.values().flat_map(|file| of_path(file).into_iter().chain(in_file(file))).collect()
}

/// A file or folder with a banned name, in source folders.
fn of_path(file: &File) -> Option<Finding> {
    let is_source =
        ["rs", "ts", "tsx"].iter().any(|ending| Path::new(&file.path).extension().is_some_and(|e| e == *ending));
    let mut parts = Path::new(&file.path).with_extension("");
    let mut names = Vec::new();
    while let Some(name) = parts.file_name().map(|name| name.to_string_lossy().into_owned()) {
        names.push(name);
        parts.pop();
    }
    let banned = names.into_iter().find(|name| is_source && MODULES.contains(&name.as_str()))?;
    Some(Finding::new(&file.path, 0, format!("`{banned}` says nothing about what is inside"), FIX))
}

fn in_file(file: &File) -> Vec<Finding> {
    let defined = file.tokens.windows(2).filter(|pair| pair[1].kind == Kind::Word);
    let banned = defined.filter(|pair| is_banned(&pair[0], &pair[1].text));
    banned.map(|pair| Finding::new(&file.path, pair[1].line, format!("`{}` says nothing", pair[1].text), FIX)).collect()
}

fn is_banned(keyword: &Token, name: &str) -> bool {
    match keyword.text.as_str() {
        _ if keyword.kind != Kind::Word => false,
        "mod" => MODULES.contains(&name),
        "struct" | "enum" | "trait" | "type" => TYPE_ENDINGS.iter().any(|ending| name.ends_with(ending)),
        "fn" => name.ends_with("_inner"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(path: &str, source: &str) -> Vec<String> {
        check(&Tree::of(&[(path, source)])).into_iter().map(|finding| finding.said).collect()
    }

    #[test]
    fn empty_names_are_found_where_they_are_defined() {
        let source = "mod utils; struct QueueManager; trait SendService {} fn send_inner() {}";
        assert_eq!(said("crates/app/src/lib.rs", source).len(), 4);
    }

    #[test]
    fn a_name_that_someone_else_gave_may_be_used() {
        let source = "impl tower::Service<Request> for Gate { type Response = (); }";
        assert!(said("crates/api/src/gate.rs", source).is_empty());
    }

    #[test]
    fn a_file_called_helpers_is_found_by_its_path() {
        assert_eq!(said("crates/store/tests/common/mod.rs", "").len(), 1);
        assert_eq!(said("web/src/helpers.ts", "").len(), 1);
        assert!(said("docs/common.md", "").is_empty());
    }
}
