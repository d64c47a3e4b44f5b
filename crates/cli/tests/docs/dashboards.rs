//! Dashboards and alert rules against the metrics that the code exports.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::tree;

const PREFIX: &str = "postroad_";
/// What Prometheus adds to the name of a histogram.
const PARTS: [&str; 3] = ["_bucket", "_sum", "_count"];
const DATASOURCE: &str = "${DS_PROMETHEUS}";

pub(crate) type Names = BTreeSet<String>;

/// Every metric that a source file declares: a text of its own in a file that speaks of prometheus.
pub(crate) fn exported() -> Result<Names> {
    let mut names = Names::new();
    for (path, text) in tree::sources("crates")? {
        let is_product = path.components().any(|part| part.as_os_str() == "src") && !path.ends_with("tests.rs");
        if is_product && text.contains("prometheus::") {
            let texts = text.split('"').filter(|text| text.starts_with(PREFIX) && text.bytes().all(is_part_of_a_name));
            names.extend(texts.map(str::to_owned));
        }
    }
    Ok(names)
}

/// Every name in a dashboard or a rule.
pub(crate) fn drawn() -> Result<Names> {
    let mut names = Names::new();
    for path in tree::files("dashboards", &["json", "yml", "yaml"])? {
        names.extend(names_in(&tree::read(&path)?));
    }
    Ok(names)
}

/// Names that begin like ours. One with a colon behind the prefix is a recording rule.
pub(crate) fn names_in(text: &str) -> Names {
    let starts =
        text.match_indices(PREFIX).filter(|(at, _)| !text[..*at].bytes().last().is_some_and(is_part_of_a_name));
    starts
        .map(|(at, _)| {
            text[at..].split(|c: char| !c.is_ascii() || !is_part_of_a_name(c as u8)).next().unwrap_or_default()
        })
        .map(str::to_owned)
        .collect()
}

const fn is_part_of_a_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

/// The names, and those of which a histogram consists.
pub(crate) fn with_parts(names: &Names) -> Names {
    let parts = names.iter().flat_map(|name| PARTS.map(|part| format!("{name}{part}")));
    names.iter().cloned().chain(parts).collect()
}

pub(crate) fn is_drawn(name: &str, drawn: &Names) -> bool {
    drawn.contains(name) || PARTS.iter().any(|part| drawn.contains(&format!("{name}{part}")))
}

/// What would keep a dashboard from being imported, or make it unreadable.
pub(crate) fn wrong() -> Result<Vec<String>> {
    let (mut wrong, mut uids) = (Vec::new(), BTreeSet::new());
    let paths = tree::files("dashboards", &["json"])?;
    anyhow::ensure!(!paths.is_empty(), "there is no dashboard");
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let board: Value = serde_json::from_str(&tree::read(&path)?).with_context(|| name.clone())?;
        let uid = board["uid"].as_str().unwrap_or_default().to_owned();
        if uid.is_empty() || !uids.insert(uid) {
            wrong.push(format!("{name}: has no uid of its own"));
        }
        let variables = board["templating"]["list"].as_array().into_iter().flatten();
        if !variables
            .into_iter()
            .any(|variable| variable["name"] == "DS_PROMETHEUS" && variable["type"] == "datasource")
        {
            wrong.push(format!("{name}: has no variable DS_PROMETHEUS"));
        }
        wrong.extend(wrong_panels(&board).into_iter().map(|what| format!("{name}: {what}")));
    }
    Ok(wrong)
}

fn wrong_panels(board: &Value) -> Vec<String> {
    let panels: Vec<&Value> = board["panels"].as_array().into_iter().flatten().collect();
    let mut wrong = Vec::new();
    for (place, panel) in panels.iter().enumerate() {
        let title = panel["title"].as_str().unwrap_or("a panel without a title");
        if panels[..place].iter().any(|other| other["id"] == panel["id"] || overlap(other, panel)) {
            wrong.push(format!("{title}: has the number or the place of another"));
        }
        if panel["type"] == "row" {
            continue;
        }
        let targets: Vec<&Value> = panel["targets"].as_array().into_iter().flatten().collect();
        let is_asked = targets.iter().all(|target| target["expr"].as_str().is_some_and(|expr| !expr.is_empty()));
        if targets.is_empty() || !is_asked {
            wrong.push(format!("{title}: asks nothing"));
        }
        if panel["datasource"]["uid"] != DATASOURCE {
            wrong.push(format!("{title}: reads from a source of its own"));
        }
        if panel["description"].as_str().is_none_or(str::is_empty) || panel["fieldConfig"]["defaults"]["unit"].is_null()
        {
            wrong.push(format!("{title}: has no description or no unit"));
        }
    }
    wrong
}

fn overlap(one: &Value, other: &Value) -> bool {
    let side = |panel: &Value, start: &str, length: &str| {
        let at = panel["gridPos"][start].as_u64().unwrap_or_default();
        (at, at + panel["gridPos"][length].as_u64().unwrap_or_default())
    };
    let meet = |start: &str, length: &str| {
        let ((a, b), (c, d)) = (side(one, start, length), side(other, start, length));
        a < d && c < b
    };
    meet("x", "w") && meet("y", "h")
}
