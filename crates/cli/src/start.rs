//! From the configuration to an [`App`] that may be used.
//!
//! In order: a database that is there and up to date, connections as roles that row-level security binds, a clock that
//! agrees with the database's, master keys that open what is stored. Whatever is wrong stops here, with what to do about it.

mod clock;
mod database;
mod first_account;

use std::sync::Arc;

use anyhow::{Context, Result};
use postroad_app::{App, Defaults, limits::SharedLimits, live::Live, media::Media, nudge::Nudges, secrets::Keyring};
use postroad_core::clock::Clock;
use postroad_media::{Objects, Place};
use postroad_schema::Urls;
use postroad_store::{PoolSizes, Store};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

use database::Opened;
pub use database::{Missing, Schema, find};

/// The file of the master key in the data folder.
const MASTER_KEY: &str = "master.key";

/// A database and what is needed to use it. [`Started::stop`] ends it in order; dropping it stops a private server too.
pub struct Started {
    pub app: App,
    pub urls: Urls,
    opened: Opened,
    ended: CancellationToken,
}

/// Opens the installation that the configuration names.
pub async fn start(config: &Config, schema: Schema, nudges: Nudges) -> Result<Started> {
    let opened = database::open(config, schema).await?;
    let store = Store::open(&opened.urls, PoolSizes::default())?;
    database::wait_for(&store).await?;
    store.check_roles().await?;
    let clock = Clock::system();
    let ended = CancellationToken::new();
    clock::agree(&store, &clock).await?;
    tokio::spawn(clock::keep(store.clone(), clock.clone(), ended.clone()));
    let keyring = keyring(config)?;
    keyring.check(&store, clock.now()).await.context("the master keys do not open what is stored")?;
    let keyring = Arc::new(keyring);
    let app = App {
        store: store.sealed_by(keyring.clone()),
        keyring,
        limits: Arc::new(limits(config, &clock)?),
        clock,
        nudges,
        programs: postroad_app::automations::Programs::default(),
        live: live(config)?,
        mail: config.mail.clone(),
        media: Media::new(objects(config)?),
        egress: Arc::new(config.egress.clone()),
        defaults: Defaults { quiet_hours: config.quiet_hours },
        public_url: config.public_url.as_deref().unwrap_or(LOCAL_URL).into(),
    };
    if schema == Schema::Make {
        first_account::make(&app, config).await?;
    }
    Ok(Started { app, urls: opened.urls.clone(), opened, ended })
}

/// Where the API is reached as long as nobody says otherwise: links in messages lead to this machine then.
const LOCAL_URL: &str = "http://127.0.0.1:7800";

/// The master keys of the settings, or of the data folder.
pub fn keyring(config: &Config) -> Result<Keyring> {
    match &config.master_keys {
        Some(keys) => Ok(Keyring::parse(keys)?),
        None => {
            std::fs::create_dir_all(&config.data_dir)
                .with_context(|| format!("the data folder {} cannot be made", config.data_dir.display()))?;
            Ok(Keyring::load_or_create(&config.data_dir.join(MASTER_KEY))?)
        }
    }
}

/// The folder of files in the data folder.
const MEDIA: &str = "media";

/// Where files lie: the bucket, or the data folder.
pub fn objects(config: &Config) -> Result<Objects> {
    let folder = || Place::Folder(config.data_dir.join(MEDIA));
    let place = config.s3.clone().map_or_else(folder, Place::S3);
    Objects::open(&place).context("there is no place for files")
}

fn limits(config: &Config, clock: &Clock) -> Result<SharedLimits> {
    match &config.redis_url {
        Some(url) => Ok(SharedLimits::redis(url.expose_secret(), clock.clone())?),
        None => Ok(SharedLimits::local(clock.clone())),
    }
}

fn live(config: &Config) -> Result<Live> {
    match &config.redis_url {
        Some(url) => Ok(Live::redis(url.expose_secret())?),
        None => Ok(Live::local()),
    }
}

impl Started {
    /// Closes the connections, then stops a private server if this process started it.
    pub async fn stop(self) -> Result<()> {
        self.ended.cancel();
        self.app.store.close().await;
        self.opened.stop().await
    }
}
