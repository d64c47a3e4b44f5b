//! Links of campaigns, opened: counted, and led on to where they point.

use postroad_core::{campaign::landing::Landing, limits::LINK_KEPT};
use postroad_store::{Error, SystemTx, TenantTx, clicks};

use crate::{App, tokens};

/// Who opens a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    Person,
    /// A program that looks at links before people do: led on, and not counted.
    Program,
}

/// Where the link leads that fills a placeholder, from 1. None: nobody wrote such a one, or its time is over.
///
/// That it was opened is worth less than opening it: when it cannot be noted, the person is led on all the same.
pub async fn follow(app: &App, token: &str, place: i16, visit: Visit) -> Result<Option<String>, Error> {
    let Some(token) = tokens::of_message(token) else { return Ok(None) };
    let now = app.clock.now();
    let Some(of) = tokens::proven(app, &token).await? else { return Ok(None) };
    let mut tx = SystemTx::begin(&app.store).await?;
    let found = clicks::destination(&mut tx, of, place, now - LINK_KEPT).await?;
    drop(tx);
    let Some(to) = found.filter(|to| Landing::of(&to.link) == Landing::Elsewhere) else { return Ok(None) };
    if visit == Visit::Person
        && let Err(error) = note(app, &to, place).await
    {
        tracing::warn!(%error, "a click was not counted");
    }
    Ok(Some(to.link))
}

async fn note(app: &App, to: &clicks::Destination, place: i16) -> Result<(), Error> {
    let mut tx = TenantTx::begin(&app.store, to.tenant).await?;
    clicks::note(&mut tx, to, place, app.clock.now()).await?;
    tx.commit().await
}
