//! `postroad sign`: the headers of a signed request, for curl and for anybody who writes a client.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use http::Uri;
use postroad_core::{
    clock::Clock,
    signature::{self, Request, Secret, Stamp},
};
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::{
    config::Config,
    exit::{Exit, usage},
    print::{Format, out},
};

/// Standard input, as a file name.
const STDIN: &str = "-";

#[derive(clap::Args)]
pub struct Args {
    /// GET, POST, …
    method: String,
    /// Address or path, as it will stand on the request line
    url: String,
    /// File with the body, - for standard input [default: no body]
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// Key id [default: $POSTROAD_API_KEY]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// File with the secret, - for standard input [default: $POSTROAD_API_SECRET]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// 16 to 64 letters, digits, _ or -: the same request twice is answered once [default: random]
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// Unix seconds [default: now]
    #[arg(long, value_name = "SECONDS")]
    timestamp: Option<i64>,
    /// Print a whole curl command
    #[arg(long, conflicts_with = "json")]
    curl: bool,
    #[command(flatten)]
    format: Format,
}

/// The four headers. Their JSON names are what stands on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Headers {
    #[serde(rename = "X-Postroad-Key")]
    pub key: String,
    #[serde(rename = "X-Postroad-Timestamp")]
    pub timestamp: i64,
    #[serde(rename = "X-Postroad-Request-Id")]
    pub request_id: String,
    #[serde(rename = "X-Postroad-Signature")]
    pub signature: String,
}

impl Headers {
    /// Names and values, in the order of the scheme.
    pub fn lines(&self) -> [(&'static str, String); 4] {
        [
            ("X-Postroad-Key", self.key.clone()),
            ("X-Postroad-Timestamp", self.timestamp.to_string()),
            ("X-Postroad-Request-Id", self.request_id.clone()),
            ("X-Postroad-Signature", self.signature.clone()),
        ]
    }
}

pub fn run(args: &Args, config: &Config) -> Result<Exit> {
    if [&args.body, &args.secret_file].iter().all(|file| file.as_deref() == Some(Path::new(STDIN))) {
        return Err(usage("standard input holds the body or the secret, not both"));
    }
    let body = args.body.as_deref().map(read).transpose()?.unwrap_or_default();
    let method = args.method.to_uppercase();
    let uri: Uri = args.url.parse().map_err(|_| usage(format!("{:?} is neither an address nor a path", args.url)))?;
    let headers = sign(&stamp(args, config)?, &Request { method: &method, ..of(&uri, &body) }, &secret(args, config)?)?;
    if args.curl {
        out(&format!("{}\n", curl(&method, &address(&args.url, config), &headers, args.body.as_deref())))?;
    } else {
        let lines = |headers: &Headers| headers.lines().map(|(name, value)| format!("{name}: {value}\n")).concat();
        args.format.told(&headers, lines)?;
    }
    Ok(Exit::Ok)
}

/// A path alone is meant for this installation's own API.
fn address(url: &str, config: &Config) -> String {
    if !url.starts_with('/') {
        return url.to_owned();
    }
    let base = config.public_url.clone().unwrap_or_else(|| format!("http://{}", config.listen));
    format!("{}{url}", base.trim_end_matches('/'))
}

/// Signs one request.
pub fn sign(stamp: &Stamp, request: &Request<'_>, secret: &Secret) -> Result<Headers> {
    let signature = signature::sign(stamp, request, secret).map_err(|error| usage(error.to_string()))?;
    Ok(Headers {
        key: stamp.key_id().to_owned(),
        timestamp: stamp.timestamp(),
        request_id: stamp.request_id().to_owned(),
        signature,
    })
}

/// What of an address is signed.
fn of<'a>(uri: &'a Uri, body: &'a [u8]) -> Request<'a> {
    Request { method: "GET", path: uri.path(), query: uri.query(), body }
}

fn stamp(args: &Args, config: &Config) -> Result<Stamp> {
    let key = args.key.as_ref().or(config.api_key.as_ref());
    let key = key.ok_or_else(|| usage("no key: use --key or POSTROAD_API_KEY"))?;
    let timestamp = args.timestamp.unwrap_or_else(|| Clock::system().now().timestamp());
    let request_id = args.request_id.clone().unwrap_or_else(new_request_id);
    Stamp::new(key, timestamp, &request_id).map_err(|error| usage(error.to_string()))
}

/// A request id that nobody had before.
pub fn new_request_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn secret(args: &Args, config: &Config) -> Result<Secret> {
    let given = match (&args.secret_file, &config.api_secret) {
        (Some(file), _) => String::from_utf8(read(file)?).map_err(|_| usage("the secret is not text"))?,
        (None, Some(secret)) => secret.expose_secret().to_owned(),
        (None, None) => return Err(usage("no secret: use --secret-file or POSTROAD_API_SECRET")),
    };
    Secret::parse(given.trim()).map_err(|error| usage(error.to_string()))
}

fn read(file: &Path) -> Result<Vec<u8>> {
    if file == Path::new(STDIN) {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}

/// A command line that a shell takes as it is.
pub fn curl(method: &str, url: &str, headers: &Headers, body: Option<&Path>) -> String {
    let mut words = vec![format!("curl -X {method} {}", quoted(url))];
    words.extend(headers.lines().map(|(name, value)| format!("-H {}", quoted(&format!("{name}: {value}")))));
    words.extend(body.map(|body| {
        let file = quoted(&format!("@{}", body.display()));
        format!("-H 'Content-Type: application/json' --data-binary {file}")
    }));
    words.join(" \\\n  ")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_published_vector_comes_out_unchanged() {
        let secret = Secret::parse("prs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").unwrap();
        let stamp = Stamp::new("prk_live_a1", 1_767_225_600, "01JGJ4ZK8V6N3T5R7W9X1Y3Z5B").unwrap();
        let uri: Uri = "https://postroad.example/v1/messages".parse().unwrap();
        let body = br#"{"to":"+628111000111","type":"text","text":"hi"}"#;
        let headers = sign(&stamp, &Request { method: "POST", ..of(&uri, body) }, &secret).unwrap();
        assert_eq!(headers.signature, "v1=fad5e96da9884caf6594c2380f3af022e479592afd81326766c1004ab71555b3");
    }

    #[test]
    fn a_curl_line_survives_the_shell() {
        let headers = Headers {
            key: "prk_live_a1".into(),
            timestamp: 1,
            request_id: "0123456789abcdef".into(),
            signature: "v1=00".into(),
        };
        let line = curl("POST", "http://localhost/v1/it's", &headers, Some(Path::new("body.json")));
        assert_eq!(
            line,
            "curl -X POST 'http://localhost/v1/it'\\''s' \\\n  -H 'X-Postroad-Key: prk_live_a1' \\\n  -H 'X-Postroad-Timestamp: 1' \\\n  \
             -H 'X-Postroad-Request-Id: 0123456789abcdef' \\\n  -H 'X-Postroad-Signature: v1=00' \\\n  \
             -H 'Content-Type: application/json' --data-binary '@body.json'"
        );
    }
}
