//! Who somebody is, as Google, Facebook and GitHub say: the authorization code flow of RFC 6749 with the proof of RFC 7636.
//!
//! Nothing that comes through the browser is believed but the code, and the code is good for nothing without our secret and the
//! verifier of the browser that set out. Who it is, is asked from the provider itself over TLS, with the token that it
//! gave us a moment ago: so no id_token is read, whose signature and nonce would stand for just that (OpenID Connect Core
//! 3.1.3.7; RFC 9700 2.1.1 has the proof in the nonce's place). Each provider has a redirect address of its own, so that
//! no answer of one is taken for another's (RFC 9700 4.4.2). Tokens are dropped with the call. Deliberately absent: who that is
//! to us.
//!
//! To add a provider: its word in the core's `sign_in.rs`, and its dialect here.

mod carrier;
mod facebook;
mod github;
mod google;

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use http::HeaderValue;
use oauth2::{
    AccessToken, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse as _, TokenUrl,
    basic::{BasicClient, BasicErrorResponse, BasicErrorResponseType},
};
use postroad_app::sign_in::Identity;
use postroad_core::sign_in::{IdentityProvider, Token};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use carrier::{Carrier, Lost};

/// What a provider knows this installation by.
#[derive(Debug, Clone)]
pub struct Registration {
    pub client_id: String,
    pub client_secret: SecretString,
    /// Where a test server stands in. None: at the provider's own addresses.
    pub base_url: Option<String>,
}

/// What differs between providers.
struct Dialect {
    /// Where a browser goes, and where we exchange the code.
    authorize: &'static str,
    token: &'static str,
    scopes: &'static [&'static str],
    /// What we ask with the token.
    questions: &'static [&'static str],
    /// What the answers to all of them say. None: not who it is.
    read: fn(&[Value]) -> Option<Identity>,
}

const fn dialect(provider: IdentityProvider) -> &'static Dialect {
    match provider {
        IdentityProvider::Google => &google::DIALECT,
        IdentityProvider::Facebook => &facebook::DIALECT,
        IdentityProvider::Github => &github::DIALECT,
    }
}

/// Why it is not known who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unidentified {
    #[error("this installation does not know this provider")]
    Off,
    /// It does not answer, or nothing that can be read.
    #[error("the provider does not say who you are now")]
    Away,
    /// The code is not one of ours, was used, or is too old; or our own name is wrong there.
    #[error("the provider does not take what you came back with")]
    Refused,
}

/// The providers that the operator switched on.
#[derive(Debug)]
pub(crate) struct Identities {
    registered: BTreeMap<IdentityProvider, Registration>,
    public_url: String,
    carrier: Carrier,
}

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

impl Identities {
    pub(crate) fn new(registered: BTreeMap<IdentityProvider, Registration>, public_url: &str) -> Self {
        let is_test = registered.values().any(|one| one.base_url.is_some());
        Self { carrier: Carrier::new(is_test), public_url: public_url.to_owned(), registered }
    }

    pub(crate) fn providers(&self) -> Vec<IdentityProvider> {
        self.registered.keys().copied().collect()
    }

    fn registration(&self, provider: IdentityProvider) -> Result<&Registration, Unidentified> {
        self.registered.get(&provider).ok_or(Unidentified::Off)
    }

