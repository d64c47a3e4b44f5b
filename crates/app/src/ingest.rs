//! Webhooks on their way into the journal: whose they are, whether they are genuine, and then stored, raw and whole.
//!
//! What they mean is read later, by the worker. One writer commits for many posts at once, so that a flood costs one
//! transaction per moment and not one per post; nobody is answered before the commit.

mod batch;
mod signers;

use std::sync::LazyLock;

use postroad_core::{
    ids::JournalId,
    provider::{Hook, Provider},
};
use postroad_store::journal::Arrived;
use prometheus::{IntCounterVec, register_int_counter_vec};

use crate::App;
use batch::Batcher;
pub use batch::NotStored;
use signers::Signers;

/// Counts what became of webhooks, from the post to the ledger.
pub static WEBHOOKS_IN: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "postroad_webhook_in_total",
        "Webhooks of providers, by what became of them",
        &["provider", "kind", "result"]
    )
    .expect("the metric is registered once")
});

/// Takes webhooks of one process.
pub struct Ingest {
    app: App,
    signers: Signers,
    batcher: Batcher,
}

/// A post as it arrived.
#[derive(Debug)]
pub struct Post<'a> {
    pub headers: &'a http::HeaderMap,
    /// The public address it was sent to.
    pub url: &'a str,
    pub body: &'a [u8],
}

/// What became of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// In the journal, once per account whose secret verified it.
    Stored { accounts: usize },
    /// No account's secret verifies it.
    Forged,
}

/// Why a post was not taken. The provider should come again.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("the post could not be stored")]
    NotStored(#[from] NotStored),
    #[error(transparent)]
    Store(#[from] postroad_store::Error),
}

type Result<T, E = IngestError> = std::result::Result<T, E>;

/// Headers that are kept: what a signature needs, and who sent it.
const HEADERS_KEPT: &[&str] = &[
    "content-type",
    "user-agent",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-twilio-signature",
    "x-twilio-webhooks-signature-settings",
    "i-twilio-idempotency-token",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

impl Ingest {
    pub fn start(app: App) -> Self {
        let batcher = Batcher::start(app.clone());
        Self { app, signers: Signers::default(), batcher }
    }

    /// Verifies and stores. Returns after the commit; an error means that nothing was stored and the provider should
    /// come again.
    pub async fn take(&self, providers: &[&'static dyn Provider], post: &Post<'_>) -> Result<Taken> {
        let now = self.app.clock.now();
        let hook = Hook { headers: post.headers, url: post.url, body: post.body, received_at: now };
        for provider in providers {
            let verified = self.signers.verify(&self.app, *provider, &hook).await?;
            if verified.is_empty() {
                continue;
            }
            let delivery = provider.delivery(&hook);
            let arrived = verified.iter().map(|(tenant, account)| Arrived {
                id: JournalId::new(now),
                provider: provider.name(),
                tenant: *tenant,
                account: *account,
                headers: kept(post.headers),
                url: post.url.to_owned(),
                body: post.body.to_vec(),
                delivery: delivery.map(str::to_owned),
                received_at: now,
            });
            self.batcher.store(arrived.collect()).await?;
            count(provider.name(), "stored");
            return Ok(Taken::Stored { accounts: verified.len() });
        }
        count(providers.first().map_or("unknown", |provider| provider.name()), "bad_signature");
        Ok(Taken::Forged)
    }

    /// The answer to a provider that asks whether this address is ours: what any of our accounts of it would say.
    pub async fn handshake(&self, providers: &[&'static dyn Provider], query: &str) -> Result<Option<String>> {
        for provider in providers {
            if let Some(challenge) = self.signers.handshake(&self.app, *provider, query).await? {
                return Ok(Some(challenge));
            }
        }
        Ok(None)
    }
}

fn count(provider: &str, result: &str) {
    WEBHOOKS_IN.with_label_values(&[provider, "post", result]).inc();
}

fn kept(headers: &http::HeaderMap) -> serde_json::Value {
    let kept = headers.iter().filter(|(name, _)| HEADERS_KEPT.contains(&name.as_str()));
    kept.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.into())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
