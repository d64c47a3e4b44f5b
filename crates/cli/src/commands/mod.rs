//! Every command: one file per noun, one line here.
//!
//! Commands that look at or change what is stored go through `app`, as the API does. To add one: its file, its variant in
//! [`Command`] with examples, its line in [`Command::run`]; the snapshots of the help texts tell what is missing.

mod accounts;
mod campaigns;
mod completions;
mod config;
pub(crate) mod fill;
mod import;
mod jobs;
mod keys;
mod man;
mod messages;
mod migrate;
mod openapi;
mod pause;
pub mod process;
mod queues;
mod restore;
mod secrets;
mod segments;
pub mod sign;
mod simulate;
mod templates;
mod tenants;
mod users;
mod webhooks;
pub mod whose;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{CommandFactory, FromArgMatches, Parser};
use postroad_app::{App, nudge::Nudges};
use postroad_core::actor::Actor;
use postroad_store::Doer;

use crate::{
    config::{Config, Flag, Shown, Sources},
    demo, doctor,
    exit::Exit,
    log::{self, Loudness},
    start::{Schema, start},
};

/// Rows asked for at once by commands that list everything.
const PAGE: i64 = postroad_core::limits::PAGE_MAX;

/// Examples stand before the options: they are what most readers came for.
const HELP: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

/// A self-hosted messaging platform around a job queue.
#[derive(Parser)]
#[command(name = "postroad", version, max_term_width = 80, subcommand_required = true, arg_required_else_help = true)]
#[command(before_help = "\
Examples:
  postroad demo                  everything at once, with sample data
  postroad all                   API, worker and scheduler, private database
  postroad tenants create acme   somebody to send for
  postroad doctor                what is wrong with this installation")]
#[command(after_help = "\
Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 refused,
5 unavailable, 6 partial, 7 doctor found errors, 130 interrupted")]
pub struct Cli {
    /// File with settings [default: postroad.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    config: Option<PathBuf>,
    /// Folder of the private database and the master key [default: .postroad]
    #[arg(long, global = true, value_name = "FOLDER", help_heading = "Everywhere")]
    data_dir: Option<String>,
    /// Say more
    #[arg(short, long, global = true, help_heading = "Everywhere", conflicts_with = "quiet")]
    verbose: bool,
    /// Say errors only
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Start everything on a private database and run the main job on sample
    /// data
    #[command(before_help = "\
Examples:
  postroad demo                 stays up afterwards
  postroad demo --once --json   ends with a summary for programs")]
    Demo(demo::Args),
    /// The same without the job
    #[command(before_help = "Examples:\n  postroad up")]
    Up(demo::Up),
    /// Serve the API, webhooks and the console
    #[command(before_help = "Examples:\n  postroad serve --listen 0.0.0.0:7800")]
    Serve(process::Args),
    /// Send what is due and run jobs
    #[command(before_help = "\
Examples:
  postroad work
  postroad work --listen 127.0.0.1:7801   with /health and /metrics")]
    Work(process::Args),
    /// Decide when: timers, sweeps, the schedule
    #[command(before_help = "Examples:\n  postroad schedule")]
    Schedule(process::Args),
    /// All of it in one process
    #[command(before_help = "\
Examples:
  postroad all
  POSTROAD_DATABASE_URL=postgres://… postroad all")]
    All(process::Args),
    /// Make the database's roles and bring its schema up to date
    #[command(before_help = "Examples:\n  postroad migrate\n  postroad migrate --check")]
    Migrate(migrate::Args),
    /// Tenants: who owns data
    #[command(subcommand)]
    Tenants(tenants::Command),
    /// People who sign in
    #[command(subcommand)]
    Users(users::Command),
    /// Accounts: numbers, pages, bots and mailboxes at providers
    #[command(subcommand)]
    Accounts(accounts::Command),
    /// API clients and the keys they sign with
    #[command(subcommand)]
    Keys(keys::Command),
    /// Templates: texts that a provider has approved
    #[command(subcommand)]
    Templates(templates::Command),
    /// Campaigns: one message to many people
    #[command(subcommand)]
    Campaigns(campaigns::Command),
    /// Segments: filters that say whom a campaign is for
    #[command(subcommand)]
    Segments(segments::Command),
    /// Take in files of people
    #[command(subcommand)]
    Import(import::Command),
    /// Messages: where they stand, and why
    #[command(subcommand)]
    Messages(messages::Command),
    /// What waits in the queues, and since when
    #[command(before_help = "Examples:\n  postroad queues\n  postroad queues --json")]
    Queues(queues::Args),
    /// Dead letters: jobs that are tried no more
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// Webhooks of providers
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// After a backup was restored: hold, compare, release
    #[command(subcommand)]
    Restore(restore::Command),
    /// Master keys: what they wrap, and changing them
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Stop sending: of an account, a tenant, or everybody
    #[command(subcommand)]
    Pause(pause::Pause),
    /// Send again
    #[command(subcommand)]
    Resume(pause::Resume),
    /// Look for what is wrong, and say what to do about it
    #[command(
        before_help = "Examples:\n  postroad doctor\n  postroad doctor --json | jq 'select(.verdict == \"error\")'"
    )]
    Doctor(doctor::Args),
    /// Print the headers of a signed request
    #[command(before_help = "\
