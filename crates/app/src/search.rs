//! Search in what was said in conversations.

use postroad_core::{ids::TenantId, limits::SEARCH_CHARS_MAX};
pub use postroad_store::texts::{HIT, Hit, Search};
use postroad_store::{Error, TenantTx, texts};

use crate::{App, text};

/// Why nothing is looked for.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    #[error("a search has 1 to {SEARCH_CHARS_MAX} characters")]
    Phrase,
    #[error(transparent)]
    Store(#[from] Error),
}

/// A page, newest first. Words that stand alone must all be there; "…" is a phrase, - leaves out, `or` is or.
pub async fn messages(app: &App, tenant: TenantId, wanted: &Search) -> Result<Vec<Hit>, SearchError> {
    if !text::fits(wanted.phrase.trim(), 1..=SEARCH_CHARS_MAX) {
        return Err(SearchError::Phrase);
    }
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(texts::search(&mut tx, wanted).await?)
}
