//! Who somebody is, in the words of each provider.

use serde_json::{Value, json};

use super::Provider;

/// Somebody with an account at all three.
#[derive(Debug, Clone, Default)]
pub struct Person {
    /// Digits, at all three.
    pub id: String,
    pub name: String,
    pub email: String,
    /// The address was verified.
    pub verified: bool,
    /// The domain whose Workspace they are in, at Google.
    pub hosted: Option<String>,
}

impl Person {
    /// None: nothing is there.
    pub(super) fn told(&self, provider: Provider, path: &str, query: &str) -> Option<Value> {
        let Self { id, name, email, verified, hosted } = self;
        match (provider, path) {
            (Provider::Google, "/v1/userinfo") => {
                let mut told = json!({"sub": id, "name": name, "email": email, "email_verified": verified,
                                      "picture": "https://lh3.googleusercontent.com/a/x"});
                if let Some(hosted) = hosted {
                    told["hd"] = json!(hosted);
                }
                Some(told)
            }
            (Provider::Github, "/user") => {
                let id: u64 = id.parse().ok()?;
                Some(json!({"id": id, "login": "octocat", "name": name, "email": null}))
            }
            (Provider::Github, "/user/emails") => Some(json!([
                {"email": "octocat@users.noreply.github.com", "verified": true, "primary": false, "visibility": null},
                {"email": email, "verified": verified, "primary": true, "visibility": "private"},
            ])),
            (Provider::Facebook, "/v23.0/me") => {
                let asked = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "fields");
                let asked = asked.map_or_else(|| "id,name".to_owned(), |(_, fields)| fields.into_owned());
                let known = [("id", id), ("name", name), ("email", email)];
                let told = known.into_iter().filter(|(field, _)| asked.split(',').any(|one| one == *field));
                Some(Value::Object(told.map(|(field, value)| (field.to_owned(), json!(value))).collect()))
            }
            _ => None,
        }
    }
}
