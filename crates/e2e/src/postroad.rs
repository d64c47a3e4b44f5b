//! The product's binary: where it lies, and how it is called.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Output,
};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

/// `postroad`, as it was built beside the running program.
#[derive(Debug, Clone)]
pub struct Binary {
    path: PathBuf,
}

impl Binary {
    /// Beside the running bench, chaos run or test; built when it is missing. A stale one is not noticed: whoever changes
    /// the product builds it (`cargo xtask test`, `bench` and `chaos` do).
    pub fn locate() -> Result<Self> {
        let mut folder = std::env::current_exe()?;
        folder.pop();
        if folder.ends_with("deps") {
            folder.pop();
        }
        let path = folder.join("postroad");
        if !path.is_file() {
            build(&folder)?;
        }
        Ok(Self { path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A call with nothing of our environment but where programs are found.
    pub fn command(&self, environment: &BTreeMap<String, String>) -> Command {
        let mut command = Command::new(&self.path);
        command.env_clear().envs(path_variable()).envs(environment);
        command
    }

    /// Runs a subcommand to its end and returns what it printed.
    pub async fn run(&self, environment: &BTreeMap<String, String>, args: &[&str]) -> Result<String> {
        let output = self.output(environment, args).await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("`postroad {}` ended with {}: {}", args.join(" "), output.status, said.trim());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The same, whatever the end is.
    pub async fn output(&self, environment: &BTreeMap<String, String>, args: &[&str]) -> Result<Output> {
        let mut command = self.command(environment);
        command.args(args).kill_on_drop(true);
        command.output().await.with_context(|| format!("{} cannot be run", self.path.display()))
    }
}

fn build(folder: &Path) -> Result<()> {
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--package", "postroad-cli", "--bin", "postroad"]);
    cargo.args(["--features", "failpoints"]);
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.stdout(std::process::Stdio::null()).status().context("cargo cannot be run")?;
    if !status.success() {
        bail!("postroad does not build");
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a child needs to find its programs")]
fn path_variable() -> Option<(&'static str, String)> {
    std::env::var("PATH").ok().map(|path| ("PATH", path))
}
