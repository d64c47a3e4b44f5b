//! Commands, read by a real shell, and understood by the real binary without doing anything.
//!
//! The shell finds three programs only. `postroad` hands its arguments to the binary with a settings file that does not
//! exist: whoever is understood complains about the file. `cargo` notes what it was asked for. `awk` prints an id, as it
//! does where a page picks one out of a table.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Result;
use tempfile::TempDir;

use crate::tree;

const NO_SETTINGS: &str = "no-such-settings.toml";
const POSTROAD: &str = r#"#!/bin/sh
printf 'postroad %s\n' "$*" >> "$CALLS"
told=$(POSTROAD_CONFIG=$NO_SETTINGS "$BINARY" "$@" 2>&1 < /dev/null) && exit 0
case "$told" in *"$NO_SETTINGS"*)
    case "$1" in
        accounts) echo "$ACCOUNT" ;;
        templates) echo "$TEMPLATE" ;;
        campaigns) echo "$CAMPAIGN" ;;
    esac
    exit 0 ;;
esac
printf 'postroad %s\n%s\n\n' "$*" "$told" >> "$MISUNDERSTOOD"
"#;
const CARGO: &str = "#!/bin/sh\nprintf 'cargo %s\\n' \"$*\" >> \"$CALLS\"\n";
const AWK: &str = "#!/bin/sh\necho \"$MESSAGE\"\n";
/// What the pages call ids, and other people's addresses.
const VALUES: &[(&str, &str)] = &[
    ("ACCOUNT", "acc_00000000000000000000000000000001"),
    ("TEMPLATE", "tpl_00000000000000000000000000000001"),
    ("CAMPAIGN", "cmp_00000000000000000000000000000001"),
    ("SEGMENT", "seg_00000000000000000000000000000001"),
    ("MESSAGE", "msg_00000000000000000000000000000001"),
    ("ADMIN_URL", "postgres://nobody@127.0.0.1:1/nothing"),
];

pub(crate) struct Rehearsal {
    dir: TempDir,
}

impl Rehearsal {
    pub(crate) fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        fs::create_dir(dir.path().join("bin"))?;
        for (name, script) in [("postroad", POSTROAD), ("cargo", CARGO), ("awk", AWK)] {
            let path = dir.path().join("bin").join(name);
            fs::write(&path, script)?;
            fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        }
        Ok(Self { dir })
    }

    /// Lets a shell read a script. Programs that it does not find are nothing to us.
    pub(crate) fn shell(&self, script: &str) -> Result<()> {
        if script.is_empty() {
            return Ok(());
        }
        let mut command = Command::new("/bin/sh");
        command.env_clear().env("PATH", self.dir.path().join("bin")).env("BINARY", env!("CARGO_BIN_EXE_postroad"));
        command.env("CALLS", self.noted("calls")).env("MISUNDERSTOOD", self.noted("misunderstood"));
        command.env("NO_SETTINGS", NO_SETTINGS).envs(VALUES.iter().copied()).current_dir(self.dir.path());
        command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        Ok(())
    }

    /// A command in the middle of a sentence, perhaps without its arguments: whether there is help for it.
    pub(crate) fn mentioned(&self, code: &str) -> Result<()> {
        let Some(words) = code.strip_prefix("postroad ") else { return Ok(()) };
        let is_meant = |word: &&str| !word.starts_with(|c: char| c.is_uppercase() || "<|…$\"'".contains(c));
        let words: Vec<&str> = words.split_whitespace().take_while(is_meant).filter(|word| *word != "--help").collect();
        self.shell(&format!("postroad {} --help", words.join(" ")))
    }

    fn noted(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn misunderstood(&self) -> Result<String> {
        text_of(&self.noted("misunderstood"))
    }

    pub(crate) fn calls(&self) -> Result<BTreeSet<String>> {
        Ok(text_of(&self.noted("calls"))?.lines().map(str::to_owned).collect())
    }

    /// Words behind `cargo xtask`.
    pub(crate) fn chores_called(&self) -> Result<BTreeSet<String>> {
        Ok(self.calls()?.iter().filter_map(|call| call.strip_prefix("cargo xtask ")).map(str::to_owned).collect())
    }
}

fn text_of(path: &Path) -> Result<String> {
    if path.exists() { tree::read(path) } else { Ok(String::new()) }
}

/// What xtask can do, as its source says.
pub(crate) struct Chores {
    names: BTreeSet<String>,
    /// Where flags are fields.
    sources: String,
}

pub(crate) fn chores() -> Result<Chores> {
    let main = tree::read(&tree::root().join("xtask/src/main.rs"))?;
    let body = main.split("enum Chore {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap_or_default();
    let variants = body.lines().map(str::trim).filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    let names = variants.filter_map(|line| line.split(['(', ',', ' ']).next()).map(str::to_lowercase).collect();
    let mut sources = String::new();
    for folder in ["xtask/src", "crates/e2e/src/bin"] {
        sources.extend(tree::sources(folder)?.into_iter().map(|(_, text)| text));
    }
    Ok(Chores { names, sources })
}

impl Chores {
    pub(crate) fn knows(&self, call: &str) -> bool {
        let mut words = call.split_whitespace();
        let is_known = words.next().is_some_and(|name| self.names.contains(name));
        let mut flags = words.filter_map(|word| word.strip_prefix("--"));
        is_known && flags.all(|flag| self.sources.contains(&format!(" {}: ", flag.replace('-', "_"))))
    }
}
