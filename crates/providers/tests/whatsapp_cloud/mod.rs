//! One room per question. Recorded bytes lie in `tests/fixtures/whatsapp_cloud`, what became of them beside them.

use std::path::{Path, PathBuf};

mod contract;
mod desk;
mod error_table;
mod events;
mod handshake;
mod media;
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
