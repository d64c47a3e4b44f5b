//! Which PostgreSQL the system has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::EmbeddedError;

/// Oldest major version we run on.
pub(crate) const VERSION_MIN: u32 = 15;

const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// Where packages put servers, one folder per major version: parent folder, start of the name, rest of the path.
const PACKAGES: [(&str, &str, &str); 4] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
];

/// A folder with a whole server in it.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    pub(crate) dir: PathBuf,
    /// Major version: 15 of 15.18.
    version: u32,
}

impl Binaries {
    /// The first that serves: any version from [`VERSION_MIN`] on, or exactly `wanted` where data exists already.
    /// A `bin_dir` that was named is the only one considered.
    pub(crate) fn find(bin_dir: Option<&Path>, data: Option<(&Path, u32)>) -> Result<Self, EmbeddedError> {
        let candidates = bin_dir.map_or_else(candidates, |dir| vec![dir.to_owned()]);
        let mut searched = Vec::new();
        let mut found = Vec::new();
        for dir in candidates {
            match inspect(&dir) {
                Ok(binaries) if data.is_none_or(|(_, wanted)| wanted == binaries.version) => {
                    return Ok(binaries);
                }
                Ok(binaries) => found.push(binaries.version),
                Err(why) => searched.push(format!("{}: {why}", dir.display())),
            }
        }
        match data {
            Some((data, wanted)) if !found.is_empty() => {
                Err(EmbeddedError::WrongVersion { data: data.to_owned(), wanted, found })
            }
            _ => Err(EmbeddedError::NoServer { searched: if bin_dir.is_some() { searched } else { told(searched) } }),
        }
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// The places that were looked at and held nothing are worth telling, too.
fn told(mut searched: Vec<String>) -> Vec<String> {
    searched.push("pg_config --bindir".to_owned());
    searched.extend(PACKAGES.iter().map(|(parent, start, rest)| format!("{parent}/{start}*/{rest}")));
    searched.push("PATH".to_owned());
    searched
}

/// In the order in which they are preferred, without repeats.
fn candidates() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        answer(Command::new("pg_config").arg("--bindir")).map(PathBuf::from).into_iter().collect();
    all.extend(PACKAGES.iter().flat_map(|(parent, start, rest)| packaged(Path::new(parent), start, rest)));
    all.extend(on_path());
    let mut seen = std::collections::HashSet::new();
    all.retain(|dir| seen.insert(dir.clone()));
    all
}

/// Newest version first.
fn packaged(parent: &Path, start: &str, rest: &str) -> Vec<PathBuf> {
    let names = fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut versions: Vec<(u32, PathBuf)> = names
        .filter_map(|name| {
            let name = name.to_str()?;
            let version = name.strip_prefix(start)?.parse().ok()?;
            Some((version, parent.join(name).join(rest)))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, dir)| dir).collect()
}

/// Asked of the shell, because only the command line's configuration reads the environment.
fn on_path() -> Option<PathBuf> {
    let program = answer(Command::new("sh").args(["-c", "command -v postgres"]))?;
    Path::new(&program).parent().map(Path::to_owned)
}

fn inspect(dir: &Path) -> Result<Binaries, String> {
    if let Some(missing) = PROGRAMS.iter().find(|program| !dir.join(program).is_file()) {
        return Err(format!("has no {missing}"));
    }
    let told = answer(Command::new(dir.join("postgres")).arg("--version")).ok_or("postgres --version fails")?;
    match major_version(&told) {
        Some(version) if version >= VERSION_MIN => Ok(Binaries { dir: dir.to_owned(), version }),
        Some(version) => Err(format!("is version {version}")),
        None => Err(format!("postgres --version says {told:?}")),
    }
}

/// 15 of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, 18 of `postgres (PostgreSQL) 18beta1`.
fn major_version(told: &str) -> Option<u32> {
    let (_, version) = told.split_once("(PostgreSQL) ")?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_says() {
        let cases = [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", Some(15)),
            ("postgres (PostgreSQL) 17.0", Some(17)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) 19devel", Some(19)),
            ("postgres: not that one", None),
        ];
        for (told, version) in cases {
            assert_eq!(major_version(told), version, "{told}");
        }
    }

    #[test]
    fn packages_are_tried_from_the_newest_version_down() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["postgresql@9", "postgresql@15", "postgresql@17", "postgresql", "mysql@8"] {
            fs::create_dir(parent.path().join(name)).unwrap();
        }
        let found = packaged(parent.path(), "postgresql@", "bin");
        let expected = ["postgresql@17/bin", "postgresql@15/bin", "postgresql@9/bin"];
        assert_eq!(found, expected.map(|name| parent.path().join(name)));
    }

    #[test]
    fn without_a_server_the_error_says_what_was_searched_and_what_to_install() {
        let empty = tempfile::tempdir().unwrap();
        let error = Binaries::find(Some(empty.path()), None).unwrap_err().to_string();
        let searched = format!("searched {}: has no initdb", empty.path().display());
        for part in [&searched, "apt install postgresql", "dnf install", "brew install", "POSTROAD_DATABASE_URL"] {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
    }
}
