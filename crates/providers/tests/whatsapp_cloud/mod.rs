//! One room per question. Recorded bytes lie in `tests/fixtures/whatsapp_cloud`, what became of them beside them.

use std::path::{Path, PathBuf};

use serde_json::Value;

mod contract;
mod desk;
mod error_table;
mod events;
mod handshake;
mod outcomes;
mod properties;
mod published;
mod requests;
mod signatures;

fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/whatsapp_cloud").join(folder)
}

/// The files of one folder by name, without their endings.
fn recorded(folder: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fixtures(folder).read_dir().expect("the folder is there");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("it can be listed").path())
        .map(|path| {
            (
                path.file_stem().expect("it has a name").to_string_lossy().into_owned(),
                std::fs::read(&path).expect("it can be read"),
            )
        })
        .collect();
    files.sort();
    files
}

fn webhook(name: &str) -> Vec<u8> {
    std::fs::read(fixtures("webhooks").join(format!("{name}.json"))).expect("the fixture is there")
}

/// Providers' published descriptions, which this repository does not copy: `POSTROAD_SPECS` names the folder.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the one setting of this suite, and a skip must be heard"
)]
fn published_description(path: &str) -> Option<(PathBuf, Value)> {
    let Some(folder) = std::env::var_os("POSTROAD_SPECS") else {
        eprintln!("SKIPPED: set POSTROAD_SPECS to the folder of published API descriptions to check against {path}");
        return None;
    };
    let path = Path::new(&folder).join(path);
    let text =
        std::fs::read(&path).unwrap_or_else(|error| panic!("POSTROAD_SPECS is set, but {}: {error}", path.display()));
    Some((path, serde_json::from_slice(&text).expect("the description is JSON")))
}

/// Says aloud that a peer is missing here.
#[expect(clippy::print_stderr, reason = "a skip must be heard")]
fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
}
