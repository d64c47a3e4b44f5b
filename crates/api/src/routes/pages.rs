//! Pages for people, opened by a link in a message: what they want to hear, unsubscribing, saying yes a second time.
//!
//! A page is HTML without scripts, needs nothing from elsewhere and is kept by nobody. What looks at links before a person
//! does only reads: GET changes nothing but a count of visits. A token that leads nowhere is a page that says so, whatever the reason; whoever
//! tries many is not listened to for a while. Texts stand in `words.rs`, one constant for each language.

mod clicks;
mod links;
mod look;
mod opt_ins;
mod preferences;
mod ratings;
mod unsubscribe;
mod visitor;
mod words;

use axum::extract::DefaultBodyLimit;
use postroad_core::limits::PAGE_FORM_BYTES_MAX;
use utoipa_axum::router::OpenApiRouter;

use crate::ApiState;

/// What callers ask of us: links to send.
pub(crate) fn signed() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().merge(links::routes()).merge(opt_ins::signed())
}

/// What people open.
pub(crate) fn open() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .merge(preferences::routes())
        .merge(unsubscribe::routes())
        .merge(opt_ins::open())
        .merge(ratings::routes())
        .merge(clicks::routes())
        .layer(DefaultBodyLimit::max(PAGE_FORM_BYTES_MAX))
}
