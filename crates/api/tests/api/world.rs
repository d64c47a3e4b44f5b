//! The API over a database of its own, at noon of a manual clock, called through real connections.

use std::{net::SocketAddr, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use postroad_api::{Api, ApiState, Settings, serve};
use postroad_app::{
    App, Defaults,
    clients::{self, Former, Grant},
    limits::SharedLimits,
    live::Live,
    mail::{Mailing, Mails},
    media::Media,
    nudge::Nudges,
    secrets::{Keyring, Place},
};
use postroad_core::{
    clock::Clock,
    ids::{AccountId, ClientId, TenantId},
    quiet_hours::QuietHours,
    scope::Scope,
    signature::Secret,
};
use postroad_store::{TenantTx, clients::KeyRow};
use postroad_testkit::{Http, Seed, SeedAccount, SignedCaller, TestDb};
use secrecy::SecretString;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) db: TestDb,
    pub(crate) api: ApiState,
    pub(crate) base: String,
    pub(crate) http: Http,
    pub(crate) clock: Clock,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

pub(crate) fn noon() -> DateTime<Utc> {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::at(noon(), Settings::default()).await
    }

    /// Mails are written, and nobody sends them.
    pub(crate) async fn mailing() -> Self {
        let mailing = Mailing { url: "smtps://mail.example".into(), from: "postroad@messages.example".into() };
        Self::with(noon(), Settings::default(), Some(Arc::new(mailing))).await
    }

    pub(crate) async fn at(start: DateTime<Utc>, settings: Settings) -> Self {
        Self::with(start, settings, None).await
    }

    pub(crate) async fn with(start: DateTime<Utc>, settings: Settings, mail: Mails) -> Self {
        let db = TestDb::new().await;
        let clock = Clock::manual(start);
        let keyring = Arc::new(Keyring::parse(&Keyring::generate_master()).unwrap());
        let app = App {
            store: db.store.clone().sealed_by(keyring.clone()),
            limits: Arc::new(SharedLimits::local(clock.clone())),
            clock: clock.clone(),
            keyring,
            nudges: Nudges::none(),
            programs: postroad_app::automations::Programs::default(),
            live: Live::local(),
            mail,
            media: Media::in_memory(),
            egress: Arc::default(),
            defaults: Defaults { quiet_hours: QuietHours::DEFAULT },
            public_url: "https://messages.example".into(),
        };
        app.keyring.check(&app.store, start).await.unwrap();
        let api = Api::start(app.clone(), settings).unwrap();
        let (base, stop, server) = start_server(api.clone()).await;
        Self { app, db, api, base, http: Http::default(), clock, stop: Some(stop), server: Some(server) }
    }

    /// A tenant without quiet hours, whose WhatsApp number may send.
    pub(crate) async fn tenant(&self) -> Tenant {
        let mut seed = Seed::new(&self.db, self.clock.now()).await;
        let account = seed.account(&SeedAccount::default()).await;
        Tenant { id: seed.tenant, account, seed }
    }

    /// A caller with every scope and no limit that a test could meet.
    pub(crate) async fn caller(&self, tenant: TenantId) -> SignedCaller {
        self.caller_with(tenant, true, &all_scopes()).await
    }

    pub(crate) async fn caller_with(&self, tenant: TenantId, live: bool, grant: &Grant) -> SignedCaller {
        let client = clients::create(&self.app, tenant, live, grant).await.unwrap();
        self.caller_of(tenant, client.id).await
    }

    pub(crate) async fn caller_of(&self, tenant: TenantId, client: ClientId) -> SignedCaller {
        let made = clients::create_key(&self.app, tenant, client, Former::Stay).await.unwrap();
        SignedCaller::new(&self.base, &made.key.key_id, made.secret, self.clock.clone())
    }

    /// A key of one's own choice.
    pub(crate) async fn insert_key(&self, tenant: TenantId, client: ClientId, key_id: &str, secret: &str) {
        let now = self.clock.now();
        let mut tx = TenantTx::begin(&self.app.store, tenant).await.unwrap();
        let place = Place::new("api_keys", "secret", key_id);
        let sealed = self.app.keyring.seal(&mut tx, &place, &SecretString::from(secret), now).await.unwrap();
        let key = KeyRow {
            key_id: key_id.to_owned(),
            client,
            status: "active".to_owned(),
            not_before: now - TimeDelta::days(1),
            expires_at: None,
            last_used_at: None,
            created_at: now,
        };
        postroad_store::clients::insert_key(&mut tx, &key, &sealed).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) fn signed_by(&self, key_id: &str, secret: &str) -> SignedCaller {
        SignedCaller::new(&self.base, key_id, Secret::parse(secret).unwrap(), self.clock.clone())
    }

    /// One number out of the database, behind all roles.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut self.db.admin().await).await.unwrap()
    }

    /// One text out of the database, behind all roles.
    pub(crate) async fn text(&self, sql: &'static str) -> String {
        sqlx::query_scalar(sql).fetch_one(&mut self.db.admin().await).await.unwrap()
    }

    pub(crate) async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(&mut self.db.admin().await).await.unwrap();
    }

    /// Every address known so far agreed to everything.
    pub(crate) async fn everybody_agrees(&self) {
        self.execute(
            "insert into consents (tenant_id, id, address_id, channel, purpose, action, source, occurred_at, recorded_at)
             select d.tenant_id, gen_random_uuid(), d.id, d.channel, p, 'granted', 'form', d.created_at, d.created_at
             from addresses d cross join unnest(array['marketing', 'transactional']) p",
        )
        .await;
    }

    /// Every address known so far wrote a moment ago: free text may go.
    pub(crate) async fn everybody_writes(&self) {
        self.execute(
            "insert into session_windows (tenant_id, account_id, address_id, opened_at, closes_at)
             select d.tenant_id, a.id, d.id, d.created_at, d.created_at + interval '24 hours'
             from addresses d join accounts a on a.tenant_id = d.tenant_id and a.channel = 'whatsapp'",
        )
        .await;
    }

    /// Ends the server in order.
    pub(crate) async fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            server.await.unwrap();
        }
    }
}

async fn start_server(api: ApiState) -> (String, oneshot::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        serve(listener, api, async { drop(stopped.await) }).await.unwrap();
    });
    (base, stop, server)
}

pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) account: AccountId,
    pub(crate) seed: Seed,
}

pub(crate) fn all_scopes() -> Grant {
    Grant { scopes: Scope::ALL.to_vec(), rate_per_s: 100_000.0, rate_burst: 100_000, ..Grant::default() }
}
