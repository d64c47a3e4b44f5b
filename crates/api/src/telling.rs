//! Around every request: its name, its span, its count, and an answer even when a handler panics.

use std::{any::Any, time::Instant};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Response},
    middleware::{self, Next},
    response::IntoResponse,
};
use postroad_core::{clock::Clock, ids::CallId};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use crate::{
    metrics,
    problem::{Problem, REQUEST_ID},
};

tokio::task_local! {
    static CALL: CallId;
}

/// The name of the request that is being answered; none outside of one.
pub(crate) fn call_id() -> Option<CallId> {
    CALL.try_with(|id| *id).ok()
}

pub(crate) fn around<S: Clone + Send + Sync + 'static>(router: Router<S>, clock: Clock) -> Router<S> {
    router.layer(CatchPanicLayer::custom(panicked)).layer(middleware::from_fn_with_state(clock, tell))
}

async fn tell(State(clock): State<Clock>, request: Request, next: Next) -> axum::response::Response {
    let began = Instant::now();
    let id = CallId::new(clock.now());
    let method = metrics::method(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", request.id = %id, http.method = method, http.route = %route);
    let mut response = CALL.scope(id, next.run(request).instrument(span)).await;
    metrics::count(&route, method, response.status(), began.elapsed());
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response<axum::body::Body> {
    let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = %said, "a handler panicked");
    Problem::fault().into_response()
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, routing::get};
    use chrono::DateTime;
    use tower::ServiceExt;

    use super::*;

    async fn breaks() -> &'static str {
        panic!("a secret of the handler")
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_a_problem_that_tells_nothing() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let router = around(Router::new().route("/", get(breaks)), clock);
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains(r#""code":"internal""#) && text.contains(&id) && !text.contains("secret"), "{text}");
    }
}