Examples:
  postroad sign GET http://127.0.0.1:7800/v1/messages --curl
  postroad sign POST /v1/messages --body message.json --secret-file secret
  echo '{\"to\":…}' | postroad sign POST /v1/messages --body -")]
    Sign(sign::Args),
    /// Run a provider's server that stands in for the real one
    #[command(subcommand)]
    Simulate(simulate::Command),
    /// Settings
    #[command(subcommand)]
    Config(config::Command),
    /// Print the description of the HTTP API
    #[command(before_help = "Examples:\n  postroad openapi > openapi.json")]
    Openapi,
    /// Print a script that completes commands in a shell
    #[command(before_help = "Examples:\n  postroad completions bash > /etc/bash_completion.d/postroad")]
    Completions(completions::Args),
    /// Print manual pages
    #[command(before_help = "Examples:\n  postroad man | man -l -\n  postroad man /usr/local/share/man/man1")]
    Man(man::Args),
}

/// The configuration, and how it came about.
struct Settings {
    config: Config,
    shown: Vec<Shown>,
    sources: Sources,
}

impl Cli {
    /// Reads the command line. Whoever asks for help or is misunderstood is answered here, and the process ends.
    pub fn read() -> Self {
        let matches = definition().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    pub fn run(self) -> Result<Exit> {
        match &self.command {
            Command::Completions(args) => return completions::run(args, definition()),
            Command::Man(args) => return man::run(args, definition()),
            Command::Openapi => return openapi::run(),
            _ => {}
        }
        let sources = Sources::open(self.flags(), self.config.as_deref())?;
        let (config, shown) = Config::read(|name| sources.find(name))?;
        log::init(&config.log, self.loudness());
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.command.run(&Settings { config, shown, sources }))
    }

    fn flags(&self) -> Vec<Flag> {
        let data_dir =
            self.data_dir.clone().map(|value| Flag { spelling: "--data-dir", name: "POSTROAD_DATA_DIR", value });
        data_dir.into_iter().chain(self.command.flags()).collect()
    }

    const fn loudness(&self) -> Loudness {
        match (self.quiet, self.verbose, self.command.stays()) {
            (true, ..) => Loudness::Quiet,
            (_, true, _) => Loudness::Verbose,
            (.., true) => Loudness::Process,
            _ => Loudness::Command,
        }
    }
}

impl Command {
    fn flags(&self) -> Vec<Flag> {
        match self {
            Self::Serve(args) | Self::Work(args) | Self::Schedule(args) | Self::All(args) => args.flags(),
            Self::Demo(args) => args.flags(),
            Self::Up(args) => args.flags(),
            _ => Vec::new(),
        }
    }

