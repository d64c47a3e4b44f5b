use std::io;
use std::path::{Path, PathBuf};

use crate::binaries::VERSION_MIN;

/// Why there is no private database. Each message ends with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error(
        "no PostgreSQL server of version {VERSION_MIN} or newer was found (searched {}). Install one \
         (Debian, Ubuntu: `apt install postgresql`; Fedora: `dnf install postgresql-server`; \
         macOS: `brew install postgresql@17`), or set POSTROAD_DATABASE_URL to a server that you run",
        searched.join("; ")
    )]
    NoServer { searched: Vec<String> },

    #[error(
        "{} was made by PostgreSQL {wanted}, and the servers found are of version {}. Install PostgreSQL {wanted} \
         beside them, or move the data with pg_upgrade or pg_dump",
        data.display(), listed(found)
    )]
    WrongVersion { data: PathBuf, wanted: u32, found: Vec<u32> },

    #[error(
        "{} cannot be written ({source}). Choose another folder with POSTROAD_DATA_DIR, or give this user the right",
        path.display()
    )]
    NotWritable { path: PathBuf, source: io::Error },

    #[error("{} is not text in UTF-8, which PostgreSQL's settings need. Choose another folder", path.display())]
    PathNotText { path: PathBuf },

    #[error(
        "{} belongs to {owner}, and the server would run as {runs_as}. Start postroad as the user it was made by, \
         or give it back with chown -R",
        path.display()
    )]
    OwnedByAnother { path: PathBuf, owner: String, runs_as: String },

    #[error("started as root, but PostgreSQL refuses root and there is neither a user postgres nor nobody. Create one")]
    NoUnprivilegedUser,

    #[error(
        "the user {user}, whom the server runs as, cannot reach {}. Make its parent folders passable (chmod o+x), \
         or move it",
        path.display()
    )]
    OutOfReach { path: PathBuf, user: String },

    #[error(
        "{} says that the database is in {}, where nothing is. Put the folder back, or remove the first file to \
         begin with an empty database",
        pointer.display(), home.display()
    )]
    HomeLost { pointer: PathBuf, home: PathBuf },

    #[error(
        "the password of the database is missing from {}. Put the file back, or set a new password through \
         `postgres --single` and write it there",
        path.display()
    )]
    PasswordLost { path: PathBuf },

    #[error("port {port} on 127.0.0.1 is taken. Free it, or name no port")]
    PortTaken { port: u16 },

    #[error("initdb failed: {output}")]
    InitFailed { output: String },

    #[error("the server did not start; the last lines of its log in {}: {tail}", log_dir.display())]
    StartFailed { log_dir: PathBuf, tail: String },

    #[error("the server with process id {pid} runs but accepts no connections. Look into its log, or stop it")]
    NotReady { pid: i32 },

    #[error("the server did not stop: {output}")]
    StopFailed { output: String },

    #[error("cannot {doing} {} ({source})", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

fn listed(versions: &[u32]) -> String {
    versions.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

/// Says what was being done to which path, and tells "we may not" from other failures.
pub(crate) fn failed_to(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EmbeddedError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            EmbeddedError::NotWritable { path, source }
        }
        _ => EmbeddedError::Io { doing, path, source },
    }
}
