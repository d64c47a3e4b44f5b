//! Pages that are typed by a shell from their first command to their last: what stays runs beside, everything else one after the
//! other, on a private database and, where the page starts one, a simulated provider.

use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    home::{self, Home, text},
    pages::Page,
};

/// Ports that the page names: of the API and of the simulator.
const PORTS: [&str; 2] = ["7800", "7801"];
/// Commands that stay until they are asked to stop.
const STAY: &[&str] = &["postroad simulate ", "postroad all"];

/// An installation after the last command of the page.
pub(crate) struct Tour {
    // Processes end before their folder does.
    staying: Vec<Staying>,
    api: SocketAddr,
    simulator: SocketAddr,
    home: Home,
    said: String,
}

impl Tour {
    pub(crate) fn of(page: &str) -> Result<Self> {
        let [api, simulator] = [free_address()?, free_address()?];
        let mut tour = Self { staying: Vec::new(), api, simulator, home: Home::new(), said: String::new() };
        let mut script = String::new();
        for block in Page::read(page)?.blocks().iter().filter(|block| block.is_shell()) {
            let commands = tour.with_ports(&block.commands());
            match () {
                // Building is not for a test.
                () if commands.contains("cargo ") => {}
                () if STAY.iter().any(|stay| without_variables(&commands).starts_with(stay)) => {
                    tour.start(&commands)?;
                }
                () => script.push_str(&commands),
            }
        }
        ensure!(!tour.staying.is_empty(), "the page starts an installation");
        tour.said = tour.run(&script)?;
        Ok(tour)
    }

    /// What its commands printed.
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    fn with_ports(&self, commands: &str) -> String {
        let [api, simulator] = [self.api, self.simulator].map(|address| address.port().to_string());
        // By way of words that no port contains.
        let named = commands.replace(PORTS[0], "{api}").replace(PORTS[1], "{simulator}");
        named.replace("{api}", &api).replace("{simulator}", &simulator)
    }

    fn shell(&self, script: &str) -> Result<Command> {
        let programs = Path::new(env!("CARGO_BIN_EXE_postroad")).parent().context("the binary lies in a folder")?;
        let mut command = Command::new("/bin/sh");
        command.env_clear().env("PATH", format!("{}:{}", programs.display(), path_variable()));
        command.env("POSTROAD_DATA_DIR", self.home.data_dir()).env("POSTROAD_LISTEN", self.api.to_string());
        command.current_dir(self.home.path()).args(["-euc", script]).stdin(Stdio::null());
        Ok(command)
    }

    /// The shell becomes the command, so that a signal reaches it.
    fn start(&mut self, command: &str) -> Result<()> {
        let (variables, program) = command.split_at(command.find("postroad").unwrap_or_default());
        let log = self.home.path().join(format!("{}.log", self.staying.len()));
        let mut shell = self.shell(&format!("{variables}exec {program}"))?;
        self.staying.push(Staying(shell.stdout(Stdio::null()).stderr(File::create(log)?).spawn()?));
        Ok(())
    }

    fn run(&self, script: &str) -> Result<String> {
        if self.staying.len() > 1 {
            home::until("the simulator answers", || home::status(self.simulator, "/_sim/stats") == Some(200));
        }
        home::until("the installation is healthy", || home::status(self.api, "/health/db") == Some(200));
        let output = self.shell(script)?.output()?;
        let (said, told) = (text(&output.stdout), text(&output.stderr));
        ensure!(output.status.success(), "the page ended with {}:\n{said}\n{told}", output.status);
        Ok(said)
    }

    /// The first message ended in the sandbox, and the second with the simulated provider.
    pub(crate) fn ended_well(&self) {
        home::until("the message to nobody is delivered", || self.list("sandbox").contains("  delivered  "));
        home::until("the message to a person is with the provider", || {
            let stats = home::get(self.simulator, "/_sim/stats").map(|(_, answer)| answer).unwrap_or_default();
            let body = stats.split("\r\n\r\n").nth(1).and_then(|body| serde_json::from_str(body).ok());
            body.is_some_and(|body: serde_json::Value| body["accepted_unique"].as_u64() >= Some(1))
        });
        home::until("somebody of the campaign is refused", || self.list("whatsapp").contains("  consent  "));
    }

    fn list(&self, channel: &str) -> String {
        let command = self.shell(&format!("postroad messages list --channel {channel}"));
        let output = command.and_then(|mut command| Ok(command.output()?));
        output.map(|output| text(&output.stdout)).unwrap_or_default()
    }

    /// What Prometheus would read.
    pub(crate) fn metrics(&self) -> String {
        home::get(self.api, "/metrics").map(|(_, answer)| answer).unwrap_or_default()
    }
}

/// Asked to stop when it is dropped, and waited for.
struct Staying(Child);

impl Drop for Staying {
    fn drop(&mut self) {
        kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM).ok();
        self.0.wait().ok();
    }
}

/// What stands behind `NAME=value `.
fn without_variables(command: &str) -> &str {
    match command.split_once(' ') {
        Some((word, rest)) if word.contains('=') => without_variables(rest),
        _ => command,
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

#[expect(clippy::disallowed_methods, reason = "a shell needs to find its programs")]
fn path_variable() -> String {
    std::env::var("PATH").unwrap_or_default()
}
