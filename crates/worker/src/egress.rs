//! Calls addresses that tenants named. The one way to them: whatever a tenant can type goes through here.
//!
//! An address is read again before each call, and a name is looked up by us: the client connects to those of its addresses that
//! may be called, and to no other, so that a name that leads elsewhere the second time leads nowhere. No redirects, no proxy, no
//! cookies, one protocol (HTTP/1.1: no connection stands for a second name), and little is read. Deliberately absent: what may
//! be called, which is a rule of the core.

use std::{error::Error, fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use postroad_core::{
    egress::{Policy, Refused},
    limits::{EGRESS_ANSWER_BYTES_MAX, EGRESS_ANSWER_KEPT_BYTES, EGRESS_CALL_MAX, EGRESS_CONNECT_MAX},
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The beginning of what was said: up to 1 KiB, without control characters. Empty: nothing was.
    pub text: String,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The name leads to no address that may be called.
    #[error("not_public")]
    NotPublic,
    #[error("{0}")]
    Failed(&'static str),
}

impl Silence {
    /// A stable word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused_address",
            Self::NotPublic => "not_public",
            Self::Failed(word) => word,
        }
    }
}

/// Finds the addresses of a name.
pub type LookUp = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Egress {
    client: reqwest::Client,
    policy: Arc<Policy>,
}

impl Egress {
    pub fn new(policy: Arc<Policy>) -> Self {
        Self::looking_up(policy, Arc::new(|name| Box::pin(system(name))))
    }

    /// With another way to find addresses.
    ///
    /// # Panics
    /// Never in practice: the client is built from constants.
    pub fn looking_up(policy: Arc<Policy>, look_up: LookUp) -> Self {
        // A second installation finds the first: equal.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .dns_resolver(Arc::new(Approving { policy: policy.clone(), look_up }))
            .connect_timeout(std(EGRESS_CONNECT_MAX))
            .timeout(std(EGRESS_CALL_MAX))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            .pool_max_idle_per_host(4)
            .pool_idle_timeout(Duration::from_secs(10))
            .tcp_nodelay(true)
            .user_agent(concat!("postroad/", env!("CARGO_PKG_VERSION")))
            .build()
            .expect("the client is built from constants");
        Self { client, policy }
    }

    /// Makes one call. An answer counts from its status on, however the rest of it is cut.
    pub async fn send(&self, request: http::Request<Vec<u8>>) -> Result<Answer, Silence> {
        self.policy.check(&request.uri().to_string())?;
        let request = reqwest::Request::try_from(request).map_err(|_| Silence::Refused(Refused::Malformed))?;
        let response = self.client.execute(request).await.map_err(|error| silence(&error))?;
        Ok(Answer { status: response.status().as_u16(), text: shown(&read(response).await) })
    }
}

async fn system(name: String) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.collect())
}

/// Lets through what may be called.
struct Approving {
    policy: Arc<Policy>,
    look_up: LookUp,
}

/// A name leads to nothing that may be called.
#[derive(Debug)]
struct NoneApproved;

impl fmt::Display for NoneApproved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name leads to no address that may be called")
    }
}

impl Error for NoneApproved {}

impl Resolve for Approving {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, found) = (self.policy.clone(), (self.look_up)(name.as_str().to_owned()));
        Box::pin(async move {
            let found = found.await?;
            let approved: Vec<SocketAddr> =
                found.into_iter().filter(|address| policy.allows(Some(name.as_str()), address.ip())).collect();
            if approved.is_empty() {
                return Err(NoneApproved.into());
            }
            Ok(Box::new(approved.into_iter()) as Addrs)
        })
    }
}

fn silence(error: &reqwest::Error) -> Silence {
    if caused_by::<NoneApproved>(error) {
        return Silence::NotPublic;
    }
    Silence::Failed(match (error.is_connect(), error.is_timeout()) {
        (true, true) => "connect_timeout",
        (true, false) => "connect",
        (false, true) => "timeout",
        (false, false) => "connection_lost",
    })
}

fn caused_by<T: Error + 'static>(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<T>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whatever arrives in time, up to the most that is read.
async fn read(mut response: reqwest::Response) -> Vec<u8> {
    let (mut kept, mut bytes) = (Vec::new(), 0);
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes += chunk.len();
        let room = EGRESS_ANSWER_KEPT_BYTES.saturating_sub(kept.len()).min(chunk.len());
        kept.extend_from_slice(&chunk[..room]);
        if bytes >= EGRESS_ANSWER_BYTES_MAX {
            break;
        }
    }
    kept
}

/// What a person may look at.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::new();
    for letter in text.chars().filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')) {
        if shown.len() + letter.len_utf8() > EGRESS_ANSWER_KEPT_BYTES {
            break;
        }
        shown.push(letter);
    }
    shown
}

fn std(length: chrono::TimeDelta) -> Duration {
    length.to_std().unwrap_or(Duration::from_secs(15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_a_kibibyte_of_text_is_shown() {
        let cases: [(&[u8], &str); 4] =
            [(b"ok\n", "ok\n"), (b"", ""), (b"a\0b\x1b[2Jc", "ab[2Jc"), (b"\xff\xfe", "\u{fffd}\u{fffd}")];
        for (bytes, expected) in cases {
            assert_eq!(shown(bytes), expected);
        }
        assert_eq!(shown(&[b'x'; 5_000]).len(), EGRESS_ANSWER_KEPT_BYTES);
        // Each of these bytes becomes three.
        assert!(shown(&[0xff; 1_024]).len() <= EGRESS_ANSWER_KEPT_BYTES);
    }
}
