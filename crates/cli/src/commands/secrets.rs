//! `postroad secrets`: which master keys wrap what, and wrapping everything anew under the current one.
//!
//! A rotation is steps of a few data keys, each a transaction: it may be stopped or killed anywhere and begun again, by
//! several at once, while everything else goes on.

use anyhow::{Context, Result};
use postroad_app::{
    App,
    secrets::{Keyring, SecretError},
};
use serde::Serialize;

use crate::{
    exit::Exit,
    print::{Format, note},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Wrap every data key anew under the current master key: afterwards the
    /// former one may go
    #[command(before_help = "Examples:\n  postroad secrets rotate")]
    Rotate,
    /// Show how many data keys each master key wraps
    #[command(before_help = "Examples:\n  postroad secrets status\n  postroad secrets status --json")]
    Status {
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Serialize)]
struct Shown {
    key: String,
    /// New data keys are wrapped by it.
    current: bool,
    data_keys: i64,
}

pub async fn run(command: &Command, app: &App) -> Result<Exit> {
    match command {
        Command::Rotate => rotate(app).await,
        Command::Status { format } => {
            format.list(&status(app).await?, &["key", "is", "data keys"], cells)?;
            Ok(Exit::Ok)
        }
    }
}

async fn rotate(app: &App) -> Result<Exit> {
    let wrapped = wrap_all(app).await?;
    let status = status(app).await?;
    let current = status.iter().find(|key| key.current).context("there is a current master key")?;
    note(&format!("{wrapped} data keys were wrapped anew under {}", current.key))?;
    let former: Vec<&Shown> = status.iter().filter(|key| !key.current).collect();
    if former.iter().any(|key| key.data_keys > 0) {
        note(
            "others are in the hands of another rotation, or were just made by a process with older settings: run it again",
        )?;
        return Ok(Exit::Partial);
    }
    if !former.is_empty() {
        let names: Vec<&str> = former.iter().map(|key| key.key.as_str()).collect();
        note(&format!("nothing needs {} any more: take it out of the master keys of every process", names.join(", ")))?;
    }
    Ok(Exit::Ok)
}

async fn wrap_all(app: &App) -> Result<usize, SecretError> {
    let mut all = 0;
    loop {
        let wrapped = app.keyring.rotate_page(&app.store).await?;
        if wrapped == 0 {
            return Ok(all);
        }
        all += wrapped;
    }
}

/// The keys at hand, the current one first. Without the others no process would have started.
async fn status(app: &App) -> Result<Vec<Shown>> {
    let usage = Keyring::usage(&app.store).await?;
    let data_keys = |id: &str| usage.iter().find(|(key, _)| key == id).map_or(0, |(_, count)| *count);
    let shown =
        |(place, id): (usize, &str)| Shown { key: id.to_owned(), current: place == 0, data_keys: data_keys(id) };
    Ok(app.keyring.key_ids().into_iter().enumerate().map(shown).collect())
}

fn cells(shown: &Shown) -> Vec<String> {
    let is = if shown.current { "current" } else { "former" };
    vec![shown.key.clone(), is.to_owned(), shown.data_keys.to_string()]
}
