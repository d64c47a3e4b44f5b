//! `postroad import`: files of people.

use std::{collections::HashMap, fmt::Write, fs::File, path::PathBuf};

use anyhow::{Context, Result};
use chrono_tz::Tz;
use postroad_app::{
    App,
    import::{self, ImportError, ImportFile, ImportOptions, ImportReport},
};
use postroad_core::{
    account::Channel,
    consent::Purpose,
    ids::{ImportId, TenantId},
};
use serde::Serialize;

use super::whose::Whose;
use crate::{
    config::Config,
    exit::{Exit, refused, usage},
    print::Format,
};

/// Wrong lines that are told one by one.
const LINES_MAX: i64 = 20;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Take in contacts; the same file again changes the same people
    #[command(before_help = "\
Examples:
  postroad import contacts people.csv
  postroad import contacts people.csv --region GB --json

A header line, then a line per person. Columns: external_key, phone,
email, display_name, language, time_zone, consent, consent_source,
consent_text, consent_at, opted_out; every other one is an attribute.
Exit code 6: some lines could not be taken, the others were")]
    Contacts(Contacts),
}

#[derive(clap::Args)]
pub struct Contacts {
    file: PathBuf,
    /// Channels on which a phone number is an address; as often as needed
    #[arg(long = "channel", default_value = "whatsapp", value_name = "CHANNEL")]
    channels: Vec<Channel>,
    /// Two-letter country of numbers without +
    #[arg(long, value_name = "COUNTRY")]
    region: Option<String>,
    /// What a yes in the column consent agrees to; as often as needed
    /// [default: marketing, transactional]
    #[arg(long = "purpose", value_name = "PURPOSE")]
    purposes: Vec<Purpose>,
    /// A name for a zone that the file has of its own; as often as needed
    #[arg(long = "zone", value_name = "NAME=ZONE", value_parser = zone)]
    zones: Vec<(String, Tz)>,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Shown {
    import: ImportId,
    lines: i64,
    created: i64,
    updated: i64,
    invalid: i64,
    /// Lines by what is wrong with them.
    errors: HashMap<String, i64>,
    /// The first of them.
    wrong_lines: Vec<WrongLine>,
}

#[derive(Serialize)]
struct WrongLine {
    /// From 1; the header is line 1.
    line: i64,
    code: String,
    detail: String,
}

pub async fn run(command: Command, app: &App, config: &Config) -> Result<Exit> {
    let Command::Contacts(args) = command;
    let tenant = args.whose.find(app, config).await?;
    let cannot_read = || format!("{} cannot be read", args.file.display());
    let sha256 = import::sha256(File::open(&args.file).with_context(cannot_read)?).with_context(cannot_read)?;
    let name = args.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let options = ImportOptions {
        channels: args.channels,
        default_region: args.region,
        zones: args.zones.into_iter().collect(),
        purposes: if args.purposes.is_empty() { ImportOptions::default().purposes } else { args.purposes },
    };
    let file = File::open(&args.file)?;
    let report = import::import_csv(app, tenant, &ImportFile { name, sha256 }, file, options).await.map_err(told)?;
    args.format.told(&shown(app, tenant, &report).await?, words)?;
    Ok(if report.import.invalid > 0 { Exit::Partial } else { Exit::Ok })
}

fn zone(text: &str) -> Result<(String, Tz), String> {
    let (name, zone) = text.split_once('=').ok_or("expected NAME=ZONE")?;
    let zone = zone.parse().map_err(|_| format!("{zone} is no time zone; one is named like Europe/Paris"))?;
    Ok((name.to_owned(), zone))
}

async fn shown(app: &App, tenant: TenantId, report: &ImportReport) -> Result<Shown> {
    let import = &report.import;
    let wrong = import::line_errors(app, tenant, import.id, 0, LINES_MAX).await?;
    Ok(Shown {
        import: import.id,
        lines: import.lines_done,
        created: import.created,
        updated: import.updated,
        invalid: import.invalid,
        errors: report.errors.iter().cloned().collect(),
        wrong_lines: wrong
            .into_iter()
            .map(|error| WrongLine { line: error.line, code: error.code, detail: error.detail })
            .collect(),
    })
}

fn words(shown: &Shown) -> String {
    let Shown { lines, created, updated, invalid, .. } = shown;
    let mut text = format!("{lines} lines: {created} created, {updated} updated, {invalid} not taken\n");
    for wrong in &shown.wrong_lines {
        let _ = writeln!(text, "  line {}: {} ({})", wrong.line, wrong.detail, wrong.code);
    }
    let more = invalid - i64::try_from(shown.wrong_lines.len()).unwrap_or_default();
    if more > 0 {
        let _ = writeln!(text, "  and {more} more");
    }
    text
}

fn told(error: ImportError) -> anyhow::Error {
    match error {
        ImportError::Overtaken => refused(error.to_string()),
        ImportError::Store(cause) => cause.into(),
        other => usage(other.to_string()),
    }
}
