//! The verification of a callback address, as Meta does it when one is configured.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;

use super::Meta;
use super::deliver::fetch;

/// Why a callback address is not accepted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VerifyError {
    #[error("the callback address {0} is not a URL")]
    NotAnAddress(String),
    #[error("the callback address did not answer")]
    NoAnswer,
    #[error("the callback address answered {status}, and the challenge was{not} returned", not = if *.echoed { "" } else { " not" })]
    Refused { status: u16, echoed: bool },
}

/// `GET ?hub.mode=subscribe&hub.verify_token=…&hub.challenge=…` has to give the challenge back.
pub(crate) async fn verify(meta: &Arc<Meta>, address: &str, verify_token: &str) -> Result<(), VerifyError> {
    let invalid = || VerifyError::NotAnAddress(address.to_owned());
    let challenge = meta.state.lock().trace().to_string();
    let mut url = url::Url::parse(address).map_err(|_| invalid())?;
    url.query_pairs_mut()
        .append_pair("hub.mode", "subscribe")
        .append_pair("hub.verify_token", verify_token)
        .append_pair("hub.challenge", &challenge);
    let request = Request::builder().method(Method::GET).uri(url.as_str()).body(Full::new(Bytes::new()));
    let timeout = Duration::from_millis(meta.state.lock().config.webhooks.timeout_ms);
    let answer = tokio::time::timeout(timeout, fetch(&meta.caller, request.map_err(|_| invalid())?)).await;
    let (status, body) = answer.ok().flatten().ok_or(VerifyError::NoAnswer)?;
    let echoed = body == challenge.as_bytes();
    if status == StatusCode::OK && echoed {
        return Ok(());
    }
    Err(VerifyError::Refused { status: status.as_u16(), echoed })
}
