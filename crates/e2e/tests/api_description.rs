//! What the API answers, against what it says it answers: schemathesis makes requests up from `/openapi.json`, right ones and
//! wrong ones.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail, ensure};
use postroad_e2e::{Installation, Lanes, Seed, Setup};
use tokio::process::Command;

/// What every answer is held to.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance";
/// Requests made up for each operation.
const EXAMPLES: &str = "8";

#[tokio::test]
async fn no_request_gets_an_answer_that_the_description_does_not_know() -> Result<()> {
    let Some(python) = python().await? else {
        eprintln!("SKIPPED: python3 with venv and pip is needed for schemathesis, and is not here");
        return Ok(());
    };
    let mut installation = Installation::start(Setup::default().with("RUST_LOG", "warn")).await?;
    let mut seed = Seed::new(&installation).await?;
    seed.accounts(&Lanes::default()).await?;
    seed.people(10).await?;
    let key = seed.key(true).await?;
    let api = installation.run("all").await?;
    let mut run = Command::new(python.with_file_name("schemathesis"));
    run.args(["run", &format!("{}/openapi.json", api.base_url), "--checks", CHECKS, "--max-examples", EXAMPLES]);
    run.args([
        "--phases",
        "examples,coverage,fuzzing",
        "--seed",
        "1",
        "--no-shrink",
        "--continue-on-failure",
        "--no-color",
    ]);
    // A stream does not end: every request of it would run into the timeout.
    run.args(["--exclude-path", "/v1/events"]);
    run.args(["--generation-database", "none", "--request-timeout", "10", "--suppress-health-check", "all"]);
    run.env("SCHEMATHESIS_HOOKS", folder().join("hooks.py")).env("POSTROAD_API_KEY", &key.id);
    run.env("POSTROAD_API_SECRET", key.secret.reveal()).current_dir(installation.server.folder()).kill_on_drop(true);
    let output = run.stdin(Stdio::null()).output().await?;
    let told = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{told}\n{}\n{}", String::from_utf8_lossy(&output.stderr), api.process.tail());
    Ok(())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis")
}

/// The Python of an environment that has schemathesis; made once, beside what cargo builds. None: there is no Python.
async fn python() -> Result<Option<PathBuf>> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemathesis");
    let python = venv.join("bin/python");
    if python.with_file_name("schemathesis").is_file() {
        return Ok(Some(python));
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(&venv).output().await;
    if !made.is_ok_and(|output| output.status.success()) {
        return Ok(None);
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    let requirements = folder().join("requirements.txt");
    let output = Command::new(&python).args(install).arg(&requirements).output().await.context("pip cannot be run")?;
    if !output.status.success() {
        bail!("schemathesis cannot be installed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(Some(python))
}
