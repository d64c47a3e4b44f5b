//! The programs of docs/signing/, run as whoever copies them runs them.

#[path = "../../../../docs/signing/sign.rs"]
mod sign;

use std::{io::Write as _, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/signing");
const VECTORS: &str = include_str!("../../../core/tests/vectors/request-signing.json");

/// The words before the file, and the file.
pub type Language = (&'static [&'static str], &'static str);

pub const LANGUAGES: [Language; 5] = [
    (&["sh"], "sign.sh"),
    (&["python3"], "sign.py"),
    (&["node"], "sign.mjs"),
    (&["php"], "sign.php"),
    (&["go", "run"], "sign.go"),
];

#[derive(Deserialize)]
pub struct Vector {
    name: String,
    key_id: String,
    secret: String,
    method: String,
    path: String,
    query: String,
    timestamp: u64,
    request_id: String,
    body_utf8: String,
    signature: String,
}

pub fn vectors() -> Result<Vec<Vector>> {
    Ok(serde_json::from_str(VECTORS)?)
}

impl Vector {
    pub fn name(&self) -> &str {
        &self.name
    }

    fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// As the programs print them.
    pub fn headers(&self) -> String {
        let Self { key_id, timestamp, request_id, signature, .. } = self;
        format!(
            "X-Postroad-Key: {key_id}\nX-Postroad-Timestamp: {timestamp}\nX-Postroad-Request-Id: {request_id}\n\
             X-Postroad-Signature: {signature}\n"
        )
    }

    pub fn signed_in_rust(&self) -> Option<String> {
        let target = self.target();
        let request = sign::Request {
            method: &self.method,
            target: &target,
            body: self.body_utf8.as_bytes(),
            timestamp: self.timestamp,
            id: &self.request_id,
        };
        let headers = sign::headers(&self.key_id, &self.secret, &request)?;
        Some(headers.into_iter().map(|(name, value)| [name, ": ", &value, "\n"].concat()).collect())
    }

    pub fn signed_in(&self, (words, file): &Language) -> Result<String> {
        let mut body = tempfile::NamedTempFile::new()?;
        body.write_all(self.body_utf8.as_bytes())?;
        let (program, words) = words.split_first().context("a language without a program")?;
        let done = Command::new(program)
            .args(words)
            .arg(Path::new(FOLDER).join(file))
            .args([&self.method, &self.target()])
            .arg(body.path())
            .env("POSTROAD_KEY", &self.key_id)
            .env("POSTROAD_SECRET", &self.secret)
            .env("POSTROAD_TIMESTAMP", self.timestamp.to_string())
            .env("POSTROAD_REQUEST_ID", &self.request_id)
            .output()
            .with_context(|| format!("{program} is missing: `cargo xtask test` installs it"))?;
        ensure!(done.status.success(), "{file}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(String::from_utf8(done.stdout)?)
    }
}
