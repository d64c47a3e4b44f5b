//! `postroad demo`: the main job on sample data, with nothing but this binary and a PostgreSQL.
//!
//! People are imported, a campaign runs over all of them while single sends come in through the signed API, receipts
//! come back, and in the end every message is accounted for against the provider's own counts. `up` is the same without
//! the job.

mod calls;
mod expected;
mod inbox;
mod job;
mod progress;
mod reconcile;
mod stage;
mod summary;
mod zones;

use anyhow::Result;
use http::{Method, Uri};
use postroad_core::signature::{Request, Secret, Stamp};

use crate::{
    commands::sign,
    config::{Config, Flag},
    exit::Exit,
    print::{json_line, note, out},
    running::{Running, Stopped},
    stop,
};
use job::Done;
use progress::Progress;
use stage::{Place, Stage};

#[derive(clap::Args)]
pub struct Args {
    /// End after the summary; exit code 0 only when every message is
    /// accounted for
    #[arg(long)]
    once: bool,
    /// Make the last line of standard output the summary as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    up: Up,
}

#[derive(clap::Args)]
pub struct Up {
    /// Address and port [default: 127.0.0.1:7800; any port with --once]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

impl Args {
    pub fn flags(&self) -> Vec<Flag> {
        self.up.flags()
    }
}

impl Up {
    pub fn flags(&self) -> Vec<Flag> {
        let flag = |value: &String| Flag { spelling: "--listen", name: "POSTROAD_LISTEN", value: value.clone() };
        self.listen.iter().map(flag).collect()
    }
}

/// Runs the job, tells what came of it, and stays unless it is to run once.
pub async fn run(args: &Args, config: &Config) -> Result<Exit> {
    let progress = Progress::new();
    let place = if args.once { Place::Passing } else { Place::Kept };
    play(config, &place, &progress, async |stage, stopped| {
        let done = job::run(stage, &progress).await?;
        tell(&done, args.json)?;
        if !args.once {
            hint(stage, Some(&done))?;
            stopped.await;
            return Ok(Exit::Ok);
        }
        Ok(if done.summary.is_good() { Exit::Ok } else { Exit::Failure })
    })
    .await
}

/// The same stage, and no job.
pub async fn up(config: &Config) -> Result<Exit> {
    let progress = Progress::new();
    play(config, &Place::Kept, &progress, async |stage, stopped| {
        hint(stage, None)?;
        stopped.await;
        Ok(Exit::Ok)
    })
    .await
}

/// Sets the stage, plays, and strikes it in order, whatever happens. A signal ends the play.
async fn play(
    config: &Config,
    place: &Place,
    progress: &Progress,
    play: impl AsyncFnOnce(&Stage, tokio_util::sync::WaitForCancellationFutureOwned) -> Result<Exit>,
) -> Result<Exit> {
    let stop = stop::on_signal()?;
    progress.step("starting a private database, all roles and a simulated WhatsApp");
    let (stage, mut running) = Stage::set(config, place).await?;
    let played = tokio::select! {
        played = play(&stage, stop.clone().cancelled_owned()) => played,
        failure = running.failed() => Err(failure),
        () = interrupted(&stop) => Ok(Exit::Interrupted),
    };
    let stopped = end(stage, running, config).await;
    let exit = played?;
    stopped.map(|stopped| if stopped == Stopped::InOrder { exit } else { Exit::Partial })
}

/// A moment after the signal, so that a play that waits for it ends by itself.
async fn interrupted(stop: &tokio_util::sync::CancellationToken) {
    stop.cancelled().await;
    tokio::task::yield_now().await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
}

async fn end(stage: Stage, running: Running, config: &Config) -> Result<Stopped> {
    let stopped = running.stop(config.shutdown_grace).await;
    stage.strike().await?;
    Ok(stopped)
}

fn tell(done: &Done, json: bool) -> Result<()> {
    let words = format!("\n{}", done.summary.words());
    if json {
        note(&words)?;
        return json_line(&done.summary);
    }
    out(&words)
}

/// What to try next. Talk, so that the summary stays the last line of standard output.
fn hint(stage: &Stage, done: Option<&Done>) -> Result<()> {
    let Stage { base_url, data_dir, key_id, .. } = stage;
    let explain = done.and_then(|done| done.held).map(|id| {
        let (program, data_dir) = (program(), data_dir.display());
        format!("  why a message waits        {program} --data-dir {data_dir} messages explain {id}\n")
    });
    note(&format!(
        "\nIt stays up at {base_url}; Ctrl-C ends it. Try:\n\n  \
           documentation of the API   {base_url}/docs\n  \
           what the provider counts   curl {sim}/_sim/stats\n{explain}  \
           a call of your own         {program} sign GET {base_url}/v1/messages --curl \\\n\
         {blank:31}--key {key_id} --secret-file {secret}\n\n\
         Signed for the next five minutes:\n\n{example}\n",
        program = program(),
        sim = stage.sim.base_url(),
        explain = explain.unwrap_or_default(),
        blank = "",
        secret = stage.secret_file.display(),
        example = signed_example(stage)?,
    ))
}

/// This program as it can be called from here: nobody has put it on the path yet.
fn program() -> String {
    let path = std::env::current_exe().unwrap_or_else(|_| "postroad".into());
    let here = std::env::current_dir().ok();
    let near = here.and_then(|here| path.strip_prefix(here).ok());
    near.unwrap_or(&path).display().to_string()
}

/// A curl line that works, made as `postroad sign` makes it.
fn signed_example(stage: &Stage) -> Result<String> {
    let secret = std::fs::read_to_string(&stage.secret_file)?;
    let url = format!("{}/v1/messages?limit=5", stage.base_url);
    let uri: Uri = url.parse()?;
    let stamp = Stamp::new(&stage.key_id, stage.app().clock.now().timestamp(), &sign::new_request_id())?;
    let headers = sign::sign(&stamp, &Request::new(&Method::GET, &uri, &[]), &Secret::parse(secret.trim())?)?;
    Ok(sign::curl("GET", &url, &headers, None))
}
