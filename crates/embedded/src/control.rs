//! Starting and stopping through `pg_ctl`, which gives the server a session of its own: our terminal's Ctrl-C does
//! not reach it, so it ends after us, in order.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, POLL, START_MAX};
use crate::error::failed_to;
use crate::lock::StartLock;
use crate::postmaster::Postmaster;
use crate::{EmbeddedError, Options, files, port, settings};

/// Children of a killed server see its end within moments, unless the disk keeps them.
const CHILDREN_MAX: Duration = Duration::from_secs(30);

/// Somebody else may take a free port before the server does, but not so many times.
const PORTS_TRIED_MAX: u32 = 5;

const STOP_FAST_MAX: Duration = Duration::from_mins(1);
const STOP_IMMEDIATE_MAX: Duration = Duration::from_secs(30);

/// Between removing its file and its end a server does nothing that waits.
const END_MAX: Duration = Duration::from_secs(5);

const TAIL_BYTES_MAX: u64 = 2_000;

pub(crate) fn start(cluster: &Cluster, options: &Options, lock: &StartLock) -> Result<Postmaster, EmbeddedError> {
    let children_deadline = Instant::now() + CHILDREN_MAX;
    let mut ports_tried = 0;
    make_folders(cluster)?;
    loop {
        let port = port::choose(&cluster.home, options.port)?;
        write_settings(cluster, port, &options.extra_settings)?;
        if pg_ctl_start(cluster, lock)?.status.success() {
            port::remember(&cluster.home, port)?;
            return started(cluster);
        }
        if children_remain(cluster) && Instant::now() < children_deadline {
            std::thread::sleep(POLL);
        } else if !port::is_free(port) && ports_tried < PORTS_TRIED_MAX {
            ports_tried += 1;
        } else {
            return Err(start_failed(cluster));
        }
    }
}

fn started(cluster: &Cluster) -> Result<Postmaster, EmbeddedError> {
    cluster.running()?.ok_or_else(|| start_failed(cluster))
}

fn start_failed(cluster: &Cluster) -> EmbeddedError {
    EmbeddedError::StartFailed { log_dir: cluster.home.log_dir(), tail: tail_of_logs(cluster) }
}

/// The server looks at the memory of the one before it opens its own log.
fn children_remain(cluster: &Cluster) -> bool {
    tail_of_start(cluster).contains("pre-existing shared memory block")
}

fn make_folders(cluster: &Cluster) -> Result<(), EmbeddedError> {
    files::create_private_dir(&cluster.home.log_dir(), &cluster.runs_as)?;
    files::create_private_dir(&cluster.home.socket_dir(), &cluster.runs_as)?;
    clear_sockets(&cluster.home.socket_dir())
}

/// No server of this data runs now, so what lies here is of a killed one. PostgreSQL would clear it, too, unless it
/// takes a zombie or a stranger for that server.
fn clear_sockets(socket_dir: &Path) -> Result<(), EmbeddedError> {
    let mut entries = fs::read_dir(socket_dir).map_err(failed_to("list", socket_dir))?.flatten();
    entries.try_for_each(|entry| {
        let ours = entry.file_name().to_string_lossy().starts_with(".s.PGSQL.");
        if ours { files::remove_file(&entry.path()) } else { Ok(()) }
    })
}

fn write_settings(cluster: &Cluster, port: u16, extra: &[(String, String)]) -> Result<(), EmbeddedError> {
    let text = settings::render(port, &cluster.home.socket_dir(), settings::memory_bytes(), extra);
    files::place(&cluster.home.settings(), &text, 0o644, None)
}

/// What the server says before its own log is open goes to `start.log`, of this start only.
fn pg_ctl_start(cluster: &Cluster, lock: &StartLock) -> Result<Output, EmbeddedError> {
    let log = start_log(cluster);
    files::remove_file(&log)?;
    let action = ["start".as_ref(), "-l".as_ref(), log.as_os_str()];
    pg_ctl(cluster, &action, START_MAX, lock)
}

/// A server that is gone, or was replaced by one that somebody else started, is nothing to stop.
pub(crate) fn stop(cluster: &Cluster, postmaster: &Postmaster, lock: &StartLock) -> Result<(), EmbeddedError> {
    let data = cluster.home.data();
    let same = Postmaster::read(&data)?.as_ref() == Some(postmaster);
    if !same || !postmaster.is_alive(&data) {
        let pid = postmaster.pid;
        tracing::warn!(postgres.pid = pid, "the private database is gone already");
        return Ok(());
    }
    stop_running(cluster, lock)?;
    wait_for_end(postmaster, &data);
    let pid = postmaster.pid;
    tracing::info!(postgres.pid = pid, "stopped the private database");
    Ok(())
}

fn stop_running(cluster: &Cluster, lock: &StartLock) -> Result<(), EmbeddedError> {
    let stop = |mode: &str, limit| {
        let action = ["stop".as_ref(), "-m".as_ref(), mode.as_ref()];
        pg_ctl(cluster, &action, limit, lock)
    };
    if stop("fast", STOP_FAST_MAX)?.status.success() {
        return Ok(());
    }
    tracing::warn!("the private database does not stop in order; it recovers at its next start");
    let output = stop("immediate", STOP_IMMEDIATE_MAX)?;
    if output.status.success() || Postmaster::read(&cluster.home.data())?.is_none() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(EmbeddedError::StopFailed { output })
}

/// `pg_ctl` waits for the file to go, which the server removes moments before it ends.
fn wait_for_end(postmaster: &Postmaster, data: &Path) {
    let deadline = Instant::now() + END_MAX;
    while postmaster.is_alive(data) && Instant::now() < deadline {
        std::thread::sleep(POLL);
    }
}

/// Waits for what it does, at most for `limit`.
fn pg_ctl(cluster: &Cluster, action: &[&OsStr], limit: Duration, lock: &StartLock) -> Result<Output, EmbeddedError> {
    let seconds = limit.as_secs().to_string();
    let mut command = cluster.command("pg_ctl");
    command.args(action).arg("-D").arg(cluster.home.data());
    command.args(["-w", "-s", "-t", &seconds]);
    let program = cluster.binaries.program("pg_ctl");
    let output = command.stdin(lock.share()?).output();
    output.map_err(failed_to("run", &program))
}

/// The end of what was said before the log was open, and of the newest log.
fn tail_of_logs(cluster: &Cluster) -> String {
    let late = newest_log(&cluster.home.log_dir()).map(|path| files::tail(&path, TAIL_BYTES_MAX));
    format!("{}\n{}", tail_of_start(cluster), late.unwrap_or_default()).trim().to_owned()
}

fn tail_of_start(cluster: &Cluster) -> String {
    files::tail(&start_log(cluster), TAIL_BYTES_MAX)
}

fn start_log(cluster: &Cluster) -> PathBuf {
    cluster.home.log_dir().join("start.log")
}

fn newest_log(log_dir: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(log_dir).ok()?.flatten();
    let logs = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("postgres-"));
    let dated = logs.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())));
    dated.max().map(|(_, path)| path)
}
