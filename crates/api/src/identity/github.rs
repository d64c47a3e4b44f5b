//! GitHub: docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps.

use postroad_app::sign_in::{Identity, ProvenAddress};
use postroad_core::sign_in::IdentityProvider;
use serde_json::Value;

use super::{Dialect, EMAIL_CHARS, NAME_CHARS, text};

pub(super) const DIALECT: Dialect = Dialect {
    authorize: "https://github.com/login/oauth/authorize",
    token: "https://github.com/login/oauth/access_token",
    scopes: &["read:user", "user:email"],
    questions: &["https://api.github.com/user", "https://api.github.com/user/emails"],
    read,
};

/// The number stays; the login can be given up, and taken by somebody else. GitHub runs no mailboxes.
fn read(answers: &[Value]) -> Option<Identity> {
    let [person, addresses] = answers else { return None };
    let is_verified = |one: &&Value| one["primary"] == true && one["verified"] == true;
    let primary = addresses.as_array().into_iter().flatten().find(is_verified);
    let email = primary.and_then(|one| text(one, "email", EMAIL_CHARS));
    Some(Identity {
        provider: IdentityProvider::Github,
        subject: person["id"].as_u64()?.to_string(),
        name: text(person, "name", NAME_CHARS).or_else(|| text(person, "login", NAME_CHARS)),
        address: email.map(|email| ProvenAddress { email, is_hosted: false }),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn somebody_is_their_number_and_their_address_is_the_primary_one_that_was_verified() {
        let person = json!({"id": 583_231, "login": "octocat", "name": null});
        let one = |email: &str, primary: bool, verified: bool| json!({"email": email, "primary": primary, "verified": verified});
        let cases = [
            (json!([one("a@x.example", false, true), one("b@x.example", true, true)]), Some("b@x.example")),
            (json!([one("a@x.example", false, true), one("b@x.example", true, false)]), None),
            (json!([]), None),
            (json!({"message": "Not Found"}), None),
        ];
        for (addresses, expected) in cases {
            let identity = read(&[person.clone(), addresses.clone()]).unwrap();
            assert_eq!((identity.subject.as_str(), identity.name.as_deref()), ("583231", Some("octocat")));
            assert_eq!(identity.address.map(|address| address.email).as_deref(), expected, "{addresses}");
        }
        assert!(read(&[json!({"login": "octocat"}), json!([])]).is_none(), "a login names nobody");
    }
}
