//! Log lines, on standard error: JSON for machines, text on a terminal.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::config::{Log, LogFormat};

/// How much a command says beside its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loudness {
    /// Warnings and errors: commands that end by themselves.
    Command,
    /// What the configuration asks for: processes that stay.
    Process,
    /// `-v`: everything of ours.
    Verbose,
    /// `-q`: errors.
    Quiet,
}

/// Installs the one subscriber of the process. A second call changes nothing.
pub fn init(log: &Log, loudness: Loudness) {
    let filter = match loudness {
        Loudness::Command => "warn,sqlx=error".to_owned(),
        Loudness::Process => log.filter.clone(),
        Loudness::Verbose => format!("{},postroad=debug", log.filter),
        Loudness::Quiet => "error".to_owned(),
    };
    let format =
        log.format.unwrap_or_else(|| if io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json });
    install(format, &filter, io::stderr);
}

fn install<W>(format: LogFormat, filter: &str, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(writer);
    let installed = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_target(false).try_init(),
    };
    // One that is there already was installed by a test.
    drop(installed);
}
