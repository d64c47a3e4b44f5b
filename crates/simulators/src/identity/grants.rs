//! Codes and tokens: what was asked for, and whether whoever comes for it is who asked.

use data_encoding::BASE64URL_NOPAD;
use hashbrown::HashMap;
use http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};

use super::{Client, Provider};

/// Why something is refused: a word of RFC 6749, and more for whoever reads a failing test.
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) why: &'static str,
}

const fn refusal(code: &'static str, why: &'static str) -> Refusal {
    Refusal { code, why }
}

#[derive(Default)]
pub(super) struct Grants {
    codes: HashMap<String, Grant>,
    tokens: HashMap<String, Provider>,
    /// Also those that count no more.
    given: Vec<String>,
}

struct Grant {
    provider: Provider,
    redirect_uri: String,
    challenge: String,
    /// What was given for it. A code that comes twice was stolen.
    token: Option<String>,
}

type Form = HashMap<String, String>;

/// No parameter comes twice (RFC 6749 3.1).
fn form(text: &[u8]) -> Result<Form, Refusal> {
    let mut form = Form::new();
    for (name, value) in url::form_urlencoded::parse(text) {
        if form.insert(name.into_owned(), value.into_owned()).is_some() {
            return Err(refusal("invalid_request", "a parameter comes twice"));
        }
    }
    Ok(form)
}

fn field<'a>(form: &'a Form, name: &str) -> &'a str {
    form.get(name).map(String::as_str).unwrap_or_default()
}

impl Grants {
    /// Where whoever agrees is sent.
    pub(super) fn agree(&mut self, client: &Client, provider: Provider, query: &str) -> Result<String, Refusal> {
        let asked = form(query.as_bytes())?;
        let redirect_uri = field(&asked, "redirect_uri");
        if field(&asked, "client_id") != client.id {
            return Err(refusal("invalid_client", "nobody is called so"));
        }
        if !client.redirect_uris.iter().any(|known| known == redirect_uri) {
            return Err(refusal("invalid_request", "the redirect_uri is not one that was written down"));
        }
        if field(&asked, "response_type") != "code" || field(&asked, "scope").is_empty() {
            return Err(refusal("invalid_request", "ask for a code, and for a scope"));
        }
        let (challenge, state) = (field(&asked, "code_challenge"), field(&asked, "state"));
        if field(&asked, "code_challenge_method") != "S256" || challenge.len() != 43 {
            return Err(refusal("invalid_request", "no challenge of S256"));
        }
        if state.len() < 22 {
            return Err(refusal("invalid_request", "a state that somebody could guess"));
        }
        let code = word("code");
        let mut location = url::Url::parse(redirect_uri).map_err(|_| refusal("invalid_request", "no address"))?;
        location.query_pairs_mut().append_pair("code", &code).append_pair("state", state);
        let grant =
            Grant { provider, redirect_uri: redirect_uri.to_owned(), challenge: challenge.to_owned(), token: None };
        self.codes.insert(code, grant);
        Ok(location.into())
    }

    pub(super) fn exchange(
        &mut self,
        client: &Client,
        provider: Provider,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<String, Refusal> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind != "application/x-www-form-urlencoded" {
            return Err(refusal("invalid_request", "no form"));
        }
        let form = form(body)?;
        if field(&form, "grant_type") != "authorization_code" {
            return Err(refusal("unsupported_grant_type", "not the grant of a code"));
        }
        if field(&form, "client_id") != client.id || field(&form, "client_secret") != client.secret {
            return Err(refusal("invalid_client", "the secret is wrong"));
        }
        let grant = self.codes.get_mut(field(&form, "code")).filter(|grant| grant.provider == provider);
        let grant = grant.ok_or(refusal("invalid_grant", "no such code"))?;
        if let Some(token) = &grant.token {
            // RFC 6749 4.1.2.
            self.tokens.remove(token);
            return Err(refusal("invalid_grant", "the code was used"));
        }
        if field(&form, "redirect_uri") != grant.redirect_uri {
            return Err(refusal("invalid_grant", "another redirect_uri"));
        }
        if !proves(field(&form, "code_verifier"), &grant.challenge) {
            return Err(refusal("invalid_grant", "the verifier is not that of the challenge"));
        }
        let token = word("token");
        grant.token = Some(token.clone());
        self.tokens.insert(token.clone(), provider);
        self.given.push(token.clone());
        Ok(token)
    }

    /// Of which provider a token is that counts.
    pub(super) fn whose(&self, token: &str) -> Option<Provider> {
        self.tokens.get(token).copied()
    }

    pub(super) fn tokens(&self) -> Vec<String> {
        self.given.clone()
    }
}

/// RFC 7636 4.1 and 4.6.
fn proves(verifier: &str, challenge: &str) -> bool {
    let is_written_so = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(is_written_so)
        && BASE64URL_NOPAD.encode(&Sha256::digest(verifier.as_bytes())) == challenge
}

fn word(kind: &str) -> String {
    let bytes: [u8; 24] = rand::random();
    format!("{kind}-{}", BASE64URL_NOPAD.encode(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard_is_proven() {
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(proves(verifier, challenge));
        assert!(!proves(&verifier[1..], challenge) && !proves(challenge, challenge) && !proves("", ""));
    }
}
