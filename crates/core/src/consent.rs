//! Consent: who agreed to hear what, where. The ledger is append-only; the newest entry of a purpose counts.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::words::words;

words! {
    /// What a message is for. Consent is asked per channel and purpose.
    Purpose {
        Marketing = "marketing",
        /// About something the person did: orders, appointments, codes.
        Transactional = "transactional",
        /// An answer to what the person just wrote.
        Conversational = "conversational",
    }
}

words! {
    ConsentAction {
        Granted = "granted",
        Revoked = "revoked",
    }
}

/// The newest entry of the ledger for one address and purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    pub action: ConsentAction,
    pub at: DateTime<Utc>,
}

words! {
    /// Why an address is on the suppression list.
    SuppressionReason {
        OptOut = "opt_out",
        Complaint = "complaint",
        HardBounce = "hard_bounce",
        Operator = "operator",
        Erased = "erased",
    }
}
