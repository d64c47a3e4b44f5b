//! Every provider in the registry has its module, its recorded answers and its page of documentation.
//!
//! A folder that does not exist yet asks for nothing: the first fixture or page makes the rule count for all.

use super::finding::Finding;
use super::tokens::{self, Kind, Token};
use super::tree::{File, Tree};

const REGISTRY: &str = "crates/providers/src/lib.rs";
const SOURCES: &str = "crates/providers/src";
const FIXTURES: &str = "crates/providers/tests/fixtures";
const PAGES: &str = "docs/providers";

pub fn check(tree: &Tree) -> Vec<Finding> {
    let entries = tree.files.get(REGISTRY).map(entries).unwrap_or_default();
    let missing = entries.iter().flat_map(|entry| missing(tree, entry));
    missing.chain(pages_of_nothing(tree, &entries)).collect()
}

struct Entry {
    module: String,
    line: usize,
}

/// The modules named in `providers! { module::Type, … }`.
fn entries(file: &File) -> Vec<Entry> {
    let Some(start) = tokens::find(&file.tokens, "providers ! {").first().map(|token| token.line) else {
        return Vec::new();
    };
    let after = file.tokens.iter().skip_while(|token| token.line < start).skip_while(|token| !token.is("{")).skip(1);
    let body: Vec<&Token> = after.take_while(|token| !token.is("}")).collect();
    body.split(|token| token.is(","))
        .filter_map(|entry| entry.iter().find(|token| token.kind == Kind::Word))
        .map(|token| Entry { module: token.text.clone(), line: token.line })
        .collect()
}

fn missing(tree: &Tree, entry: &Entry) -> Vec<Finding> {
    let module = &entry.module;
    let source = format!("{SOURCES}/{module}.rs");
    let has_source = tree.has_file(&source) || tree.has_folder(&format!("{SOURCES}/{module}"));
    let fixtures = format!("{FIXTURES}/{module}");
    let page = format!("{PAGES}/{module}.md");
    let wanted = [
        (has_source, source),
        (!tree.has_folder(FIXTURES) || tree.has_folder(&fixtures), fixtures),
        (!tree.has_folder(PAGES) || tree.has_file(&page), page),
    ];
    let missing = wanted.into_iter().filter(|(there, _)| !there);
    missing.map(|(_, path)| Finding::new(REGISTRY, entry.line, format!("{module} has no {path}"), "write it")).collect()
}

fn pages_of_nothing(tree: &Tree, entries: &[Entry]) -> Vec<Finding> {
    if entries.is_empty() {
        return Vec::new();
    }
    let pages = tree.files.keys().filter_map(|path| path.strip_prefix(PAGES)?.strip_prefix('/')?.strip_suffix(".md"));
    let orphans = pages.filter(|page| *page != "README" && !entries.iter().any(|entry| entry.module == **page));
    orphans
        .map(|page| {
            let said = format!("no provider in {REGISTRY} is called {page}");
            Finding::new(&format!("{PAGES}/{page}.md"), 0, said, "name the page like the module, or remove it")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str =
        "macro_rules! providers { ($x:tt) => {} }\nproviders! {\n    twilio::Twilio,\n    meta::whatsapp::Whatsapp,\n}";

    fn said(files: &[(&str, &str)]) -> Vec<String> {
        let mut all = vec![(REGISTRY, TWO)];
        all.extend(files);
        check(&Tree::of(&all)).into_iter().map(|finding| finding.said).collect()
    }

    const SOURCE: [(&str, &str); 2] =
        [("crates/providers/src/twilio.rs", ""), ("crates/providers/src/meta/mod.rs", "")];

    #[test]
    fn a_provider_needs_its_module() {
        assert_eq!(said(&SOURCE), Vec::<String>::new());
        assert_eq!(said(&SOURCE[1..]), ["twilio has no crates/providers/src/twilio.rs"]);
    }

    #[test]
    fn once_one_provider_has_fixtures_and_a_page_each_one_has() {
        let files = [
            SOURCE[0],
            SOURCE[1],
            ("crates/providers/tests/fixtures/twilio/sent.json", "{}"),
            ("docs/providers/meta.md", ""),
        ];
        assert_eq!(
            said(&files),
            ["twilio has no docs/providers/twilio.md", "meta has no crates/providers/tests/fixtures/meta"]
        );
    }

    #[test]
    fn a_page_of_no_provider_is_found() {
        let files = [
            SOURCE[0],
            SOURCE[1],
            ("docs/providers/twilio.md", ""),
            ("docs/providers/meta.md", ""),
            ("docs/providers/old.md", ""),
        ];
        assert_eq!(said(&files), ["no provider in crates/providers/src/lib.rs is called old"]);
    }

    #[test]
    fn without_a_registry_nothing_is_asked() {
        assert!(check(&Tree::of(&[("docs/providers/old.md", "")])).is_empty());
    }
}
