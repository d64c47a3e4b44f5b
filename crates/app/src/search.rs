//! Search in what was said in conversations.

use postroad_core::{
    ids::{AccountId, TenantId},
    limits::{PAGE_MAX, SEARCH_CHARS_MAX},
};
pub use postroad_store::texts::{HIT, Hit, Search};
use postroad_store::{Error, TenantTx, privacy, texts};

use crate::{App, text};

/// Why nothing is looked for.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    #[error("a search has 1 to {SEARCH_CHARS_MAX} characters")]
    Phrase,
    #[error(transparent)]
    Store(#[from] Error),
}

/// What was found, and where nothing can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub hits: Vec<Hit>,
    /// Accounts among those wanted that seal what is said, or did: what is sealed is not found. At most 200.
    pub not_searched: Vec<AccountId>,
}

/// A page, newest first. Words that stand alone must all be there; "…" is a phrase, - leaves out, `or` is or.
pub async fn messages(app: &App, tenant: TenantId, wanted: &Search) -> Result<Found, SearchError> {
    if !text::fits(wanted.phrase.trim(), 1..=SEARCH_CHARS_MAX) {
        return Err(SearchError::Phrase);
    }
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let not_searched = privacy::not_searched(&mut tx, wanted.account, wanted.channel, PAGE_MAX).await?;
    Ok(Found { hits: texts::search(&mut tx, wanted).await?, not_searched })
}
