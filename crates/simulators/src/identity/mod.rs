//! Google, Facebook and GitHub as those who say who somebody is: RFC 6749 (4.1), RFC 7636, and where each goes its own way.
//!
//! One server plays all three; their paths tell them apart. Whoever comes to the authorization endpoint has agreed already.

mod grants;
mod people;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::server::{Answer, Cut, Line, Reply, Server, read};

use grants::{Grants, Refusal};
pub use people::Person;

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    Google,
    Facebook,
    Github,
}

/// What is wrong with the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Connections are reset.
    Cut,
    /// 503, to everything.
    Unavailable,
    /// Tokens are given, and nobody is told whose they are.
    NoPeople,
}

/// What an operator wrote down at each of the three.
#[derive(Debug, Clone)]
pub struct Client {
    pub id: String,
    pub secret: String,
    /// The only addresses that people are sent back to.
    pub redirect_uris: Vec<String>,
}

const BODY_BYTES_MAX: usize = 64 * 1_024;

/// All three, on 127.0.0.1.
#[derive(Clone)]
pub struct IdentityServer {
    desk: Arc<Desk>,
    server: Arc<Server>,
}

struct Desk {
    client: Mutex<Client>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    grants: Grants,
    person: Person,
    fault: Option<Fault>,
}

impl IdentityServer {
    pub async fn start(client: Client) -> io::Result<Self> {
        let desk = Arc::new(Desk { client: Mutex::new(client), state: Mutex::default() });
        let server = Server::start("simulate-identity", 0, Clock::start(), Arc::clone(&desk)).await?;
        Ok(Self { desk, server: Arc::new(server) })
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Another address that people are sent back to.
    pub fn sends_back_to(&self, redirect_uri: String) {
        self.desk.client.lock().redirect_uris.push(redirect_uri);
    }

    /// Who agrees from now on.
    pub fn is(&self, person: Person) {
        self.desk.state.lock().person = person;
    }

    pub fn fails(&self, fault: Option<Fault>) {
        self.desk.state.lock().fault = fault;
    }

    /// Every token that was given.
    pub fn tokens(&self) -> Vec<String> {
        self.desk.state.lock().grants.tokens()
    }

    pub async fn stop(&self) {
        self.server.stop().await;
    }
}

impl Answer for Desk {
    async fn answer(self: Arc<Self>, request: Request<Incoming>, line: Arc<Line>) -> Result<Reply, Cut> {
        let fault = self.state.lock().fault;
        match fault {
            Some(Fault::Cut) => return Err(line.cut()),
            Some(Fault::Unavailable) => {
                return Ok(said(StatusCode::SERVICE_UNAVAILABLE, &json!({"error": "temporarily_unavailable"})));
            }
            Some(Fault::NoPeople) | None => {}
        }
        let (parts, body) = request.into_parts();
        let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
        match (&parts.method, authorizes(&path), exchanges(&path)) {
            (&Method::GET, Some(provider), _) => Ok(self.authorize(provider, &query)),
            (&Method::POST, _, Some(provider)) => {
                let form = read(body, BODY_BYTES_MAX).await.unwrap_or_default();
                Ok(self.exchange(provider, &parts.headers, &form))
            }
            (&Method::GET, None, None) if fault.is_none() => Ok(self.tell(&path, &query, &parts.headers)),
            _ => Ok(said(StatusCode::NOT_FOUND, &json!({"error": "not_found"}))),
        }
    }
}

fn authorizes(path: &str) -> Option<Provider> {
    match path {
        "/o/oauth2/v2/auth" => Some(Provider::Google),
        "/v23.0/dialog/oauth" => Some(Provider::Facebook),
        "/login/oauth/authorize" => Some(Provider::Github),
        _ => None,
    }
}

fn exchanges(path: &str) -> Option<Provider> {
    match path {
        "/token" => Some(Provider::Google),
        "/v23.0/oauth/access_token" => Some(Provider::Facebook),
        "/login/oauth/access_token" => Some(Provider::Github),
        _ => None,
    }
}

impl Desk {
    /// RFC 6749 4.1.1 and 4.1.2. A client or an address that is wrong sends nobody anywhere (4.1.2.1).
    fn authorize(&self, provider: Provider, query: &str) -> Reply {
        match self.state.lock().grants.agree(&self.client.lock(), provider, query) {
            Ok(location) => {
                let mut reply = Response::new(Full::new(Bytes::new()));
                *reply.status_mut() = StatusCode::FOUND;
                reply.headers_mut().extend(location.parse().ok().map(|to| (header::LOCATION, to)));
                reply
            }
            Err(refusal) => {
                said(StatusCode::BAD_REQUEST, &json!({"error": refusal.code, "error_description": refusal.why}))
            }
        }
    }

    /// RFC 6749 4.1.3 and 4.1.4.
    fn exchange(&self, provider: Provider, headers: &http::HeaderMap, form: &[u8]) -> Reply {
        let wants_json = headers.get(header::ACCEPT).is_some_and(|accept| accept == "application/json");
        match self.state.lock().grants.exchange(&self.client.lock(), provider, headers, form) {
            // GitHub speaks forms to whoever does not ask for JSON.
            Ok(token) if provider == Provider::Github && !wants_json => {
                let mut reply =
                    Response::new(Full::new(Bytes::from(format!("access_token={token}&token_type=bearer"))));
                reply.headers_mut().insert(
                    header::CONTENT_TYPE,
                    header::HeaderValue::from_static("application/x-www-form-urlencoded"),
                );
                reply
            }
            Ok(token) => {
                said(StatusCode::OK, &json!({"access_token": token, "token_type": "bearer", "expires_in": 3600}))
            }
            Err(refusal) => refused(provider, &refusal),
        }
    }

    fn tell(&self, path: &str, query: &str, headers: &http::HeaderMap) -> Reply {
        let state = self.state.lock();
        let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let Some(provider) = state.grants.whose(token) else {
            return said(StatusCode::UNAUTHORIZED, &json!({"error": "invalid_token"}));
        };
        let has_agent = headers.contains_key(header::USER_AGENT);
        match state.person.told(provider, path, query) {
            Some(_) if provider == Provider::Github && !has_agent => {
                said(StatusCode::FORBIDDEN, &json!({"message": "Request forbidden by administrative rules."}))
            }
            Some(told) => said(StatusCode::OK, &told),
            None => said(StatusCode::NOT_FOUND, &json!({"message": "Not Found"})),
        }
    }
}

/// Each in its own words: GitHub refuses with 200, Facebook with an object.
fn refused(provider: Provider, refusal: &Refusal) -> Reply {
    match provider {
        Provider::Google if refusal.code == "invalid_client" => {
            said(StatusCode::UNAUTHORIZED, &json!({"error": refusal.code}))
        }
        Provider::Google => {
            said(StatusCode::BAD_REQUEST, &json!({"error": refusal.code, "error_description": refusal.why}))
        }
        Provider::Facebook => {
            let error = json!({"message": refusal.why, "type": "OAuthException", "code": 100});
            said(StatusCode::BAD_REQUEST, &json!({"error": error}))
        }
        Provider::Github => {
            said(StatusCode::OK, &json!({"error": "bad_verification_code", "error_description": refusal.why}))
        }
    }
}

fn said(status: StatusCode, body: &Value) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body.to_string())));
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json; charset=utf-8"));
    reply
}
