//! Facebook: developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow.

use postroad_app::sign_in::Identity;
use postroad_core::sign_in::IdentityProvider;
use serde_json::Value;

use super::{Dialect, NAME_CHARS, SUBJECT_CHARS, text};

pub(super) const DIALECT: Dialect = Dialect {
    authorize: "https://www.facebook.com/v23.0/dialog/oauth",
    token: "https://graph.facebook.com/v23.0/oauth/access_token",
    scopes: &["public_profile"],
    questions: &["https://graph.facebook.com/v23.0/me?fields=id,name"],
    read,
};

/// Its addresses have no word on whether they were verified: so none is asked for, and none counts. `id` is the person's in this
/// app.
fn read(answers: &[Value]) -> Option<Identity> {
    let [person] = answers else { return None };
    Some(Identity {
        provider: IdentityProvider::Facebook,
        subject: text(person, "id", SUBJECT_CHARS)?,
        name: text(person, "name", NAME_CHARS),
        address: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_at_facebook_is_nobodys() {
        let person = json!({"id": "10158", "name": "Ada", "email": "ada@shop.example", "email_verified": true});
        let identity = read(&[person]).unwrap();
        assert_eq!((identity.subject.as_str(), identity.address.is_none()), ("10158", true));
    }
}
