//! One installation: a database, perhaps a Redis, and any number of processes of the real binary.

use std::{collections::BTreeMap, net::TcpListener, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use chrono::NaiveTime;
use postroad_app::{App, Defaults, limits::SharedLimits, live::Live, media::Media, nudge::Nudges, secrets::Keyring};
use postroad_core::{clock::Clock, quiet_hours::QuietHours};
use postroad_embedded::redis_server::RedisServer;
use postroad_store::{PoolSizes, Store};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    client::http_client,
    database::{Database, Server},
    postroad::Binary,
    process::Process,
    wait::until,
};

/// How long a process may take until it is healthy: a debug build on a busy machine.
const HEALTHY_MAX: Duration = Duration::from_mins(1);

/// What an installation has.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    pub redis: bool,
    /// Where WhatsApp's API is: a simulator or a stub.
    pub meta_url: Option<String>,
    /// More settings, by their names in the environment.
    pub settings: Vec<(String, String)>,
}

impl Setup {
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.push((name.to_owned(), value.into()));
        self
    }
}

/// Everything ends when it is dropped.
pub struct Installation {
    pub server: Server,
    pub database: Database,
    pub redis: Option<RedisServer>,
    binary: Binary,
    settings: BTreeMap<String, String>,
    master_keys: SecretString,
    started: usize,
}

impl Installation {
    pub async fn start(setup: Setup) -> Result<Self> {
        let binary = Binary::locate()?;
        let server = Server::start().await?;
        let database = server.create("postroad").await?;
        let redis = if setup.redis { Some(RedisServer::start(None)?) } else { None };
        let master_keys = Keyring::generate_master();
        let mut settings = base_settings(&server, &master_keys);
        settings.extend(redis.iter().map(|redis| ("POSTROAD_REDIS_URL".to_owned(), redis.url())));
        settings.extend(setup.meta_url.into_iter().map(|url| ("POSTROAD_META_URL".to_owned(), url)));
        settings.extend(setup.settings);
        let mut installation = Self { server, database, redis, binary, settings, master_keys, started: 0 };
        installation.point_to_database();
        Ok(installation)
    }

    /// From now on processes use this database.
    pub fn use_database(&mut self, database: Database) {
        self.database = database;
        self.point_to_database();
    }

    fn point_to_database(&mut self) {
        let urls = &self.database.urls;
        let addresses = [
            ("POSTROAD_DATABASE_URL", &urls.app),
            ("POSTROAD_OWNER_URL", &urls.owner),
            ("POSTROAD_SYSTEM_URL", &urls.system),
        ];
        self.settings.extend(addresses.map(|(name, url)| (name.to_owned(), url.clone())));
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.settings.insert(name.to_owned(), value.into());
    }

    pub fn unset(&mut self, name: &str) {
        self.settings.remove(name);
    }

    /// The product's own actions on this installation, for making what a story begins with.
    pub async fn app(&self) -> Result<App> {
        let sizes = PoolSizes { app: 16, system: 8, lane: 2, settle: 2 };
        let store = Store::open(&self.database.urls, sizes)?;
        let keyring = Arc::new(Keyring::parse(&self.master_keys)?);
        let clock = Clock::system();
        keyring.check(&store, clock.now()).await?;
        let live = match &self.redis {
            Some(redis) => Live::redis(&redis.url())?,
            None => Live::local(),
        };
        Ok(App {
            store: store.sealed_by(keyring.clone()),
            keyring,
            limits: Arc::new(SharedLimits::local(clock.clone())),
            clock,
            nudges: Nudges::none(),
            programs: postroad_app::automations::Programs::default(),
            live,
            mail: None,
            media: Media::in_memory(),
            defaults: Defaults { quiet_hours: QuietHours { starts: NaiveTime::MIN, ends: NaiveTime::MIN } },
            egress: Arc::default(),
            public_url: "https://messages.example".into(),
        })
    }

    /// Runs `postroad` to its end and returns what it printed.
    pub async fn postroad(&self, args: &[&str]) -> Result<String> {
        self.binary.run(&self.settings, args).await
    }

    /// The same, whatever the end is.
    pub async fn postroad_output(&self, args: &[&str]) -> Result<std::process::Output> {
        self.binary.output(&self.settings, args).await
    }

    /// Starts a command that ends by itself, and does not wait for that.
    pub fn begin(&mut self, args: &[&str]) -> Result<Process> {
        self.started += 1;
        let name = format!("{}-{}", args.join("-"), self.started);
        let mut command = self.binary.command(&self.settings);
        command.args(args);
        Process::start(&name, command, self.log_file(&name))
    }

    /// Starts `postroad <role>` on a free port and waits until it is healthy.
    pub async fn run(&mut self, role: &str) -> Result<Role> {
        let mut role = self.spawn(role, free_port()?, &[])?;
        role.healthy().await?;
        Ok(role)
    }

    /// Starts `postroad <role>` on this port, with more settings, and does not wait.
    pub fn spawn(&mut self, role: &str, port: u16, settings: &[(&str, &str)]) -> Result<Role> {
        self.started += 1;
        let name = format!("{role}-{}", self.started);
        let listen = format!("127.0.0.1:{port}");
        let mut command = self.binary.command(&self.settings);
        command.arg(role).env("POSTROAD_LISTEN", &listen).envs(settings.iter().copied());
        let process = Process::start(&name, command, self.log_file(&name))?;
        Ok(Role { process, base_url: format!("http://{listen}"), port })
    }

    fn log_file(&self, name: &str) -> PathBuf {
        self.server.folder().join(format!("{name}.log"))
    }

    /// Everything that the processes of this installation printed.
    pub fn logs(&self) -> Result<String> {
        let mut all = String::new();
        for entry in std::fs::read_dir(self.server.folder())?.flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                all.push_str(&String::from_utf8_lossy(&std::fs::read(entry.path())?));
            }
        }
        Ok(all)
    }
}

fn base_settings(server: &Server, master_keys: &SecretString) -> BTreeMap<String, String> {
    let folder = server.folder().join("data").to_string_lossy().into_owned();
    let settings = [
        ("POSTROAD_DATA_DIR", folder.as_str()),
        ("POSTROAD_MASTER_KEYS", master_keys.expose_secret()),
        ("POSTROAD_LOG", "json"),
        ("QUIET_HOURS_DEFAULT", "00:00-00:00"),
    ];
    settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A process that stays.
#[derive(Debug)]
pub struct Role {
    pub process: Process,
    pub base_url: String,
    pub port: u16,
}

impl Role {
    pub async fn healthy(&mut self) -> Result<()> {
        let asked = self.is_healthy_within(HEALTHY_MAX).await;
        match self.process.ended()? {
            Some(status) => bail!("{} ended with {status}:\n{}", self.process.name, self.process.tail()),
            None => asked.with_context(|| self.process.tail()),
        }
    }

    async fn is_healthy_within(&mut self, limit: Duration) -> Result<()> {
        let http = http_client();
        let url = format!("{}/health", self.base_url);
        let process = std::cell::RefCell::new(&mut self.process);
        until(&format!("{url} answers"), limit, || async {
            if process.borrow_mut().ended()?.is_some() {
                return Ok(true);
            }
            Ok(http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()))
        })
        .await
    }
}

/// Somebody else may take it before we do, but not so soon: the system hands them out in turn.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
