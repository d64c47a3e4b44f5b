//! `postroad simulate`: a provider's server for tests and demonstrations, as it is described in the provider's documents.

use std::path::PathBuf;

use anyhow::{Context, Result};
use postroad_simulators::{
    meta::{MetaConfig, MetaSim},
    twilio::{TwilioConfig, TwilioSim},
};
use serde::de::DeserializeOwned;

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
    /// SMS and WhatsApp of Twilio
    #[command(before_help = "\
Examples:
  postroad simulate twilio --any-sender
  postroad simulate twilio --sms-url http://127.0.0.1:7800/webhooks/twilio/sms
  curl http://127.0.0.1:7802/_sim/stats")]
    Twilio(Twilio),
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

#[derive(clap::Args)]
pub struct Twilio {
    /// Port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 7802)]
    port: u16,
    /// Where SMS of people go [default: nowhere]
    #[arg(long, value_name = "URL")]
    sms_url: Option<String>,
    /// Where messages of people on WhatsApp go [default: nowhere]
    #[arg(long, value_name = "URL")]
    whatsapp_url: Option<String>,
    /// Take any sender
    #[arg(long)]
    any_sender: bool,
    /// Take content templates that nobody made
    #[arg(long)]
    any_content: bool,
    /// JSON file with everything else: credentials, senders, limits, receipts
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

pub async fn run(command: Command) -> Result<Exit> {
    let stop = stop::on_signal()?;
    match command {
        Command::Meta(args) => {
            let sim = MetaSim::start(meta(args)?).await.context("the simulator cannot listen")?;
            tell(&sim.base_url(), "the WhatsApp Cloud API is simulated; Ctrl-C ends it")?;
            stop.cancelled().await;
            sim.stop().await;
        }
        Command::Twilio(args) => {
            let sim = TwilioSim::start(twilio(args)?).await.context("the simulator cannot listen")?;
            tell(&sim.base_url(), "Twilio is simulated; Ctrl-C ends it")?;
            stop.cancelled().await;
            sim.stop().await;
        }
    }
    Ok(Exit::Ok)
}

fn tell(base_url: &str, what: &str) -> Result<()> {
    out(&format!("{base_url}\n"))?;
    note(what)
}

fn settings<T: Default + DeserializeOwned>(path: Option<&PathBuf>) -> Result<T> {
    let Some(path) = path else { return Ok(T::default()) };
    let text = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_slice(&text).map_err(|error| usage(format!("{}: {error}", path.display())))
}

fn twilio(args: Twilio) -> Result<TwilioConfig> {
    let base: TwilioConfig = settings(args.settings.as_ref())?;
    Ok(TwilioConfig {
        port: args.port,
        sms_url: args.sms_url.or(base.sms_url),
        whatsapp_url: args.whatsapp_url.or(base.whatsapp_url),
        any_sender: args.any_sender || base.any_sender,
        any_content: args.any_content || base.any_content,
        ..base
    })
}

fn meta(args: Meta) -> Result<MetaConfig> {
    let base: MetaConfig = settings(args.settings.as_ref())?;
    Ok(MetaConfig {
        port: args.port,
        webhook_url: args.webhook_url.or(base.webhook_url),
        any_number: args.any_number || base.any_number,
        any_template: args.any_template || base.any_template,
        ..base
    })
}
