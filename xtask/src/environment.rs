//! The only place here that reads the environment.

use std::ffi::OsString;
use std::path::PathBuf;

/// Settings that cargo gives to the program it runs and that must not reach a cargo started by that program:
/// build scripts watch them, so every switch between `cargo build` and `cargo xtask` would rebuild their crates.
const CARGO_RUN_PREFIXES: &[&str] = &["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];

/// The value of a variable; none when it is unset or empty.
#[expect(clippy::disallowed_methods, reason = "the place that reads it for xtask")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The folders in which commands are looked for.
pub fn path() -> Vec<PathBuf> {
    variable("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// The names of the variables that a nested cargo must not see.
#[expect(clippy::disallowed_methods, reason = "the place that reads it for xtask")]
pub fn left_by_cargo_run() -> Vec<OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| is_left_by_cargo_run(&name.to_string_lossy())).collect()
}

fn is_left_by_cargo_run(name: &str) -> bool {
    CARGO_RUN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nested_cargo_keeps_settings_but_not_the_package_of_its_parent() {
        for left in ["CARGO_PKG_VERSION", "CARGO_MANIFEST_DIR", "CARGO_BIN_NAME"] {
            assert!(is_left_by_cargo_run(left), "{left}");
        }
        for kept in ["CARGO_TARGET_DIR", "CARGO_HOME", "CARGO_TERM_COLOR", "PATH"] {
            assert!(!is_left_by_cargo_run(kept), "{kept}");
        }
    }
}
