//! `postroad simulate`: a provider's server for tests and demonstrations, as it is described in the provider's documents.

use std::path::PathBuf;

use anyhow::{Context, Result};
use postroad_simulators::meta::{MetaConfig, MetaSim};

use crate::{
    exit::{Exit, usage},
    print::{note, out},
    stop,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// The WhatsApp Cloud API of Meta
    #[command(before_help = "\
Examples:
  postroad simulate meta --any-number --any-template
  postroad simulate meta --webhook-url http://127.0.0.1:7800/webhooks/meta
  curl http://127.0.0.1:7801/_sim/stats")]
    Meta(Meta),
}

#[derive(clap::Args)]
pub struct Meta {
    /// Port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 7801)]
    port: u16,
    /// Where webhooks go [default: nowhere]
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
    /// Take any phone number id, and make it up at its first use
    #[arg(long)]
    any_number: bool,
    /// Take templates that nobody registered
    #[arg(long)]
    any_template: bool,
    /// JSON file with everything else: numbers, limits, receipts, faults
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

pub async fn run(command: Command) -> Result<Exit> {
    let Command::Meta(args) = command;
    let stop = stop::on_signal()?;
    let sim = MetaSim::start(config(args)?).await.context("the simulator cannot listen")?;
    out(&format!("{}\n", sim.base_url()))?;
    note("the WhatsApp Cloud API is simulated; Ctrl-C ends it")?;
    stop.cancelled().await;
    sim.stop().await;
    Ok(Exit::Ok)
}

fn config(args: Meta) -> Result<MetaConfig> {
    let base: MetaConfig = match &args.settings {
        None => MetaConfig::default(),
        Some(path) => {
            let text = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
            serde_json::from_slice(&text).map_err(|error| usage(format!("{}: {error}", path.display())))?
        }
    };
    Ok(MetaConfig {
        port: args.port,
        webhook_url: args.webhook_url.or(base.webhook_url),
        any_number: args.any_number || base.any_number,
        any_template: args.any_template || base.any_template,
        ..base
    })
}
