//! A caller of the API, and a callback address that keeps what it gets.

use std::sync::Arc;
use std::time::Duration;

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, http::Uri, routing::post};
use parking_lot::Mutex;
use postroad_simulators::twilio::{TwilioConfig, TwilioSim};
use serde_json::Value;

pub const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub const ANN: &str = "+12025550123";
pub const NUMBER: &str = "+12025550100";

pub async fn simulator(change: impl FnOnce(&mut TwilioConfig)) -> TwilioSim {
    let mut config = TwilioConfig { senders: vec![NUMBER.to_owned()], ..TwilioConfig::default() };
    change(&mut config);
    TwilioSim::start(config).await.unwrap()
}

/// What was answered; nothing when the connection was cut.
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: Value,
}

pub async fn call(request: reqwest::RequestBuilder) -> Option<Answer> {
    let answer = request.basic_auth(ACCOUNT, Some("simulated-auth-token")).send().await.ok()?;
    let status = answer.status().as_u16();
    let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let text = answer.text().await.ok()?;
    Some(Answer { status, retry_after, body: serde_json::from_str(&text).unwrap_or_default() })
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub async fn get(sim: &TwilioSim, path: &str) -> Answer {
    call(client().get(format!("{}{path}", sim.base_url()))).await.unwrap()
}

pub async fn send(sim: &TwilioSim, fields: &[(&str, &str)]) -> Option<Answer> {
    let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", sim.base_url());
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    call(client().post(url).header("content-type", "application/x-www-form-urlencoded").body(form)).await
}

/// A text from the number to Ann, under this address for its statuses.
pub async fn text(sim: &TwilioSim, callback: &str) -> Option<Answer> {
    send(sim, &[("To", ANN), ("From", NUMBER), ("Body", "hello"), ("StatusCallback", callback)]).await
}

/// One post that arrived.
#[derive(Debug, Clone)]
pub struct Got {
    pub path: String,
    pub headers: HeaderMap,
    pub fields: Vec<(String, String)>,
}

impl Got {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A callback address.
#[derive(Clone)]
pub struct Ear {
    got: Arc<Mutex<Vec<Got>>>,
    status: StatusCode,
    pub base_url: String,
}

impl Ear {
    pub async fn open(status: u16) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let ear = Self { got: Arc::default(), status: StatusCode::from_u16(status).unwrap(), base_url };
        let router = Router::new().fallback(post(hear)).with_state(ear.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        ear
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().clone()
    }
}

async fn hear(State(ear): State<Ear>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let fields = url::form_urlencoded::parse(&body).into_owned().collect();
    let path = uri.path_and_query().map(|path| path.as_str().to_owned()).unwrap_or_default();
    ear.got.lock().push(Got { path, headers, fields });
    ear.status
}

/// Until nothing more will be posted.
pub async fn settled(sim: &TwilioSim) {
    sim.until(Duration::from_secs(20), |stats| stats.callbacks.pending == 0).await.unwrap();
}
