//! docs/asvs.csv: which requirement of OWASP ASVS 5.0 holds, and what shows it.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::tree;

const PAGE: &str = "docs/asvs.csv";
const HEAD: [&str; 6] = ["id", "level", "chapter", "requirement", "applies", "evidence"];
/// Requirements of levels 1 and 2 of each chapter, as ASVS 5.0.0 counts them. Of 9 and 17 nothing is used: signed tokens,
/// WebRTC.
const CHAPTERS: [(u32, usize); 15] = [
    (1, 27),
    (2, 11),
    (3, 19),
    (4, 10),
    (5, 9),
    (6, 35),
    (7, 18),
    (8, 7),
    (10, 29),
    (11, 14),
    (12, 9),
    (13, 13),
    (14, 9),
    (15, 13),
    (16, 16),
];

/// Why a row is not right. None: it is.
fn wrong(row: &csv::StringRecord, functions: &BTreeSet<String>) -> Option<String> {
    let [id, level, chapter, requirement, applies, evidence] =
        std::array::from_fn(|at| row.get(at).unwrap_or_default());
    if row.len() != HEAD.len() || [chapter, requirement, evidence].iter().any(|cell| cell.is_empty()) {
        return Some("a cell is missing".to_owned());
    }
    if chapter_of(id).is_none() || !["1", "2"].contains(&level) {
        return Some(format!("{id} of level {level} is no requirement"));
    }
    match applies {
        "yes" => {
            evidence.split(" ; ").find(|shown| !exists(shown, functions)).map(|shown| format!("{shown} does not exist"))
        }
        "no" | "planned" => None,
        other => Some(format!("{other} is neither yes, no nor planned")),
    }
}

/// A file of the repository, or a test.
fn exists(shown: &str, functions: &BTreeSet<String>) -> bool {
    functions.contains(shown) || (shown.contains('.') && tree::root().join(shown).is_file())
}

/// Of `V6.2.1`: 6.
fn chapter_of(id: &str) -> Option<u32> {
    let mut numbers = id.strip_prefix('V')?.split('.').map(|number| number.parse::<u32>().ok());
    let chapter = numbers.next()??;
    let rest: Vec<Option<u32>> = numbers.collect();
    (rest.len() == 2 && rest.iter().all(Option::is_some)).then_some(chapter)
}

#[test]
fn each_requirement_of_asvs_stands_once_with_evidence_that_exists() -> Result<()> {
    let functions = tree::functions()?;
    let text = tree::read(&tree::root().join(PAGE))?;
    let mut table = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    ensure!(table.headers()? == HEAD.as_slice(), "{:?}", table.headers()?);
    let rows: Vec<csv::StringRecord> = table.records().collect::<Result<_, _>>()?;
    let faults: Vec<String> =
        rows.iter().filter_map(|row| Some(format!("{}: {}", &row[0], wrong(row, &functions)?))).collect();
    ensure!(faults.is_empty(), "{faults:#?}");
    let ids: BTreeSet<&str> = rows.iter().map(|row| &row[0]).collect();
    ensure!(ids.len() == rows.len(), "a requirement stands twice");
    for (chapter, count) in CHAPTERS {
        let found = ids.iter().filter(|id| chapter_of(id) == Some(chapter)).count();
        ensure!(found == count, "chapter {chapter} has {count} requirements, and {found} are here");
    }
    let all = CHAPTERS.iter().map(|(_, count)| count).sum::<usize>();
    ensure!(rows.len() == all, "{} rows, and {all} requirements", rows.len());
    let kept = rows.iter().filter(|row| &row[4] == "yes").count();
    ensure!(kept > 100, "only {kept} hold");
    Ok(())
}
