//! Every metric is declared once and drawn or alerted on; every drawn metric is declared.
//!
//! Declared: a string `postroad_…` in a source file that names `prometheus`. Drawn: the same word in dashboards/.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::finding::Finding;
use super::tokens::{self, Kind};
use super::tree::{File, Tree};

const DASHBOARDS: &str = "dashboards/";
/// What Prometheus adds to the name of a histogram.
const HISTOGRAM_ENDINGS: &[&str] = &["_bucket", "_count", "_sum"];

/// A metric, not a recording rule: those have a colon behind the prefix.
static METRIC: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bpostroad_[a-z0-9_]+").expect("the pattern is valid"));

/// Where each name stands first, and how often it stands.
type Names = BTreeMap<String, Vec<(String, usize)>>;

pub fn check(tree: &Tree) -> Vec<Finding> {
    let (declared, drawn) = (declared(tree), drawn(tree));
    if declared.is_empty() || drawn.is_empty() {
        return Vec::new();
    }
    let twice = declared.iter().filter(|(_, places)| places.len() > 1);
    let twice =
        twice.map(|(name, places)| finding(name, &places[1], "is declared twice", "declare it once and share it"));
    let known: BTreeSet<&str> = drawn.keys().map(|name| base(name, &declared)).collect();
    let undrawn = declared.iter().filter(|(name, _)| !known.contains(name.as_str()));
    let undrawn = undrawn
        .map(|(name, places)| finding(name, &places[0], "is on no dashboard", "draw it in dashboards/, or remove it"));
    let unknown = drawn.iter().filter(|(name, _)| !declared.contains_key(base(name, &declared)));
    let unknown = unknown
        .map(|(name, places)| finding(name, &places[0], "is declared nowhere", "correct the name, or remove it"));
    twice.chain(undrawn).chain(unknown).collect()
}

fn finding(name: &str, place: &(String, usize), said: &str, fix: &str) -> Finding {
    Finding::new(&place.0, place.1, format!("`{name}` {said}"), fix)
}

fn declared(tree: &Tree) -> Names {
    let mut names = Names::new();
    for file in tree.rust().filter(|file| file.path.starts_with("crates/") && !file.is_test()) {
        if tokens::find(&file.tokens, "prometheus").is_empty() {
            continue;
        }
        for token in file.tokens.iter().filter(|token| token.kind == Kind::Text && !token.in_test) {
            if METRIC.find(&token.text).is_some_and(|found| found.as_str() == token.text) {
                names.entry(token.text.clone()).or_default().push((file.path.clone(), token.line));
            }
        }
    }
    names
}

fn drawn(tree: &Tree) -> Names {
    let mut names = Names::new();
    for file in tree.files.values().filter(|file| is_dashboard(file)) {
        for (line, number) in file.text.lines().zip(1..) {
            for found in METRIC.find_iter(line).filter(|found| !line[found.end()..].starts_with(':')) {
                names.entry(found.as_str().to_owned()).or_default().push((file.path.clone(), number));
            }
        }
    }
    names
}

fn is_dashboard(file: &File) -> bool {
    let endings = [".json", ".yml", ".yaml"];
    file.path.starts_with(DASHBOARDS) && endings.iter().any(|ending| file.path.ends_with(ending))
}

/// The declared name behind a drawn one: a histogram is drawn by its parts.
fn base<'a>(drawn: &'a str, declared: &Names) -> &'a str {
    let stripped = HISTOGRAM_ENDINGS.iter().find_map(|ending| drawn.strip_suffix(ending));
    stripped.filter(|name| !declared.contains_key(drawn) && declared.contains_key(*name)).unwrap_or(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(source: &str, dashboard: &str) -> Vec<String> {
        let source = format!("use prometheus::Opts; fn f() {{ {source} }}");
        let tree = Tree::of(&[("crates/worker/src/metrics.rs", &source), ("dashboards/overview.json", dashboard)]);
        check(&tree).into_iter().map(|finding| finding.said).collect()
    }

    #[test]
    fn a_metric_is_declared_once_and_drawn() {
        let sent = r#"counter("postroad_sent_total", "messages sent");"#;
        assert_eq!(said(sent, "rate(postroad_sent_total[5m])"), Vec::<String>::new());
        assert_eq!(said(&sent.repeat(2), "postroad_sent_total"), ["`postroad_sent_total` is declared twice"]);
        let undrawn = said(sent, "postroad_other_total");
        assert_eq!(undrawn, ["`postroad_sent_total` is on no dashboard", "`postroad_other_total` is declared nowhere"]);
    }

    #[test]
    fn a_histogram_is_drawn_by_its_buckets_and_a_recording_rule_is_no_metric() {
        let source = r#"histogram("postroad_call_seconds");"#;
        assert!(said(source, "postroad_call_seconds_bucket postroad:call:p95").is_empty());
    }

    #[test]
    fn a_database_role_is_not_a_metric() {
        let source = "fn f() { role(\"postroad_app\"); }";
        let tree = Tree::of(&[("crates/store/src/roles.rs", source), ("dashboards/a.json", "postroad_x_total")]);
        assert!(check(&tree).is_empty());
    }
}
