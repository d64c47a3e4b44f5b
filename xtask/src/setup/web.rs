//! The web UI's tools, for as long as there is a web UI: npm in web/.

use anyhow::Result;
use xshell::Cmd;

use crate::process;
use crate::project::Project;

const NODE_MAJOR_MIN: u32 = 20;

pub fn exists(project: &Project) -> bool {
    project.path("web/package.json").is_file()
}

pub fn has_node(project: &Project) -> bool {
    let version = project.command("node").arg("--version").ignore_stderr().read();
    version.ok().and_then(|version| major(&version)).is_some_and(|major| major >= NODE_MAJOR_MIN)
        && process::find("npm", &[]).is_some()
}

/// Installs what the lock file names, unless that is what was installed last.
pub fn install(project: &Project) -> Result<()> {
    let modules = project.path("web/node_modules/.package-lock.json");
    let lock = project.path("web/package-lock.json");
    if is_newer(&modules, &lock) {
        return Ok(());
    }
    process::run(npm(project).args(["ci", "--no-audit", "--no-fund"]))
}

/// Builds what the binary embeds; nothing where there is no web UI.
pub fn build(project: &Project) -> Result<()> {
    if !exists(project) {
        return Ok(());
    }
    install(project)?;
    process::run(npm(project).args(["run", "build"]))
}

pub fn npm(project: &Project) -> Cmd<'_> {
    project.command("npm").args(["--prefix", "web"])
}

/// 20 of `v20.11.1`.
fn major(version: &str) -> Option<u32> {
    version.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

fn is_newer(made: &std::path::Path, from: &std::path::Path) -> bool {
    let changed = |path: &std::path::Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    matches!((changed(made), changed(from)), (Some(made), Some(from)) if made >= from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_node_is_read() {
        assert_eq!(["v20.11.1", "v22.0.0-nightly", "nope"].map(major), [Some(20), Some(22), None]);
    }

    #[test]
    fn modules_older_than_the_lock_file_are_installed_again() {
        let folder = tempfile::tempdir().unwrap();
        let (made, lock) = (folder.path().join("made"), folder.path().join("lock"));
        std::fs::write(&lock, "").unwrap();
        assert!(!is_newer(&made, &lock));
        std::fs::write(&made, "").unwrap();
        assert!(is_newer(&made, &lock));
    }
}
