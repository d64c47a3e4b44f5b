//! Judges that others wrote: published descriptions of APIs, a server that validates by them, and other people's libraries.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use http::Request;
use serde_json::Value;

/// Providers' published descriptions, which this repository does not copy: `POSTROAD_SPECS` names the folder.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the one setting of this suite, and a skip must be heard"
)]
pub(crate) fn published_description(path: &str) -> Option<(PathBuf, Value)> {
    let Some(folder) = std::env::var_os("POSTROAD_SPECS") else {
        eprintln!("SKIPPED: set POSTROAD_SPECS to the folder of published API descriptions to check against {path}");
        return None;
    };
    let path = Path::new(&folder).join(path);
    let text =
        std::fs::read(&path).unwrap_or_else(|error| panic!("POSTROAD_SPECS is set, but {}: {error}", path.display()));
    Some((path, serde_json::from_slice(&text).expect("the description is JSON")))
}

/// Says aloud that a peer is missing here.
#[expect(clippy::print_stderr, reason = "a skip must be heard")]
pub(crate) fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
}

/// Prism, serving the description and judging what arrives. It ends with the test.
pub(crate) struct Prism {
    child: Child,
    address: String,
}

impl Drop for Prism {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prism {
    pub(crate) fn start(program: &Path, description: &Path) -> Self {
        let mut child = Command::new(program)
            .args(["mock", "--host", "127.0.0.1", "--port", "0", "--errors"])
            .arg(description)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("what was just installed starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, address) = line.split_once("listening on ")?;
            Some(address.split_whitespace().next()?.to_owned())
        });
        // Whoever writes into a pipe that nobody reads waits for ever.
        std::thread::spawn(move || lines.for_each(drop));
        let address = address.expect("Prism says where it listens");
        Self { child, address }
    }

    /// Sends the request here with this body; the status and the text of the judgement.
    pub(crate) fn judge(&self, request: &Request<Vec<u8>>, body: Vec<u8>) -> (u16, String) {
        let path = request.uri().path_and_query().expect("a request has a path");
        let mut request = request.clone();
        *request.uri_mut() = format!("{}{path}", self.address).parse().expect("it is an address");
        *request.body_mut() = body;
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.run(request).expect("Prism answers");
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("it is text"))
    }
}

/// Installs Prism once into the build folder, from the versions that `tests/prism` pins.
pub(crate) fn prism_program() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/prism/install.sh");
    let output =
        Command::new("sh").arg(script).arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("prism")).output().ok()?;
    output.status.success().then(|| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// A Python with a package, installed once into the build folder from the versions that `tests/<package>` pins.
pub(crate) fn python(package: &str, module: &str) -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join(package);
    let python = venv.join("bin/python");
    let quiet = |command: &mut Command| {
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let ready = || quiet(Command::new(&python).args(["-c", &format!("import {module}")]));
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/{package}/requirements.txt"));
    let there = ready()
        || (quiet(Command::new("python3").args(["-m", "venv"]).arg(&venv))
            && quiet(
                Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements),
            )
            && ready());
    there.then_some(python)
}
