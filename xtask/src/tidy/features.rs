//! docs/features.md and the list of feature ids agree: no id is invented, none is forgotten.
//!
//! The list is .config/features.txt: a family and how many it has on each line, `CMP 10`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::finding::Finding;
use super::tree::Tree;

const LIST: &str = ".config/features.txt";
const PAGE: &str = "docs/features.md";

static ID: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b[A-Z]{2,3}-\d{2}\b").expect("the pattern is valid"));

pub fn check(tree: &Tree) -> Vec<Finding> {
    let (Some(list), Some(page)) = (tree.files.get(LIST), tree.files.get(PAGE)) else {
        return Vec::new();
    };
    let known: BTreeSet<String> = list.text.lines().flat_map(family).collect();
    let told: BTreeSet<&str> = ID.find_iter(&page.text).map(|found| found.as_str()).collect();
    let invented = page.text.lines().zip(1..).flat_map(|(line, number)| invented(line, number, &known));
    let forgotten = known.iter().filter(|id| !told.contains(id.as_str()));
    let forgotten =
        forgotten.map(|id| Finding::new(PAGE, 0, format!("{id} is not told of"), "add its row and what is true of it"));
    invented.chain(forgotten).collect()
}

fn family(line: &str) -> Vec<String> {
    let mut words = line.split_whitespace();
    let (Some(name), Some(Ok(count))) = (words.next(), words.next().map(str::parse::<u32>)) else {
        return Vec::new();
    };
    (1..=count).map(|number| format!("{name}-{number:02}")).collect()
}

fn invented(line: &str, number: usize, known: &BTreeSet<String>) -> Vec<Finding> {
    let ids = ID.find_iter(line).map(|found| found.as_str()).filter(|id| !known.contains(*id));
    ids.map(|id| Finding::new(PAGE, number, format!("{id} is no feature"), format!("use an id of {LIST}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_tells_of_every_feature_and_of_no_other() {
        let tree =
            Tree::of(&[(LIST, "# family, count\nCMP 2\nGAT 1\n"), (PAGE, "| CMP-01 | done |\n| GAT-01, CMP-07 |\n")]);
        let said: Vec<_> = check(&tree).into_iter().map(|finding| finding.said).collect();
        assert_eq!(said, ["CMP-07 is no feature", "CMP-02 is not told of"]);
    }
}