    /// It runs until it is asked to stop.
    const fn stays(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Work(_) | Self::Schedule(_) | Self::All(_))
    }

    async fn run(self, settings: &Settings) -> Result<Exit> {
        let config = &settings.config;
        match self {
            Self::Demo(args) => demo::run(&args, config).await,
            Self::Up(_) => demo::up(config).await,
            Self::Serve(_) => process::run(config, process::SERVE).await,
            Self::Work(_) => process::run(config, process::WORK).await,
            Self::Schedule(_) => process::run(config, process::SCHEDULE).await,
            Self::All(_) => process::run(config, process::ALL).await,
            Self::Migrate(args) => migrate::run(&args, config).await,
            Self::Tenants(command) => with_app(config, async |app| tenants::run(command, app).await).await,
            Self::Accounts(command) => with_app(config, async |app| accounts::run(command, app, config).await).await,
            Self::Users(command) => with_app(config, async |app| users::run(command, app, config).await).await,
            Self::Keys(command) => with_app(config, async |app| keys::run(command, app, config).await).await,
            Self::Templates(command) => with_app(config, async |app| templates::run(command, app, config).await).await,
            Self::Campaigns(command) => with_app(config, async |app| campaigns::run(command, app, config).await).await,
            Self::Segments(command) => with_app(config, async |app| segments::run(command, app, config).await).await,
            Self::Import(command) => with_app(config, async |app| import::run(command, app, config).await).await,
            Self::Messages(command) => with_app(config, async |app| messages::run(command, app, config).await).await,
            Self::Pause(command) => with_app(config, async |app| pause::pause(command, app, config).await).await,
            Self::Resume(command) => with_app(config, async |app| pause::resume(command, app, config).await).await,
            Self::Queues(args) => with_app(config, async |app| queues::run(&args, app).await).await,
            Self::Jobs(command) => with_app(config, async |app| jobs::run(command, app).await).await,
            Self::Webhooks(command) => with_app(config, async |app| webhooks::run(&command, app).await).await,
            Self::Restore(command) => with_app(config, async |app| restore::run(&command, app).await).await,
            Self::Secrets(command) => with_app(config, async |app| secrets::run(&command, app).await).await,
            Self::Doctor(args) => doctor::run(&args, config, &settings.sources).await,
            Self::Sign(args) => sign::run(&args, config),
            Self::Simulate(command) => simulate::run(command).await,
            Self::Config(command) => config::run(&command, &settings.shown),
            Self::Completions(_) | Self::Man(_) | Self::Openapi => {
                unreachable!("they need no configuration and ran before")
            }
        }
    }
}

/// Opens the installation for one command, and lets go of it.
async fn with_app(config: &Config, work: impl AsyncFnOnce(&App) -> Result<Exit>) -> Result<Exit> {
    let started = start(config, Schema::Expect, Nudges::none()).await?;
    let operator = Doer { actor: Actor::Operator.to_string(), ip: None, request_id: None };
    let done = Box::pin(postroad_store::done_by(operator, work(&started.app))).await;
    let stopped = started.stop().await.context("the installation was not left in order");
    let exit = done?;
    stopped.map(|()| exit)
}

/// The whole command line, with one look for all help texts.
pub fn definition() -> clap::Command {
    with_template(Cli::command())
}

fn with_template(command: clap::Command) -> clap::Command {
    command.help_template(HELP).mut_subcommands(with_template)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command with the words that call it.
    fn all(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
        let subcommands: Vec<_> = command.get_subcommands().filter(|sub| sub.get_name() != "help").cloned().collect();
        let deeper = subcommands.into_iter().flat_map(|sub| {
            let path = format!("{path} {}", sub.get_name());
            all(&sub, &path)
        });
        std::iter::once((path.to_owned(), command.clone())).chain(deeper).collect()
    }

    fn help_of_all() -> Vec<(String, String)> {
        let mut definition = definition().term_width(80);
        definition.build();
        let all = all(&definition, "postroad").into_iter();
        all.map(|(path, mut command)| (path, command.render_long_help().to_string())).collect()
    }

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
    }

    #[test]
    fn the_help_of_every_command_is_as_it_was_read_last() {
        for (path, help) in help_of_all() {
            let name = path.replace(' ', "_");
            insta::with_settings!({ description => &path, omit_expression => true, prepend_module_to_snapshot => false }, {
                insta::assert_snapshot!(name, help);
            });
        }
    }

    #[test]
    fn every_command_that_does_something_has_an_example_and_no_line_is_wider_than_a_terminal() {
        let mut definition = definition();
        definition.build();
        for (path, command) in all(&definition, "postroad") {
            let has_example = command.get_before_help().is_some_and(|text| text.to_string().contains(&path));
            assert!(has_example || command.has_subcommands(), "{path} has no example");
        }
        for (path, help) in help_of_all() {
            let wide: Vec<&str> = help.lines().filter(|line| line.chars().count() > 80).collect();
            assert!(wide.is_empty(), "{path}: {wide:?}");
        }
    }

    #[test]
    fn a_secret_is_never_an_argument() {
        for (path, command) in all(&definition(), "postroad") {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                let takes_secret = ["secret", "token", "password", "database_url", "master_keys"].contains(&name);
                assert!(!takes_secret, "{path} --{name}");
            }
        }
    }

    #[test]
    fn every_reading_command_speaks_json() {
        const READS: &[&str] = &["list", "show", "explain", "queues", "doctor", "fields", "sign", "demo"];
        for (path, command) in all(&definition(), "postroad") {
            let reads = READS.iter().any(|word| path.ends_with(&format!(" {word}")));
            let speaks = command.get_arguments().any(|argument| argument.get_id() == "json");
            assert!(!reads || speaks, "{path}");
        }
    }
}
