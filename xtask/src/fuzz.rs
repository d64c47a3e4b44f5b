//! `cargo xtask fuzz`: the targets of crates/fuzz under libFuzzer, which follows the branches that an input takes.
//!
//! It begins with the stored inputs and works on a corpus of its own, in the target folder, which grows from run to run. An input that failed
//! lies in `crashes` beside the stored ones. Whatever lies there is to be committed: every run of the tests looks at it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use xshell::Cmd;

use crate::process;
use crate::project::Project;
use crate::setup::{self, Group};
use crate::test::database::{self, Server, TEST_URL};
use crate::test::rust;

const PACKAGE: [&str; 2] = ["--package", "postroad-fuzz"];
const STORED: &str = "crates/fuzz/src/__fuzz__";
/// Sanitizers need a nightly compiler, and look for what code without `unsafe` cannot do.
const NO_SANITIZER: [&str; 2] = ["--sanitizer", "NONE"];

#[derive(clap::Args)]
pub struct Args {
    /// Only these targets: modules of crates/fuzz
    targets: Vec<String>,
    /// For how long each target is tried, in seconds
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    seconds: u32,
    /// Store the inputs that take branches which no stored one takes
    #[arg(long)]
    keep: bool,
}

/// A test of crates/fuzz by its path; its module gives the name.
struct Target<'a> {
    name: &'a str,
    test: &'a str,
}

pub fn run(project: &Project, args: &Args) -> Result<()> {
    setup::ensure(project, &[Group::Servers, Group::Fuzz])?;
    let list =
        rust::offline(project).arg("test").args(PACKAGE).args(["--lib", "--", "--list", "--format", "terse"]).read()?;
    let (objects, database) = (project.target_dir()?.join("fuzz"), database::given_or_private()?);
    let fuzzer = Fuzzer { project, objects, database };
    for target in asked(&list, &args.targets)? {
        fuzzer.look(&target, args.seconds)?;
        if args.keep {
            fuzzer.keep(&target)?;
        }
    }
    Ok(())
}

/// Those of the list that have one of the names; all, if none is named.
fn asked<'a>(list: &'a str, names: &[String]) -> Result<Vec<Target<'a>>> {
    let all: Vec<Target<'a>> = list.lines().filter_map(target).collect();
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|target| target.name != name.as_str())) {
        let known: Vec<&str> = all.iter().map(|target| target.name).collect();
        bail!("there is no target {unknown}; there are {}", known.join(", "));
    }
    Ok(all.into_iter().filter(|target| names.is_empty() || names.iter().any(|name| name == target.name)).collect())
}

struct Fuzzer<'a> {
    project: &'a Project,
    /// Objects that count their branches fit into no other build.
    objects: PathBuf,
    database: Server,
}

impl Fuzzer<'_> {
    fn look(&self, target: &Target<'_>, seconds: u32) -> Result<()> {
        let (working, crashes) = (self.working(target), self.stored(target, "crashes"));
        fs::create_dir_all(&working)?;
        let look = self.bolero(target, &working, &crashes).arg("-E").arg(self.stored(target, "corpus"));
        let ended = process::run(look.args(["-T", &format!("{seconds}s")]));
        // It makes the folder whether or not there is anything to put there.
        let _is_empty = fs::remove_dir(&crashes);
        ended.with_context(|| format!("an input at which {} fails would lie in {}", target.name, crashes.display()))
    }

    /// Branches count here, and not how often each is taken: a stored corpus is to be small. libFuzzer merges into the first folder what it finds
    /// in the second.
    fn keep(&self, target: &Target<'_>) -> Result<()> {
        let merge = self.bolero(target, &self.stored(target, "corpus"), &self.working(target));
        process::run(merge.args(["-E=-merge=1", "-E=-use_counters=0"]))
    }

    fn bolero(&self, target: &Target<'_>, corpus: &Path, crashes: &Path) -> Cmd<'_> {
        let bolero = rust::offline(self.project).args(["bolero", "test", target.test]).args(PACKAGE).args(NO_SANITIZER);
        let bolero = bolero.env(TEST_URL, self.database.url()).arg("--target-dir").arg(&self.objects);
        bolero.arg("--corpus-dir").arg(corpus).arg("--crashes-dir").arg(crashes)
    }

    fn working(&self, target: &Target<'_>) -> PathBuf {
        self.objects.join("corpora").join(target.name)
    }

    /// `corpus` or `crashes`, which are committed.
    fn stored(&self, target: &Target<'_>, what: &str) -> PathBuf {
        self.project.path(STORED).join(target.name).join(what)
    }
}

/// `<module>::<sentence>: test`
fn target(line: &str) -> Option<Target<'_>> {
    let test = line.strip_suffix(": test")?;
    let (name, _) = test.split_once("::")?;
    Some(Target { name, test })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str =
        "phone::a_number_has_one_spelling: test\ncidr::a_list_means_the_same: test\n\n2 tests, 0 benchmarks\n";

    #[test]
    fn a_target_is_called_by_its_module() {
        let named = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let tests = asked(LIST, &names)?.into_iter().map(|target| target.test).collect::<Vec<_>>();
            Ok::<_, anyhow::Error>(tests)
        };
        assert_eq!(named(&["cidr"]).unwrap(), ["cidr::a_list_means_the_same"]);
        assert_eq!(named(&[]).unwrap().len(), 2);
        assert_eq!(named(&["mail"]).unwrap_err().to_string(), "there is no target mail; there are phone, cidr");
    }
}
