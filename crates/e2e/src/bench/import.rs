//! How fast a file of people is taken in: read, checked, and written with address and consent, by the command itself.
//! The text of the consent is about offers, so it is one to marketing.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Result, ensure};
use serde_json::Value;

use super::{Options, Report, report::median};
use crate::{
    installation::{Installation, Setup},
    seed::Seed,
};

const PEOPLE: u32 = 200_000;
const ROUNDS: usize = 3;
const HEADER: &str = "phone,name,language,time_zone,first_name,tier,tags,consent,consent_source,consent_text";
const ZONES: [&str; 5] = ["Europe/Paris", "America/New_York", "Asia/Kolkata", "Asia/Tokyo", "Africa/Casablanca"];

pub(super) async fn run(report: &mut Report, options: &Options) -> Result<()> {
    let people = options.scaled(PEOPLE);
    let mut installation = Installation::start(Setup::default().with("RUST_LOG", "warn")).await?;
    let file = installation.server.folder().join("people.csv");
    write(&file, people)?;
    let (mut fresh, mut again) = (Vec::new(), Vec::new());
    for round in 0..if options.quick { 1 } else { ROUNDS } {
        let database = installation.server.create(&format!("import_{round}")).await?;
        installation.use_database(database);
        let slug = tenant(&installation).await?;
        fresh.push(import(&installation, (&slug, &file), people, "created").await?);
        again.push(import(&installation, (&slug, &file), people, "updated").await?);
    }
    let of = |what: &str| {
        format!("{people} people, a number each and consent to marketing, {what}, median of {}", fresh.len())
    };
    let (fresh_of, again_of) = (of("all new"), of("all known"));
    report.tell("import.rows_per_s", median(fresh), "1/s", fresh_of);
    report.tell("import.again_rows_per_s", median(again), "1/s", again_of);
    Ok(())
}

async fn tenant(installation: &Installation) -> Result<String> {
    let mut seed = Seed::new(installation).await?;
    let tenant = seed.tenant;
    Ok(sqlx::query_scalar("select slug from tenants where id = $1").bind(tenant).fetch_one(seed.db()).await?)
}

/// Lines per second of the whole command, which must come to what it should.
async fn import(installation: &Installation, (tenant, file): (&str, &PathBuf), people: u32, word: &str) -> Result<f64> {
    let file = file.to_string_lossy();
    let began = Instant::now();
    let told = installation
        .postroad(&["import", "contacts", &file, "--tenant", tenant, "--purpose", "marketing", "--json"])
        .await?;
    let seconds = began.elapsed().as_secs_f64();
    let told: Value = serde_json::from_str(&told)?;
    ensure!(told["lines"] == people && told[word] == people, "{told}");
    Ok(f64::from(people) / seconds)
}

fn write(path: &Path, people: u32) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "{HEADER}")?;
    for nth in 0..people {
        let zone = ZONES[nth as usize % ZONES.len()];
        writeln!(
            file,
            "+1555{nth:07},Person {nth},en,{zone},Ada,gold,\"vip;spring {}\",yes,web form,\"I agree to \
             hear about offers, and may stop at any time\"",
            nth % 10
        )?;
    }
    Ok(file.flush()?)
}
