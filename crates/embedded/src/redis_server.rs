//! A private `redis-server` for tests and the demo. Not for production: it has no password and ends with us.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{files, port};

const READY_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);
const ANSWER_MAX: Duration = Duration::from_secs(1);
const ANSWER_BYTES_MAX: u64 = 16 * 1024;
const LOG_BYTES_MAX: u64 = 2_000;

/// Somebody else may take a free port before the server does, but not so many times.
const PORTS_TRIED_MAX: u32 = 5;

#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    #[error(
        "{} cannot be run ({source}). Install it (Debian, Ubuntu: `apt install redis-server`; Fedora: \
         `dnf install redis`; macOS: `brew install redis`)",
        bin.display()
    )]
    NotRun { bin: PathBuf, source: io::Error },
    #[error("redis-server did not start: {log}")]
    NotStarted { log: String },
    #[error("redis-server has no folder or port ({0})")]
    Io(#[from] io::Error),
}

/// What outlives a [`RedisServer::restart`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing.
    None,
    /// All writes but those of the last second.
    AppendOnly,
}

/// A server on 127.0.0.1 with a folder of its own. Dropping it kills the server and removes the folder.
#[derive(Debug)]
pub struct RedisServer {
    bin: PathBuf,
    persistence: Persistence,
    dir: TempDir,
    port: u16,
    child: Child,
}

impl RedisServer {
    /// On a free port, once it answers. `bin` is the program, by default the `redis-server` of the system.
    pub fn start(bin: Option<&Path>) -> Result<Self, RedisError> {
        Self::start_with(bin, Persistence::None)
    }

    pub fn start_with(bin: Option<&Path>, persistence: Persistence) -> Result<Self, RedisError> {
        let bin = bin.unwrap_or("redis-server".as_ref()).to_owned();
        let dir = tempfile::tempdir()?;
        let mut further_ports = 1..PORTS_TRIED_MAX;
        loop {
            let port = port::any_free()?;
            match spawn(&bin, persistence, dir.path(), port) {
                Ok(child) => {
                    return Ok(Self { bin, persistence, dir, port, child });
                }
                Err(RedisError::NotStarted { .. }) if !port::is_free(port) && further_ports.next().is_some() => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// At once, as a crash would. Does nothing to a dead server.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Kills the server and starts another on the same port and folder.
    pub fn restart(&mut self) -> Result<(), RedisError> {
        self.kill()?;
        self.child = spawn(&self.bin, self.persistence, self.dir.path(), self.port)?;
        Ok(())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            tracing::warn!(%error, redis.pid = self.pid(), "the private redis-server was not killed");
        }
    }
}

/// In a process group of its own: our terminal's Ctrl-C is for us, and we end it after us.
fn spawn(bin: &Path, persistence: Persistence, dir: &Path, port: u16) -> Result<Child, RedisError> {
    let append_only = if persistence == Persistence::AppendOnly { "yes" } else { "no" };
    let mut command = Command::new(bin);
    command.args(["--bind", "127.0.0.1", "--port"]).arg(port.to_string()).arg("--dir").arg(dir);
    command.args(["--save", "", "--appendonly", append_only, "--daemonize", "no", "--logfile", "redis.log"]);
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn().map_err(|source| RedisError::NotRun { bin: bin.to_owned(), source })?;
    if answers_in_time(&mut child, port) {
        return Ok(child);
    }
    child.kill()?;
    child.wait()?;
    Err(RedisError::NotStarted { log: files::tail(&dir.join("redis.log"), LOG_BYTES_MAX) })
}

fn answers_in_time(child: &mut Child, port: u16) -> bool {
    let deadline = Instant::now() + READY_MAX;
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
        if is_ready(child.id(), port).unwrap_or(false) {
            return true;
        }
        std::thread::sleep(POLL);
    }
    false
}

/// While it loads its file a server answers `PING` with an error. The process id tells ours from another server that
/// was faster on this port.
fn is_ready(pid: u32, port: u16) -> io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.write_all(b"PING\r\nINFO server\r\nQUIT\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    Ok(answer.starts_with("+PONG") && answer.contains(&format!("process_id:{pid}\r\n")))
}
