//! The private PostgreSQL that `postroad` runs when nobody gives it a database address.
//!
//! A real server from the system's packages, started with `initdb` and `pg_ctl`, durable (`fsync` on), reachable
//! on 127.0.0.1 with a password only. A server that lives already is attached to, and only the process that started
//! one stops it. Roles and databases are not made here: `migrate` makes them through [`Embedded::url`].
//!
//! Deliberately not here: downloading server binaries. The crate `postgresql_embedded` can, but it switches `fsync`
//! off, refuses to run as root, fails beside an orphaned server and stops servers it merely found; a missing server is
//! an [`EmbeddedError::NoServer`] that says what to install. Async is not here either: call through `spawn_blocking`.
//!
//! Where things are: `.postroad/postgres/` holds `data`, `password`, `port`, `postroad.conf`, `log` and `socket`.

mod binaries;
mod cluster;
mod control;
mod error;
mod files;
mod home;
mod init;
mod lock;
mod port;
mod postmaster;
pub mod redis_server;
mod runs_as;
mod settings;

use std::fmt;
use std::path::{Path, PathBuf};

use cluster::Cluster;
pub use error::EmbeddedError;
use postmaster::Postmaster;

/// The superuser `initdb` makes. It owns nothing of ours: `migrate` makes the owner, app and system roles.
const SUPERUSER: &str = "postgres";

/// What to run and where. Only `data_dir` has no default.
#[derive(Clone, Debug)]
pub struct Options {
    /// `POSTROAD_DATA_DIR`. The database goes into its subfolder `postgres`; the rest of the folder is not touched.
    pub data_dir: PathBuf,
    /// Folder with `initdb`, `pg_ctl` and `postgres`. `None` searches the places where packages put them.
    pub bin_dir: Option<PathBuf>,
    /// Port on 127.0.0.1. `None` takes a free one and keeps it for later starts for as long as it stays free.
    /// A server that runs already keeps its own.
    pub port: Option<u16>,
    /// Settings of `postgresql.conf`, written after ours, so they win. They apply when a server is started, not
    /// when one is attached to.
    pub extra_settings: Vec<(String, String)>,
    /// Started as root, the server runs as another user. Where that user cannot enter `data_dir`, the database
    /// goes into a folder in here. Default `/var/lib/postroad`.
    pub fallback_dir: PathBuf,
}

impl Options {
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            bin_dir: None,
            port: None,
            extra_settings: Vec::new(),
            fallback_dir: PathBuf::from("/var/lib/postroad"),
        }
    }
}

/// A server that accepts connections. Dropping it stops the server if this process started it.
pub struct Embedded {
    cluster: Cluster,
    postmaster: Postmaster,
    password: String,
    /// Whether dropping this has a server to stop.
    stops_on_drop: bool,
    started_by_us: bool,
}

impl Embedded {
    /// Attaches to the server of this folder, or makes the database if there is none and starts it.
    /// Blocks until connections are accepted; a first start takes about a second, crash recovery may take minutes.
    pub fn start(options: &Options) -> Result<Self, EmbeddedError> {
        let folder = files::open_dir(&options.data_dir)?;
        let lock = lock::StartLock::wait(&folder)?;
        let cluster = Cluster::locate(&folder, options)?;
        let running = cluster.running()?;
        let started_by_us = running.is_none();
        if started_by_us && !cluster.home.has_data() {
            init::create(&cluster, &lock)?;
        }
        // Before a start, because without it nobody could use the server.
        let password = cluster.home.read_password()?;
        let postmaster = match running {
            Some(postmaster) => postmaster,
            None => control::start(&cluster, options, &lock)?,
        };
        tracing::info!(
            postgres.pid = postmaster.pid,
            postgres.port = postmaster.port,
            started_by_us,
            "the private database is up"
        );
        Ok(Self { cluster, postmaster, password, stops_on_drop: started_by_us, started_by_us })
    }

    /// Address of `database` as superuser, with the password in it: not for logs. `database` is a plain name
    /// (letters, digits, `_`, `-`); `postgres` always exists.
    pub fn url(&self, database: &str) -> String {
        let Self { password, postmaster, .. } = self;
        format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{}/{database}", postmaster.port)
    }

    /// False when a server was found running, whoever started it.
    pub fn started_by_us(&self) -> bool {
        self.started_by_us
    }

    /// Process id of the postmaster.
    pub fn pid(&self) -> u32 {
        self.postmaster.pid.unsigned_abs()
    }

    pub fn port(&self) -> u16 {
        self.postmaster.port
    }

    /// Folder of the Unix socket, for `psql -h`. Only the server's own user and root can enter it.
    pub fn socket_dir(&self) -> &Path {
        &self.postmaster.socket_dir
    }

    /// PostgreSQL's own data folder.
    pub fn data_path(&self) -> PathBuf {
        self.cluster.home.data()
    }

    /// Where the server's programs are; `pg_dump` and `psql` of the same version usually lie beside them.
    pub fn bin_dir(&self) -> &Path {
        &self.cluster.binaries.dir
    }

    /// Stops the server if this process started it: fast first, which ends sessions and writes a checkpoint, and
    /// after a minute without one. Otherwise only lets go of it.
    pub fn stop(mut self) -> Result<(), EmbeddedError> {
        if std::mem::take(&mut self.stops_on_drop) { self.shut_down() } else { Ok(()) }
    }

    /// Stops the server whoever started it. For an operator who wants an orphan gone.
    pub fn halt(mut self) -> Result<(), EmbeddedError> {
        self.stops_on_drop = false;
        self.shut_down()
    }

    fn shut_down(&self) -> Result<(), EmbeddedError> {
        let lock = lock::StartLock::wait(&self.cluster.folder)?;
        control::stop(&self.cluster, &self.postmaster, &lock)
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if !std::mem::take(&mut self.stops_on_drop) {
            return;
        }
        if let Err(error) = self.shut_down() {
            tracing::error!(%error, postgres.pid = self.postmaster.pid, "the private database did not stop");
        }
    }
}

/// Without the password.
impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded")
            .field("postmaster", &self.postmaster)
            .field("started_by_us", &self.started_by_us)
            .finish_non_exhaustive()
    }
}
