//! What handlers stand on.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap},
};
use postroad_app::{App, clients::Keys, ingest::Ingest, requests::RequestLog, sign_in::Passwords};
use postroad_core::{
    account::Pace,
    limits::{LIVE_STREAMS_MAX, LIVE_STREAMS_PER_CLIENT_MAX},
    provider::Provider,
    sign_in::IdentityProvider,
};

use crate::{
    identity::{Identities, Registration},
    proxies::{ProxyError, TrustedProxies},
    signed::Strangers,
    streams::Streams,
};

/// How the API is reached, and by whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `POSTROAD_PUBLIC_URL`, without a slash at its end: what providers call.
    pub public_url: String,
    /// Networks of proxies whose `X-Forwarded-For` is believed. Empty: the connection's own address counts.
    pub trusted_proxies: Vec<String>,
    /// What this process does, as `/health` tells: `all`, `serve`.
    pub role: String,
    /// Processes that serve the API: each keeps to one part of a client's rate while Redis does not count.
    pub processes: u32,
    pub streams: StreamSettings,
    /// Who else says who somebody is.
    pub identities: BTreeMap<IdentityProvider, Registration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:7800".to_owned(),
            trusted_proxies: Vec::new(),
            role: "serve".to_owned(),
            processes: 1,
            streams: StreamSettings::default(),
            identities: BTreeMap::new(),
        }
    }
}

/// How streams of live updates are kept.
#[derive(Debug, Clone, Copy)]
pub struct StreamSettings {
    /// A sign of life is written this often.
    pub heartbeat: Duration,
    /// The caller is asked for again this often.
    pub recheck: Duration,
    /// At once, of one API client and of the process.
    pub per_client_max: usize,
    pub process_max: usize,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(15),
            recheck: Duration::from_mins(1),
            per_client_max: LIVE_STREAMS_PER_CLIENT_MAX,
            process_max: LIVE_STREAMS_MAX,
        }
    }
}

/// Wrong passwords from one address: 20 at once, and 20 a minute.
const GUESSES: Pace = Pace { per_s: 20.0 / 60.0, burst: 20 };

/// One per process.
pub struct Api {
    pub app: App,
    pub settings: Settings,
    pub(crate) proxies: TrustedProxies,
    pub(crate) keys: Keys,
    pub(crate) strangers: Strangers,
    /// Of pages that anybody may open: apart, so that nobody's guessing locks out a client behind the same address.
    pub(crate) visitors: Strangers,
    /// Of wrong passwords: far fewer are forgiven than of anything else.
    pub(crate) guessers: Strangers,
    /// Of whoever asks for mails.
    pub(crate) askers: Strangers,
    /// Of whoever sets out to a provider who says who they are.
    pub(crate) travellers: Strangers,
    pub(crate) identities: Identities,
    pub(crate) passwords: Passwords,
    pub(crate) log: RequestLog,
    pub(crate) ingest: Ingest,
    pub(crate) streams: Arc<Streams>,
}

pub type ApiState = Arc<Api>;

impl Api {
    /// Starts the tasks that write what the API writes beside its answers; needs a runtime.
    pub fn start(app: App, settings: Settings) -> Result<ApiState, ProxyError> {
        Ok(Arc::new(Self {
            proxies: TrustedProxies::parse(&settings.trusted_proxies)?,
            keys: Keys::default(),
            strangers: Strangers::default(),
            visitors: Strangers::default(),
            guessers: Strangers::new(GUESSES),
            askers: Strangers::new(GUESSES),
            travellers: Strangers::new(GUESSES),
            identities: Identities::new(settings.identities.clone(), &settings.public_url),
            passwords: Passwords::start(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
            log: RequestLog::start(app.store.clone()),
            ingest: Ingest::start(app.clone()),
            streams: Arc::default(),
            app,
            settings,
        }))
    }

    /// Who calls: the connection's own address, or what a trusted proxy says.
    pub(crate) fn client_ip(&self, extensions: &Extensions, headers: &HeaderMap) -> IpAddr {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        self.proxies.client_ip(peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), headers)
    }

    /// Writes what waits to be written: the last thing before the process ends.
    pub async fn flush(&self) {
        self.log.flush().await;
    }
}

/// The adapter of a provider, as accounts store its name.
pub(crate) fn adapter(name: &str) -> Option<&'static dyn Provider> {
    postroad_providers::find(name)
}
