//! A worker and a scheduler over a database of their own, in front of a simulated provider.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use postroad_app::{
    App, Defaults, accounts, limits::SharedLimits, live::Live, media::Media, nudge::Nudges, secrets::Keyring,
};
use postroad_core::{
    account::{Channel, Pace},
    clock::Clock,
    ids::AccountId,
    quiet_hours::QuietHours,
    unknown::Graces,
};
use postroad_simulators::meta::{MetaConfig, MetaSim};
use postroad_store::accounts::Limits;
use postroad_testkit::{Seed, SeedMessage, TestDb};
use postroad_worker::{BaseUrls, Options};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The business of the simulator's first number.
pub const WABA_ID: &str = "200000000000001";

pub struct World {
    pub app: App,
    pub db: TestDb,
    pub sim: MetaSim,
    pub seed: Seed,
}

impl World {
    pub async fn new(config: MetaConfig) -> Self {
        let db = TestDb::new().await;
        let clock = Clock::system();
        let keyring = Arc::new(Keyring::parse(&Keyring::generate_master()).unwrap());
        let app = App {
            store: db.store.clone().sealed_by(keyring.clone()),
            limits: Arc::new(SharedLimits::local(clock.clone())),
            clock: clock.clone(),
            keyring,
            nudges: Nudges::none(),
            programs: postroad_app::automations::Programs::default(),
            live: Live::local(),
            mail: None,
            media: Media::in_memory(),
            egress: Arc::default(),
            defaults: Defaults { quiet_hours: QuietHours::DEFAULT },
            public_url: "https://messages.example".into(),
        };
        let sim = MetaSim::start(MetaConfig { any_number: true, any_template: true, ..config }).await.unwrap();
        let seed = Seed::new(&db, clock.now()).await;
        Self { app, db, sim, seed }
    }

    pub async fn account(&self, per_s: f64) -> AccountId {
        let new = accounts::NewAccount {
            provider: "whatsapp_cloud".into(),
            channel: Channel::Whatsapp,
            external_id: uuid::Uuid::new_v4().as_u128().to_string(),
            display_name: "Test number".into(),
            credentials: vec![
                ("access_token".into(), "token".to_owned().into()),
                ("app_secret".into(), "secret".to_owned().into()),
            ],
            settings: BTreeMap::from([("waba_id".into(), WABA_ID.into())]),
            limits: Limits { pace: Pace { per_s, burst: 1 }, spacing: None, shared: None },
            portfolio: accounts::PortfolioChange::default(),
            time_zone: None,
            quiet_hours: None,
            is_primary: false,
        };
        accounts::connect(&self.app, self.seed.tenant, new).await.unwrap()
    }

    /// Messages to that many people.
    pub async fn messages(&mut self, account: AccountId, count: u32, message: &SeedMessage) {
        for number in 0..count {
            let to = self.seed.contact(number).await;
            self.seed.message(account, to, message).await;
        }
    }

    /// A worker and a scheduler in this process, until the token is cancelled.
    pub fn work(&self, graces: Graces) -> (CancellationToken, Vec<JoinHandle<()>>) {
        self.work_with(graces, [])
    }

    /// The same, with stand-ins of other providers.
    pub fn work_with<const N: usize>(
        &self,
        graces: Graces,
        others: [(String, String); N],
    ) -> (CancellationToken, Vec<JoinHandle<()>>) {
        let mut base_urls = BaseUrls::from(others);
        base_urls.insert("whatsapp_cloud".into(), self.sim.base_url());
        let stop = CancellationToken::new();
        let options =
            Options { urls: self.db.urls.clone(), handlers: 11, base_urls, host: "test".into(), nudges: None };
        let (app, token) = (self.app.clone(), stop.clone());
        let worker = tokio::spawn(async move { postroad_worker::run(app, options, token).await.unwrap() });
        let schedule =
            postroad_scheduler::Options { graces, echoing: vec!["whatsapp_cloud".into()], listing: Vec::new() };
        let scheduler = tokio::spawn(postroad_scheduler::run(self.app.clone(), schedule, stop.clone()));
        (stop, vec![worker, scheduler])
    }

    /// Sends in each state.
    pub async fn states(&mut self) -> BTreeMap<String, i64> {
        let rows: Vec<(String, i64)> = sqlx::query_as("select state, count(*) from sends group by state")
            .fetch_all(self.seed.conn())
            .await
            .unwrap();
        rows.into_iter().collect()
    }

    /// Waits until nothing is in `open` states any more, at most a minute.
    pub async fn settled(&mut self, open: &[&str]) -> BTreeMap<String, i64> {
        for _ in 0..600 {
            let states = self.states().await;
            if !states.keys().any(|state| open.contains(&state.as_str())) {
                return states;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("still open after a minute: {:?}", self.states().await);
    }
}
