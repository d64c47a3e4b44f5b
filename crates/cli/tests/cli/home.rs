//! A data folder of its own, and processes that work in it. Everything ends when the test does, also when it fails.

use std::{
    fs::{self, File, Permissions},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use postroad_embedded::{Embedded, Options};
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
const EVENT_MAX: Duration = Duration::from_mins(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Readable for the unprivileged user that a server of root runs as.
pub(crate) struct Home {
    dir: TempDir,
    environment: Vec<(String, String)>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap();
        Self { dir, environment: Vec::new() }
    }

    /// A variable for all processes.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// With nothing of our own environment but where programs are found.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroad"));
        command.env_clear().env("PATH", path_variable()).envs(self.environment.iter().cloned());
        command.current_dir(self.path()).arg("--data-dir").arg(self.data_dir()).args(args).stdin(Stdio::null());
        command
    }

    pub(crate) fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// What a command printed; it must end well.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let output = self.output(args);
        assert!(output.status.success(), "{args:?} ended with {}: {}", output.status, text(&output.stderr));
        text(&output.stdout).trim_end().to_owned()
    }

    /// The exit code of a command, and what it said.
    pub(crate) fn fails(&self, args: &[&str]) -> (i32, String) {
        let output = self.output(args);
        (output.status.code().unwrap(), text(&output.stderr).trim_end().to_owned())
    }

    pub(crate) fn start(&self, args: &[&str]) -> Process {
        let log = self.dir.path().join(format!("{}.log", uuid::Uuid::new_v4().simple()));
        let file = File::create(&log).unwrap();
        let mut command = self.command(args);
        let child = command.stdout(Stdio::null()).stderr(file).spawn().unwrap();
        Process { child, log }
    }

    /// The private server of this folder: attached to, or started.
    pub(crate) fn server(&self) -> Embedded {
        Embedded::start(&self.options()).unwrap()
    }

    fn options(&self) -> Options {
        Options { fallback_dir: self.dir.path().join("fallback"), ..Options::new(self.data_dir()) }
    }

    pub(crate) fn postmaster(&self) -> Option<i32> {
        let file = fs::read_to_string(self.data_dir().join("postgres/data/postmaster.pid")).ok()?;
        file.lines().next()?.parse().ok()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.postmaster().is_some() {
            Embedded::start(&self.options()).and_then(Embedded::halt).ok();
        }
    }
}

/// One `postroad` that stays. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Where it listens, once it does.
    pub(crate) fn address(&mut self) -> SocketAddr {
        let mut address = None;
        let mut ended = None;
        until("it listens", || {
            address = listening(&self.log());
            ended = self.child.try_wait().unwrap();
            address.is_some() || ended.is_some()
        });
        address.unwrap_or_else(|| panic!("it ended with {ended:?}:\n{}", self.log()))
    }

    pub(crate) fn wait_until_healthy(&mut self) -> SocketAddr {
        let address = self.address();
        until("it is healthy", || status(address, "/health/db") == Some(200));
        address
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut ended = None;
        until("it ends", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }

    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        self.signal(Signal::SIGTERM);
        (self.wait().code(), self.log())
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn listening(log: &str) -> Option<SocketAddr> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines.filter(|line| line["message"] == "listening").find_map(|line| line["address"].as_str()?.parse().ok())
}

/// The status of a GET; none when nobody answers.
pub(crate) fn status(address: SocketAddr, path: &str) -> Option<u16> {
    get(address, path).map(|(status, _)| status)
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split_whitespace().nth(1)?.parse().ok()?;
    Some((status, answer))
}

/// Looks until it is so. Fails the test when it does not happen.
pub(crate) fn until(event: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + EVENT_MAX;
    while !happened() {
        assert!(Instant::now() < deadline, "never happened: {event}");
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A zombie does not run.
pub(crate) fn is_running(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}

#[expect(clippy::disallowed_methods, reason = "a child needs to find its programs")]
fn path_variable() -> String {
    std::env::var("PATH").unwrap()
}