    /// Where a browser goes. `state` comes back with it; whoever has the verifier can end the journey.
    pub(crate) fn address(
        &self,
        provider: IdentityProvider,
        state: &Token,
        verifier: &Token,
    ) -> Result<Url, Unidentified> {
        let client = self.client(provider)?;
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.reveal()));
        let scopes = dialect(provider).scopes.iter().map(|scope| Scope::new((*scope).to_owned()));
        let asked = client.authorize_url(|| CsrfToken::new(state.reveal())).add_scopes(scopes);
        Ok(asked.set_pkce_challenge(challenge).url().0)
    }

    /// Exchanges the code, and asks who it is.
    pub(crate) fn identify<'a>(
        &'a self,
        provider: IdentityProvider,
        code: String,
        verifier: &'a Token,
    ) -> BoxFuture<'a, Result<Identity, Unidentified>> {
        Box::pin(async move {
            let token = self.exchange(provider, code, verifier).await?;
            self.ask(provider, token.secret()).await
        })
    }

    async fn exchange(
        &self,
        provider: IdentityProvider,
        code: String,
        verifier: &Token,
    ) -> Result<AccessToken, Unidentified> {
        let client = self.client(provider)?;
        let exchange = client.exchange_code(AuthorizationCode::new(code));
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(verifier.reveal()));
        let given = exchange.request_async(&self.carrier).await;
        Ok(given.map_err(|error| unidentified(provider, &error))?.access_token().clone())
    }

    async fn ask(&self, provider: IdentityProvider, token: &str) -> Result<Identity, Unidentified> {
        let dialect = dialect(provider);
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Unidentified::Away)?;
        // Nothing that logs headers shows it.
        bearer.set_sensitive(true);
        let mut answers = Vec::with_capacity(dialect.questions.len());
        for question in dialect.questions {
            let request = http::Request::get(self.at(provider, question)?)
                .header(http::header::ACCEPT, "application/json")
                .header(http::header::AUTHORIZATION, bearer.clone());
            let request = request.body(Vec::new()).map_err(|_| Unidentified::Away)?;
            let answer = self.carrier.carry(request).await.map_err(|lost| away(provider, lost.0))?;
            if !answer.status().is_success() {
                return Err(away(provider, "it tells us nothing of the person"));
            }
            answers.push(serde_json::from_slice(answer.body()).map_err(|_| away(provider, "it speaks no JSON"))?);
        }
        (dialect.read)(&answers).ok_or_else(|| away(provider, "it does not say who it is"))
    }

    fn client(&self, provider: IdentityProvider) -> Result<Client, Unidentified> {
        let Registration { client_id, client_secret, .. } = self.registration(provider)?;
        let (authorize, token) =
            (self.at(provider, dialect(provider).authorize)?, self.at(provider, dialect(provider).token)?);
        Ok(BasicClient::new(ClientId::new(client_id.clone()))
            .set_client_secret(ClientSecret::new(client_secret.expose_secret().to_owned()))
            // In the body: all three take it there, and GitHub and Facebook describe no other way.
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri(AuthUrl::new(authorize).map_err(|_| Unidentified::Off)?)
            .set_token_uri(TokenUrl::new(token).map_err(|_| Unidentified::Off)?)
            .set_redirect_uri(RedirectUrl::new(self.redirect(provider)).map_err(|_| Unidentified::Off)?))
    }

    /// The one page that a provider may send somebody back to.
    fn redirect(&self, provider: IdentityProvider) -> String {
        format!("{}/sign-in/{provider}", self.public_url)
    }

    /// The address, or the same one of the server that stands in.
    fn at(&self, provider: IdentityProvider, address: &str) -> Result<String, Unidentified> {
        let Some(base) = &self.registration(provider)?.base_url else { return Ok(address.to_owned()) };
        let path = address.splitn(4, '/').last().unwrap_or_default();
        Ok(format!("{base}/{path}"))
    }
}

type Refusal = RequestTokenError<Lost, BasicErrorResponse>;

/// What the provider wrote may hold a token, so it goes nowhere: the word of RFC 6749 does.
fn unidentified(provider: IdentityProvider, error: &Refusal) -> Unidentified {
    match error {
        RequestTokenError::ServerResponse(said) => {
            let code = match said.error() {
                BasicErrorResponseType::Extension(_) => "of its own",
                known => known.as_ref(),
            };
            tracing::warn!(provider = provider.as_str(), code, "the provider refused a code of somebody who signs in");
            Unidentified::Refused
        }
        RequestTokenError::Request(lost) => away(provider, lost.0),
        // GitHub refuses with a success that has no token.
        RequestTokenError::Parse(..) => {
            tracing::warn!(provider = provider.as_str(), "the provider gave no token to somebody who signs in");
            Unidentified::Refused
        }
        RequestTokenError::Other(_) => away(provider, "it gives no token"),
    }
}

fn away(provider: IdentityProvider, why: &'static str) -> Unidentified {
    tracing::warn!(provider = provider.as_str(), why, "the provider cannot say who somebody is");
    Unidentified::Away
}

/// A text of an answer, if it is one of 1 to `max` characters.
fn text(answer: &Value, name: &str, max: usize) -> Option<String> {
    let text = answer.get(name)?.as_str()?.trim();
    (!text.is_empty() && text.chars().count() <= max && !text.contains('\0')).then(|| text.to_owned())
}

const SUBJECT_CHARS: usize = 255;
const NAME_CHARS: usize = 200;
const EMAIL_CHARS: usize = 320;
