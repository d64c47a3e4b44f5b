//! The place where files lie.

use std::time::Duration;

use super::Check;
use crate::{config::Config, start};

const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Writes, reads and deletes an object: a key that may only read is found here and not with the first file.
pub(super) async fn check(config: &Config) -> Check {
    const ID: &str = "media.place";
    let fix = match &config.s3 {
        Some(_) => "correct POSTROAD_S3_…; the key must be allowed to write, read and delete objects of the bucket",
        None => "let the process write into `media` in POSTROAD_DATA_DIR, or set POSTROAD_S3_BUCKET",
    };
    let objects = match start::objects(config) {
        Ok(objects) => objects,
        Err(error) => return Check::error(ID, format!("{error:#}"), fix),
    };
    match tokio::time::timeout(ANSWER_MAX, objects.probe()).await {
        Ok(Ok(())) => Check::ok(ID, place(config)),
        Ok(Err(error)) => Check::error(ID, format!("{}: {error}", place(config)), fix),
        Err(_) => Check::error(ID, format!("{}: no answer within 10 s", place(config)), fix),
    }
}

fn place(config: &Config) -> String {
    match &config.s3 {
        Some(s3) => format!("the bucket {}", s3.bucket),
        None => "the data folder".to_owned(),
    }
}
