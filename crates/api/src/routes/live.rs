//! A test key reaches the sandbox and nobody else. What concerns real people and accounts asks for a live one.

use axum::http::StatusCode;
use postroad_core::ids::TenantId;

use crate::{caller::Caller, problem::Problem};

/// The tenant of a caller with a live key.
pub(super) fn tenant<S>(caller: &Caller<S>) -> Result<TenantId, Problem> {
    if caller.call().live {
        return Ok(caller.tenant());
    }
    let detail = "a test key reaches the sandbox only; this concerns real people and accounts";
    Err(Problem::new(StatusCode::FORBIDDEN, "live_key_needed", "A live key is needed", detail))
}
