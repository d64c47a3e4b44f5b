//! `postroad import`: files of people.

mod bar;
mod preview;

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use chrono_tz::Tz;
use postroad_app::{
    App,
    import::{
        self, Delimiter, Duplicates, ErrorFile, FileEncoding, ImportError, ImportFile, ImportOptions, ImportReport,
    },
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
  postroad import contacts people.csv --region GB --preview
  postroad import contacts people.csv --map Handy=phone --errors wrong.csv

A header line, then a line per person, in any usual encoding and with
any usual delimiter. Columns: external_key, phone, email, display_name,
language, time_zone, tags, consent, consent_source, consent_text,
consent_at, opted_out; usual other names for them are known, and every
other one is an attribute. --preview shows how the file is read.
Exit code 6: some lines could not be taken, the others were")]
    Contacts(Contacts),
}

#[derive(clap::Args)]
pub struct Contacts {
    file: PathBuf,
    /// Show the first 20 lines as they would be read, and write nothing
    #[arg(long)]
    preview: bool,
    /// Write the lines that could not be taken to this file, with reasons
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
    /// What a column is: a field, ignore, or an attribute's name; as often
    /// as needed
    #[arg(long = "map", value_name = "COLUMN=FIELD", value_parser = mapped)]
    mapping: Vec<(String, String)>,
    /// utf-8, utf-16le, windows-1252, … [default: what the file looks like]
    #[arg(long)]
    encoding: Option<FileEncoding>,
    /// One of , ; | and tab [default: what the file looks like]
    #[arg(long)]
    delimiter: Option<Delimiter>,
    /// Refuse lines without a yes in the column consent or opted_out
    #[arg(long)]
    require_consent: bool,
    /// A line about somebody of an earlier line: refuse it, or merge it
    #[arg(long, default_value = "refuse", value_name = "refuse|merge")]
    duplicates: Duplicates,
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
    let options = args.options();
    if args.preview {
        return preview::show(&args.open()?, &options, app.clock.now(), args.format);
    }
    let tenant = args.whose.find(app, config).await?;
    let report = args.read(app, tenant, options).await?;
    if let Some(path) = &args.errors {
        write_errors(app, tenant, report.import.id, path).await?;
    }
    args.format.told(&shown(app, tenant, &report).await?, words)?;
    Ok(if report.import.invalid > 0 { Exit::Partial } else { Exit::Ok })
}

impl Contacts {
    fn options(&self) -> ImportOptions {
        let default = ImportOptions::default();
        ImportOptions {
            channels: self.channels.clone(),
            default_region: self.region.clone(),
            zones: self.zones.iter().cloned().collect(),
            purposes: if self.purposes.is_empty() { default.purposes } else { self.purposes.clone() },
            require_consent: self.require_consent,
            duplicates: self.duplicates,
            encoding: self.encoding,
            delimiter: self.delimiter,
            mapping: self.mapping.iter().cloned().collect::<BTreeMap<_, _>>(),
        }
    }

    fn open(&self) -> Result<File> {
        File::open(&self.file).with_context(|| format!("{} cannot be read", self.file.display()))
    }

    async fn read(&self, app: &App, tenant: TenantId, options: ImportOptions) -> Result<ImportReport> {
        let cannot_read = || format!("{} cannot be read", self.file.display());
        let sha256 = import::sha256(self.open()?).with_context(cannot_read)?;
        let name = self.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let (file, bytes) = (ImportFile { name, sha256 }, self.open()?);
        let bar = bar::Bar::new(bytes.metadata().map(|data| data.len()).unwrap_or_default());
        let watch = |import: &import::Import| bar.set(import);
        let report = import::import_csv_watched(app, tenant, (&file, bytes), options, &watch).await;
        bar.finish();
        report.map_err(told)
    }
}

async fn write_errors(app: &App, tenant: TenantId, id: ImportId, path: &Path) -> Result<()> {
    let cannot_write = || format!("{} cannot be written", path.display());
    let mut errors = ErrorFile::open(app, tenant, id).await.map_err(told)?;
    let mut file = File::create(path).with_context(cannot_write)?;
    while let Some(piece) = errors.next(app).await.map_err(|error| told(error.into()))? {
        file.write_all(&piece).with_context(cannot_write)?;
    }
    Ok(())
}

fn mapped(text: &str) -> Result<(String, String), String> {
    let (column, field) = text.rsplit_once('=').ok_or("expected COLUMN=FIELD")?;
    Ok((column.to_owned(), field.to_owned()))
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
