//! .config/measure.toml: the longest file and function each room may have. The numbers only fall.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;
use serde::Deserialize;

use super::figures::Figures;

pub const PATH: &str = ".config/measure.toml";
const HEAD: &str = "# The most lines a file and a function of each room may have; test functions and generated files do not count.\n\
                    # `cargo xtask measure --ratchet` lowers them to what is true; `cargo xtask tidy` fails over them.\n";

/// Lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub file: usize,
    pub function: usize,
}

pub type Recorded = BTreeMap<String, Limits>;

pub fn parse(text: &str) -> Result<Recorded> {
    Ok(toml::from_str(text)?)
}

/// The recorded limits lowered to the figures; a new room starts at its figures, a gone one is dropped.
pub fn tighten(recorded: &Recorded, figures: &BTreeMap<&str, Figures>) -> Recorded {
    let tightened = figures.iter().map(|(room, figures)| {
        let (file, function) = (figures.longest_file.lines, figures.longest_function.lines);
        let limits = recorded.get(*room).map_or(Limits { file, function }, |old| Limits {
            file: old.file.min(file),
            function: old.function.min(function),
        });
        ((*room).to_owned(), limits)
    });
    tightened.collect()
}

pub fn render(recorded: &Recorded) -> String {
    recorded.iter().fold(HEAD.to_owned(), |mut text, (room, limits)| {
        write!(text, "\n[\"{room}\"]\nfile = {}\nfunction = {}\n", limits.file, limits.function)
            .expect("a string takes every write");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::super::figures::Longest;
    use super::*;

    fn figures(file: usize, function: usize) -> Figures {
        let longest = |lines| Longest { lines, ..Longest::default() };
        Figures { longest_file: longest(file), longest_function: longest(function), ..Figures::default() }
    }

    #[test]
    fn limits_fall_and_never_rise() {
        let recorded = Recorded::from([
            ("crates/app".to_owned(), Limits { file: 200, function: 40 }),
            ("crates/gone".to_owned(), Limits { file: 1, function: 1 }),
        ]);
        let now = BTreeMap::from([("crates/app", figures(180, 50)), ("crates/new", figures(90, 20))]);
        let tightened = tighten(&recorded, &now);
        assert_eq!(tightened["crates/app"], Limits { file: 180, function: 40 });
        assert_eq!(tightened["crates/new"], Limits { file: 90, function: 20 });
        assert_eq!(tightened.len(), 2);
    }

    #[test]
    fn what_is_written_reads_back() {
        let recorded = Recorded::from([("crates/app".to_owned(), Limits { file: 200, function: 40 })]);
        assert_eq!(parse(&render(&recorded)).unwrap(), recorded);
    }
}
