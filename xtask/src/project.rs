//! Where the project lies, and commands that run in it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::Metadata;
use xshell::{Cmd, Shell};

use crate::environment;

pub struct Project {
    root: PathBuf,
    shell: Shell,
}

impl Project {
    /// Finds the checkout this xtask was started from.
    pub fn open() -> Result<Self> {
        let here = environment::variable("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&here).parent().context("xtask lies in no project")?.to_path_buf();
        let shell = Shell::new()?;
        shell.change_dir(&root);
        Ok(Self { root, shell })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    pub fn command(&self, program: impl AsRef<Path>) -> Cmd<'_> {
        self.shell.cmd(program).quiet()
    }

    /// A cargo that does not see which package this xtask is.
    pub fn cargo(&self) -> Cmd<'_> {
        environment::left_by_cargo_run().iter().fold(self.command("cargo"), Cmd::env_remove)
    }

    /// Packages, and where builds go, without resolving dependencies.
    pub fn metadata(&self) -> Result<Metadata> {
        read_metadata(self.cargo().args(["metadata", "--format-version=1", "--no-deps"]))
    }

    /// The same with every dependency of a Linux build.
    pub fn resolved(&self) -> Result<Metadata> {
        let linux = ["--filter-platform", "x86_64-unknown-linux-gnu"];
        read_metadata(self.cargo().args(["metadata", "--format-version=1", "--locked"]).args(linux))
    }

    pub fn target_dir(&self) -> Result<PathBuf> {
        Ok(self.metadata()?.target_directory.into())
    }
}

fn read_metadata(command: Cmd<'_>) -> Result<Metadata> {
    let text = command.ignore_stderr().read().context("cargo metadata failed; is Cargo.lock up to date?")?;
    Ok(cargo_metadata::MetadataCommand::parse(text)?)
}
