//! HTTP: extract, one call, show.
//!
//! Whoever calls is known before a handler runs: [`caller::Caller`] is the only way to a tenant. Answers that are no
//! success are [`problem::Problem`]s. Deliberately absent: SQL, transactions, rules.
//!
//! To add a route: a function with `#[utoipa::path]` in `routes/<noun>.rs`, its line in that file's `routes()`; a new noun
//! is merged in `routes/mod.rs`.

pub mod caller;
pub mod extract;
mod identity;
mod log;
mod metrics;
mod openapi;
pub mod problem;
mod proxies;
pub mod routes;
pub mod schema;
mod server;
mod sessions;
mod shield;
mod signed;
mod state;
mod streams;
mod telling;

use axum::{Router, middleware};
use utoipa_axum::router::OpenApiRouter;

pub use identity::Registration;
pub use proxies::ProxyError;
pub use server::serve;
pub use state::{Api, ApiState, Settings, StreamSettings};

/// Everything that is served.
pub fn router(state: ApiState) -> Router {
    let (signed, _) = routes::signed().split_for_parts();
    let signed = signed
        .route("/v1/{*rest}", axum::routing::any(problem::no_such_route))
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn_with_state(state.clone(), signed::authenticate));
    let (open, _) = routes::open().split_for_parts();
    let open = open
        .merge(openapi::documentation())
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::method_not_allowed);
    let all = signed.merge(open).layer(middleware::from_fn_with_state(state.clone(), shield::raise));
    telling::around(all, state.app.clock.clone()).with_state(state)
}

/// What a process that serves nothing else still tells: health and metrics.
pub fn service_router(state: ApiState) -> Router {
    let (service, _) = routes::service().split_for_parts();
    telling::around(service.fallback(problem::no_such_route), state.app.clock.clone()).with_state(state)
}

/// All routes as they describe themselves.
pub fn openapi() -> utoipa::openapi::OpenApi {
    openapi::describe(OpenApiRouter::default().merge(routes::signed()).merge(routes::open()))
}
