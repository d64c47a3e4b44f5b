//! The routes, by noun. Paths are written whole, so that a search finds them.

use utoipa_axum::router::OpenApiRouter;

use crate::ApiState;

mod accounts;
mod attachments;
mod audit;
mod auth;
mod automations;
mod campaigns;
pub mod clients;
mod consents;
mod contacts;
mod conversations;
mod credits;
mod csv_file;
mod events;
mod files;
mod groups;
mod hours;
mod imports;
mod invitations;
mod labels;
mod live;
mod macros;
mod members;
pub mod messages;
mod notifications;
mod page;
mod pages;
mod presence;
mod privacy;
mod quick_replies;
mod ratings;
mod roles;
mod search;
mod segments;
mod service;
mod suppressions;
mod system;
mod targets;
mod templates;
mod tenant;
mod tenants;
mod webhook_endpoints;
mod webhooks;

pub use page::{Page, PageQuery};

/// Routes behind a signature.
pub(crate) fn signed() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .merge(messages::routes())
        .merge(campaigns::routes())
        .merge(templates::routes())
        .merge(contacts::routes())
        .merge(segments::routes())
        .merge(groups::routes())
        .merge(conversations::routes())
        .merge(automations::routes())
        .merge(webhook_endpoints::routes())
        .merge(hours::routes())
        .merge(labels::routes())
        .merge(roles::routes())
        .merge(macros::routes())
        .merge(attachments::routes())
        .merge(search::routes())
        .merge(quick_replies::routes())
        .merge(members::routes())
        .merge(invitations::routes())
        .merge(events::routes())
        .merge(presence::routes())
        .merge(notifications::routes())
        .merge(imports::routes())
        .merge(consents::routes())
        .merge(pages::signed())
        .merge(suppressions::routes())
        .merge(accounts::routes())
        .merge(tenant::routes())
        .merge(privacy::routes())
        .merge(audit::routes())
        .merge(targets::routes())
        .merge(ratings::routes())
        .merge(credits::routes())
        .merge(clients::routes())
}

/// Routes that anybody may call.
pub(crate) fn open() -> OpenApiRouter<ApiState> {
    service()
        .merge(auth::routes())
        .merge(tenants::routes())
        .merge(system::routes())
        .merge(webhooks::routes())
        .merge(pages::open())
        .merge(files::routes())
}

/// Health and metrics.
pub(crate) fn service() -> OpenApiRouter<ApiState> {
    service::routes()
}
