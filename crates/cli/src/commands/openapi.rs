//! `postroad openapi`: the description of the HTTP API, as the handlers tell it.

use anyhow::Result;

use crate::{exit::Exit, print::out};

pub fn run() -> Result<Exit> {
    let described = postroad_api::openapi().to_pretty_json()?;
    out(&format!("{described}\n"))?;
    Ok(Exit::Ok)
}
