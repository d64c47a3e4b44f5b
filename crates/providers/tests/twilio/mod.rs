//! One room per question. Recorded bytes lie in `tests/fixtures/twilio`, what became of them beside them.

use std::path::{Path, PathBuf};

use postroad_core::provider::Connection;

use crate::samples;

mod contract;
mod error_table;
mod events;
mod lost;
mod media;
mod outcomes;
mod properties;
mod requests;
mod signatures;

const NUMBER: &str = "+12025550100";
const SERVICE: &str = "MG00000000000000000000000000000001";

fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/twilio").join(folder)
}

/// The files of one folder by name, without their endings.
fn recorded(folder: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fixtures(folder).read_dir().expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let named = paths.map(|path| {
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        (name, std::fs::read(&path).expect("it can be read"))
    });
    let mut files: Vec<_> = named.collect();
    files.sort();
    files
}

/// A webhook as it is recorded: the address, and a field in each further line.
struct Recorded {
    name: String,
    url: String,
    body: Vec<u8>,
}

fn webhooks() -> Vec<Recorded> {
    let read = |(name, bytes): (String, Vec<u8>)| {
        let text = String::from_utf8(bytes).expect("it is text");
        let (url, fields) = text.split_once('\n').expect("the address has a line of its own");
        let body = fields.lines().collect::<Vec<_>>().join("&").into_bytes();
        Recorded { name, url: url.to_owned(), body }
    };
    recorded("webhooks").into_iter().map(read).collect()
}

fn webhook(name: &str) -> Recorded {
    webhooks().into_iter().find(|webhook| webhook.name == name).expect("the fixture is there")
}

fn connection(external_id: &str) -> Connection {
    Connection {
        external_id: external_id.to_owned(),
        base_url: "https://api.twilio.example".to_owned(),
        ..samples::connection()
    }
}
