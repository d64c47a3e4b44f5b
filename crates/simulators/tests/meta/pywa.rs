//! pywa, a client library not written by us, talks to the simulator. Its script is in `tests/pywa`.

use std::path::Path;
use std::process::{Command, Output};

use crate::wire::{NUMBER, WABA, simulator};

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pywa/requirements.txt");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pywa/check.py");

/// A Python with pywa, made once under the target directory.
fn python() -> Result<String, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pywa");
    let python = folder.join("bin/python").display().to_string();
    let has_pywa = || Command::new(&python).args(["-c", "import pywa"]).output().is_ok_and(|run| run.status.success());
    if has_pywa() {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS]))?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{command:?}:\n{out}\n{err}"))
}

#[tokio::test]
async fn pywa_can_talk_to_the_simulator() {
    let python = match tokio::task::spawn_blocking(python).await.unwrap() {
        Ok(python) => python,
        Err(why) => {
            eprintln!("SKIPPED: no Python with pywa, so no foreign client talked to the simulator: {why}");
            return;
        }
    };
    let sim = simulator(|config| config.access_token = Some("a token".to_owned())).await;
    let arguments = [SCRIPT.to_owned(), sim.base_url(), NUMBER.to_owned(), WABA.to_owned()];
    let checked = tokio::task::spawn_blocking(move || run(Command::new(python).args(arguments))).await.unwrap();
    checked.unwrap_or_else(|why| panic!("{why}"));
    let stats = sim.stats();
    assert_eq!((stats.counts.accepted, stats.reads), (9, 2));
    assert_eq!(stats.refused.keys().copied().collect::<Vec<_>>(), [190, 132_000]);
}
