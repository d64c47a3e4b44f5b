use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::binaries::Binaries;
use crate::files;
use crate::home::Home;
use crate::postmaster::Postmaster;
use crate::runs_as::RunsAs;
use crate::{EmbeddedError, Options};

/// A server may start this long: after a crash it replays up to `max_wal_size` of changes from a slow disk.
pub(crate) const START_MAX: Duration = Duration::from_mins(5);

/// Between two looks at something another process does.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// Everything about one database except whether it runs.
pub(crate) struct Cluster {
    /// The data folder as its owner named it, links resolved. The lock is here even when the home is elsewhere.
    pub(crate) folder: PathBuf,
    pub(crate) home: Home,
    pub(crate) binaries: Binaries,
    pub(crate) runs_as: RunsAs,
}

impl Cluster {
    /// Data that exist decide the version and the user; otherwise the newest server and a fitting user are chosen.
    pub(crate) fn locate(folder: &Path, options: &Options) -> Result<Self, EmbeddedError> {
        let bin_dir = options.bin_dir.as_deref();
        let folder = folder.to_owned();
        let Some(home) = Home::existing(&folder)? else {
            let binaries = Binaries::find(bin_dir, None)?;
            let runs_as = RunsAs::choose()?;
            let home = Home::create(&folder, options, &runs_as, &binaries)?;
            return Ok(Self { folder, home, binaries, runs_as });
        };
        let (version, owner) = home.made_by()?;
        let runs_as = RunsAs::owner_of(&home.data(), owner)?;
        let binaries = Binaries::find(bin_dir, Some((&home.data(), version)))?;
        if !runs_as.can_enter(home.dir(), &binaries)? {
            return Err(EmbeddedError::OutOfReach { path: home.dir().to_owned(), user: runs_as.name() });
        }
        Ok(Self { folder, home, binaries, runs_as })
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        self.runs_as.command(&self.binaries.program(program), self.home.dir())
    }

    /// The server of this data, once it accepts connections. Waits while it starts or stops.
    pub(crate) fn running(&self) -> Result<Option<Postmaster>, EmbeddedError> {
        let data = self.home.data();
        let deadline = Instant::now() + START_MAX;
        while let Some(postmaster) = Postmaster::read(&data)? {
            if !postmaster.is_alive(&data) {
                clear_stale(&postmaster, &data)?;
                return Ok(None);
            }
            if postmaster.accepts_connections() {
                return Ok(Some(postmaster));
            }
            if Instant::now() > deadline {
                return Err(EmbeddedError::NotReady { pid: postmaster.pid });
            }
            std::thread::sleep(POLL);
        }
        Ok(None)
    }
}

/// PostgreSQL copes with the file of a dead server itself, and by it finds children that still hold the memory. But it
/// takes a zombie, or a stranger that was given the same process id, for a live server.
fn clear_stale(postmaster: &Postmaster, data: &Path) -> Result<(), EmbeddedError> {
    tracing::warn!(postgres.pid = postmaster.pid, "the private database was killed; it recovers now");
    if postmaster.id_is_free() { Ok(()) } else { files::remove_file(&Postmaster::file(data)) }
}
