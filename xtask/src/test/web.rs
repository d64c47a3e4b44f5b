//! The web suites: scripts of web/package.json that write a JUnit file to `POSTROAD_JUNIT`.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

use super::junit;
use super::tally::Tally;
use crate::process;
use crate::project::Project;
use crate::setup::web;

/// In this order; one that package.json does not have is left out.
const SCRIPTS: &[&str] = &["test", "test:browser"];

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    scripts: BTreeMap<String, String>,
}

pub fn suites(project: &Project) -> Result<Tally> {
    if !web::exists(project) {
        return Ok(Tally::default());
    }
    web::install(project)?;
    let manifest = scripts(project)?;
    let present = SCRIPTS.iter().filter(|script| manifest.scripts.contains_key(**script));
    present.map(|script| suite(project, script)).try_fold(Tally::default(), |sum, tally| Ok(sum + tally?))
}

fn scripts(project: &Project) -> Result<Manifest> {
    let text = std::fs::read_to_string(project.path("web/package.json"))?;
    serde_json::from_str(&text).context("web/package.json is not readable")
}

fn suite(project: &Project, script: &str) -> Result<Tally> {
    let report = project.target_dir()?.join("web").join(format!("{}.xml", script.replace(':', "-")));
    junit::forget(&report)?;
    let run = web::npm(project).args(["run", script]).env("POSTROAD_JUNIT", &report).env("CI", "true");
    let end = process::status(run)?;
    Ok(junit::read(&report)?.with_end(end))
}
