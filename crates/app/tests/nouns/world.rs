//! An application over a database of its own, at noon of a manual clock.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use postroad_app::{App, Defaults, limits::SharedLimits, live::Live, media::Media, nudge::Nudges, secrets::Keyring};
use postroad_core::{clock::Clock, quiet_hours::QuietHours};
use postroad_testkit::TestDb;
use sqlx::PgConnection;

pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) db: TestDb,
}

impl World {
    pub(crate) async fn new() -> Self {
        let db = TestDb::new().await;
        let keyring = Arc::new(Keyring::parse(&Keyring::generate_master()).unwrap());
        let clock = Clock::manual(noon());
        let app = App {
            store: db.store.clone().sealed_by(keyring.clone()),
            limits: Arc::new(SharedLimits::local(clock.clone())),
            clock,
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
        app.keyring.check(&app.store, noon()).await.unwrap();
        Self { app, db }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.app.clock.now()
    }

    /// A privileged connection: what is really stored.
    pub(crate) async fn admin(&self) -> PgConnection {
        self.db.admin().await
    }
}

pub(crate) fn noon() -> DateTime<Utc> {
    "2026-03-02T12:00:00Z".parse().unwrap()
}
