//! How long a file or function may be: a limit for all, and a lower one for each room that only falls.

use super::finding::Finding;
use super::tree::{File, Tree};
use crate::measure::figures::{self, Figures};
use crate::measure::ratchet::{self, Recorded};

/// Lines of a file that a person writes. The guide aims for 100 to 250.
pub const FILE_LINES_MAX: usize = 500;
const ENDINGS: &[&str] = &[".rs", ".ts", ".tsx", ".css", ".sh"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let long = tree.files.values().filter(|file| is_source(file) && file.lines() > FILE_LINES_MAX);
    let long = long.map(|file| {
        let said = format!("{} lines, and {FILE_LINES_MAX} is the most", file.lines());
        Finding::new(&file.path, 0, said, "split it by noun")
    });
    long.chain(grown(tree)).collect()
}

fn is_source(file: &File) -> bool {
    !file.is_generated() && ENDINGS.iter().any(|ending| file.path.ends_with(ending))
}

/// Rooms whose longest file or function is longer than what .config/measure.toml records.
fn grown(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.files.get(ratchet::PATH).map(|file| &file.text) else {
        return Vec::new();
    };
    match ratchet::parse(text) {
        Ok(recorded) => figures::of(tree).iter().flat_map(|(room, figures)| over(room, figures, &recorded)).collect(),
        Err(error) => vec![Finding::new(
            ratchet::PATH,
            0,
            format!("not readable: {error:#}"),
            "run `cargo xtask measure --ratchet`",
        )],
    }
}

fn over(room: &str, figures: &Figures, recorded: &Recorded) -> Vec<Finding> {
    let Some(limits) = recorded.get(room) else {
        return Vec::new();
    };
    let fix = "shorten it: the longest of a room only gets shorter";
    let kinds =
        [("file", &figures.longest_file, limits.file), ("function", &figures.longest_function, limits.function)];
    kinds
        .into_iter()
        .filter(|(_, longest, limit)| longest.lines > *limit)
        .map(|(kind, longest, limit)| {
            let said =
                format!("the longest {kind} of {room} grew from {limit} to {} lines ({})", longest.lines, longest.name);
            Finding::new(&longest.path, longest.line, said, fix)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_over_the_limit_is_found_unless_a_program_wrote_it() {
        let long = "// x\n".repeat(FILE_LINES_MAX + 1);
        let generated = format!("// {}\n{long}", concat!("@", "generated"));
        let tree = Tree::of(&[("crates/api/src/a.rs", &long), ("web/src/client.ts", &generated), ("docs/a.md", &long)]);
        let paths: Vec<_> = check(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(paths, ["crates/api/src/a.rs"]);
    }

    #[test]
    fn a_room_may_not_outgrow_what_was_recorded() {
        let recorded = "[\"crates/api\"]\nfile = 3\nfunction = 2\n";
        let grown =
            |source: &str| check(&Tree::of(&[("crates/api/src/a.rs", source), (ratchet::PATH, recorded)])).len();
        assert_eq!(grown("fn a() {\n}\n"), 0);
        assert_eq!(grown("fn a() {\n\n}\n"), 1);
        assert_eq!(grown("fn a() {\n\n}\n\n"), 2);
    }
}
