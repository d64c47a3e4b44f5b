//! Folders, processes and questions the tests share. Everything ends when the test does, also when it fails.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use postroad_embedded::{Embedded, Options};
use tempfile::TempDir;

const EVENT_MAX: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// A data folder that every user can reach. Servers that tests left behind in it are stopped.
pub(crate) struct Ground {
    dir: TempDir,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join(".postroad")
    }

    pub(crate) fn options(&self) -> Options {
        Options { fallback_dir: self.dir.path().join("fallback"), ..Options::new(self.data_dir()) }
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.data_dir().join("postgres")
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if self.home().join("data/postmaster.pid").exists() {
            Embedded::start(&self.options()).and_then(Embedded::halt).ok();
        }
    }
}

/// The example `hold`, killed when dropped.
pub(crate) struct Hold {
    child: Child,
}

/// What `hold` says when its server is up.
pub(crate) struct Held {
    pub(crate) how: String,
    pub(crate) url: String,
    pub(crate) pid: i32,
}

impl Hold {
    pub(crate) fn spawn(data_dir: &Path) -> Self {
        Self::run(Command::new(hold_program()).arg(data_dir))
    }

    pub(crate) fn spawn_as(user: &nix::unistd::User, data_dir: &Path) -> Self {
        let ids = [format!("--reuid={}", user.uid), format!("--regid={}", user.gid), "--clear-groups".to_owned()];
        Self::run(Command::new("setpriv").args(ids).arg(hold_program()).arg(data_dir))
    }

    fn run(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        Self { child }
    }

    pub(crate) fn wait_until_up(&mut self) -> Held {
        let mut line = String::new();
        BufReader::new(self.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let [how, url, pid] = words[..] else { panic!("hold says {line:?}") };
        Held { how: how.to_owned(), url: url.to_owned(), pid: pid.parse().unwrap() }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it end in order.
    pub(crate) fn finish(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) fn hold_program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().join("examples/hold")
}

/// Answer of one statement, unaligned.
pub(crate) fn ask(url: &str, statement: &str) -> String {
    let output = Command::new("psql").args(["-XAtq", "-c", statement, url]).output().unwrap();
    assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Looks until it is so. Fails the test when it does not happen.
pub(crate) fn until(event: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + EVENT_MAX;
    while !happened() {
        assert!(Instant::now() < deadline, "never happened: {event}");
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

pub(crate) fn kill_now(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    until("a killed process ends", || !is_running(pid));
}

/// A zombie does not run.
pub(crate) fn is_running(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}

pub(crate) fn children_of(pid: i32) -> Vec<i32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children.split_whitespace().map(|child| child.parse().unwrap()).collect()
}

/// A line of `/proc/PID/status`, its words.
pub(crate) fn status_of(pid: u32, field: &str) -> Vec<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
    line.split_whitespace().map(str::to_owned).collect()
}
