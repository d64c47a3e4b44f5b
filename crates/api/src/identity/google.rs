//! Google: developers.google.com/identity/openid-connect/openid-connect.

use postroad_app::sign_in::{Identity, ProvenAddress};
use postroad_core::sign_in::IdentityProvider;
use serde_json::Value;

use super::{Dialect, EMAIL_CHARS, NAME_CHARS, SUBJECT_CHARS, text};

pub(super) const DIALECT: Dialect = Dialect {
    authorize: "https://accounts.google.com/o/oauth2/v2/auth",
    token: "https://oauth2.googleapis.com/token",
    scopes: &["openid", "email", "profile"],
    questions: &["https://openidconnect.googleapis.com/v1/userinfo"],
    read,
};

fn read(answers: &[Value]) -> Option<Identity> {
    let [person] = answers else { return None };
    let address = text(person, "email", EMAIL_CHARS).filter(|_| person["email_verified"] == true);
    Some(Identity {
        provider: IdentityProvider::Google,
        subject: text(person, "sub", SUBJECT_CHARS)?,
        name: text(person, "name", NAME_CHARS),
        address: address.map(|email| ProvenAddress { is_hosted: is_hosted(person, &email), email }),
    })
}

/// Of mailboxes elsewhere Google knows who once read a mail there, and not who does today. `hd` says that a domain of the
/// address's own belongs to a Workspace.
fn is_hosted(person: &Value, email: &str) -> bool {
    let domain = email.rsplit('@').next().unwrap_or_default().to_lowercase();
    domain == "gmail.com" || person["hd"].as_str().is_some_and(|hosted| hosted.to_lowercase() == domain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_counts_where_google_verified_it_and_more_where_it_runs_the_mailbox() {
        let person = |email: &str, verified: Value, hd: Value| json!({"sub": "1", "name": "Ada", "email": email, "email_verified": verified, "hd": hd});
        let cases = [
            (person("ada@gmail.com", json!(true), Value::Null), Some(true)),
            (person("ada@shop.example", json!(true), json!("shop.example")), Some(true)),
            (person("ada@shop.example", json!(true), json!("other.example")), Some(false)),
            (person("ada@shop.example", json!(true), Value::Null), Some(false)),
            (person("ada@evil-gmail.com", json!(true), Value::Null), Some(false)),
            (person("ada@gmail.com", json!(false), Value::Null), None),
            // A text is no truth.
            (person("ada@gmail.com", json!("true"), Value::Null), None),
        ];
        for (person, expected) in cases {
            let identity = read(std::slice::from_ref(&person)).unwrap();
            assert_eq!(identity.address.map(|address| address.is_hosted), expected, "{person}");
        }
        assert!(read(&[json!({"name": "Ada"})]).is_none(), "nobody without a subject");
        assert!(read(&[json!({"sub": " "})]).is_none());
    }
}
