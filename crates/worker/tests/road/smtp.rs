//! A mail server that others wrote: <https://github.com/aio-libs/aiosmtpd>. Installed once into the build folder.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use postroad_app::mail::Mailing;
use serde_json::Value;

/// A running server. It ends with this.
pub struct Smtp {
    child: Child,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// How mails reach the server on a port; `query`: `?tls=none`, because it has no TLS.
pub fn mailing(port: u16, password: &str, query: &str) -> Mailing {
    let url = format!("smtp://postroad:{password}@127.0.0.1:{port}{query}");
    Mailing { url: url.into(), from: "Postroad <postroad@messages.example>".to_owned() }
}

impl Smtp {
    /// Returns when it listens.
    pub fn start(port: u16) -> Self {
        let python = program().expect("aiosmtpd can be installed: python3, venv and PyPI are there");
        let mut child = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/smtp/server.py"))
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "\"ready\"");
        let taken = Arc::new(Mutex::new(Vec::new()));
        let kept = taken.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, taken }
    }

    /// Everything that it took for this address, oldest first.
    pub fn taken(&self, to: &str) -> Vec<Value> {
        self.taken.lock().unwrap().iter().filter(|mail| mail["to"] == to).cloned().collect()
    }

    /// The mail to this address with this subject; waits for it, at most half a minute.
    pub async fn mail(&self, to: &str, subject: &str) -> Value {
        for _ in 0..600 {
            if let Some(found) = self.taken(to).into_iter().find(|mail| mail["subject"] == subject) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no mail to {to} within half a minute: {subject}");
    }
}

fn program() -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("smtp");
    let python = venv.join("bin/python");
    let quiet = |command: &mut Command| {
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let ready = || quiet(Command::new(&python).args(["-c", "import aiosmtpd"]));
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/smtp/requirements.txt");
    let there = ready()
        || (quiet(Command::new("python3").args(["-m", "venv"]).arg(&venv))
            && quiet(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements))
            && ready());
    there.then_some(python)
}
