//! From what the app says of messages to problems.

use axum::http::StatusCode;
use postroad_app::{
    accounts::AccountError,
    credit::CreditError,
    messages::{CancelError, Refused, SubmitError},
    quota::QuotaError,
    requests::OnceError,
};

use crate::problem::{BatchError, Problem};

/// The contract: one word per reason.
pub(super) const fn code(refused: &Refused) -> &'static str {
    match refused {
        Refused::NoAccount { .. } => "no_account",
        Refused::AmbiguousAccount { .. } => "ambiguous_account",
        Refused::UnknownAccount => "unknown_account",
        Refused::InboundOnly => "account_inbound_only",
        Refused::WrongChannel { .. } => "wrong_channel",
        Refused::Address { .. } => "invalid_address",
        Refused::Empty { .. } => "empty",
        Refused::TooLong { .. } => "too_long",
        Refused::TooMany { .. } => "too_many",
        Refused::RepeatedButton => "repeated_button",
        Refused::Link => "invalid_link",
        Refused::UnknownAttachment { .. } => "unknown_attachment",
        Refused::AttachmentKind { .. } => "attachment_kind",
        Refused::Kind { .. } => "unsupported_content",
        Refused::NotAfterPassed => "not_after_passed",
        Refused::SendAtTooFar => "send_at_too_far",
        Refused::UnknownReplyTo => "unknown_reply_to",
    }
}

pub(super) fn of_batch(index: usize, refused: &Refused) -> BatchError {
    BatchError { index, code: code(refused), detail: refused.to_string() }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Refused(refused) => Self::invalid(code(&refused), refused),
            SubmitError::AllRefused(refused) => {
                let errors = refused.iter().enumerate().map(|(index, one)| of_batch(index, one)).collect();
                let detail = "none of the messages can be sent, and nothing is stored";
                Self::invalid("batch_refused", detail).with_errors(errors)
            }
            SubmitError::BatchSize { .. } => Self::invalid("batch_size", error),
            SubmitError::Once(error) => error.into(),
            SubmitError::Quota(error) => error.into(),
            SubmitError::Credit(error) => error.into(),
            SubmitError::Sandbox(AccountError::Store(error)) | SubmitError::Store(error) => error.into(),
            SubmitError::Sandbox(error) => Self::internal(&error),
        }
    }
}

impl From<OnceError> for Problem {
    fn from(error: OnceError) -> Self {
        match error {
            OnceError::Reused => Self::conflict("request_id_reused", error),
            OnceError::InProgress => Self::conflict("in_progress", error).retry_after(1),
            OnceError::Store(error) => error.into(),
        }
    }
}

impl From<QuotaError> for Problem {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::UsedUp { wait_s, .. } => {
                let title = "The daily quota is used up";
                Self::new(StatusCode::TOO_MANY_REQUESTS, "quota_exceeded", title, error).retry_after(wait_s)
            }
            QuotaError::Store(error) => error.into(),
        }
    }
}

impl From<CreditError> for Problem {
    fn from(error: CreditError) -> Self {
        match error {
            CreditError::Insufficient { balance, .. } => {
                let title = "The credit does not cover it";
                Self::new(StatusCode::PAYMENT_REQUIRED, "insufficient_credit", title, error).with_balance(balance)
            }
            CreditError::Allowance { allowance, balance, .. } => {
                let title = "Your allowance does not cover it";
                Self::new(StatusCode::PAYMENT_REQUIRED, "allowance_exceeded", title, error)
                    .with_balance(balance)
                    .with_allowance(allowance)
            }
            CreditError::Store(error) => error.into(),
        }
    }
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::NotFound => Self::not_found(),
            CancelError::AlreadySending => Self::conflict("already_sending", error),
            CancelError::AlreadyFinal { state } => Self::conflict("already_final", error).with_state(state.as_str()),
            CancelError::Store(error) => error.into(),
        }
    }
}
