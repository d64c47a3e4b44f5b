//! What the audit tells of people who sign in: written with the deed, in every tenant that they work for. Never a password, a code, a
//! word or a secret.

use postroad_core::{
    ids::UserId,
    sign_in::{Deed, IdentityProvider, REFUSALS_TOLD_EVERY_S},
};
use postroad_store::{Error, SystemTx, audit};
use serde_json::{Value, json};

use super::Place;

/// By which door somebody came in.
#[derive(Debug, Clone, Copy)]
pub(super) enum By {
    Password,
    /// Of a second factor, after one of the others.
    Code,
    Provider(IdentityProvider),
}

impl By {
    pub(super) fn told(self) -> Value {
        json!({"by": match self {
            Self::Password => "password",
            Self::Code => "code",
            Self::Provider(provider) => provider.as_str(),
        }})
    }
}

/// `place`: from where they did it themselves; none: the operator did.
pub(super) async fn tell(
    tx: &mut SystemTx,
    user: UserId,
    place: Option<&Place>,
    deed: Deed,
    how: &Value,
) -> Result<(), Error> {
    let ip = place.map(|place| place.ip.to_string());
    audit::tell_of(tx, user, ip.as_deref(), (deed, how), REFUSALS_TOLD_EVERY_S).await
}
