//! Making the database: in a folder beside, renamed when it is whole, so that a kill in the middle leaves nothing
//! that looks like data.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;

use crate::cluster::{Cluster, POLL};
use crate::error::failed_to;
use crate::lock::StartLock;
use crate::{EmbeddedError, SUPERUSER, files};

/// Processes of a killed `initdb` see its end and leave within moments.
const LEFTOVER_MAX: Duration = Duration::from_secs(10);

/// Letters beyond ASCII have upper and lower case in this one. Order stays that of bytes.
const CTYPE: &str = "--lc-ctype=C.UTF-8";

pub(crate) fn create(cluster: &Cluster, lock: &StartLock) -> Result<(), EmbeddedError> {
    let draft = cluster.home.dir().join("data.draft");
    remove_leftover(&draft)?;
    let made_password = files::read(&cluster.home.password())?.is_some();
    if !made_password {
        files::place(&cluster.home.password(), &random_password(), 0o600, Some(&cluster.runs_as))?;
    }
    files::create_private_dir(&draft, &cluster.runs_as)?;
    initdb(cluster, &draft, lock)?;
    // Relative, so that the folder can be moved.
    files::append(&draft.join("postgresql.conf"), "\ninclude '../postroad.conf'\n")?;
    files::rename(&draft, &cluster.home.data())
}

/// macOS has no such locale under this name: there the plain one must do.
fn initdb(cluster: &Cluster, data: &Path, lock: &StartLock) -> Result<(), EmbeddedError> {
    let mut output = run_initdb(cluster, data, lock, &[CTYPE])?;
    if String::from_utf8_lossy(&output.stderr).contains("locale") && !output.status.success() {
        output = run_initdb(cluster, data, lock, &[])?;
    }
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(EmbeddedError::InitFailed { output: if told.is_empty() { output.status.to_string() } else { told } })
}

fn run_initdb(cluster: &Cluster, data: &Path, lock: &StartLock, ctype: &[&str]) -> Result<Output, EmbeddedError> {
    let mut command = cluster.command("initdb");
    command.arg("--pgdata").arg(data).arg("--pwfile").arg(cluster.home.password());
    command.args(["--username", SUPERUSER, "--auth=scram-sha-256", "--data-checksums", "--no-instructions"]);
    command.args(["--encoding=UTF8", "--locale=C"]).args(ctype);
    command.stdin(lock.share()?).output().map_err(failed_to("run", &cluster.binaries.program("initdb")))
}

/// 32 random bytes, in letters that need no escape in an address.
fn random_password() -> String {
    HEXLOWER.encode(&rand::random::<[u8; 32]>()) + "\n"
}

/// The lock says that no `initdb` runs, but the server it was asking may still write its last file.
fn remove_leftover(draft: &Path) -> Result<(), EmbeddedError> {
    let deadline = Instant::now() + LEFTOVER_MAX;
    loop {
        match fs::remove_dir_all(draft) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Ok(()) => tracing::warn!("the database was left half made; making it again"),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && Instant::now() < deadline => {
                std::thread::sleep(POLL);
            }
            Err(error) => return Err(failed_to("remove", draft)(error)),
        }
    }
}
