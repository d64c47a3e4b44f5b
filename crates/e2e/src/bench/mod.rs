//! The figures of docs/performance.md, each beside what bounds it in the same run.
//!
//! The product is measured from outside, as processes of the real binary over a durable database; only the bare loop, which
//! is the bound of sending, runs in here. To add a figure: a section with its names and its function, and its line in the
//! table of the docs.

mod accept;
mod bare;
mod campaign;
mod drain;
mod foresight;
mod import;
mod inbound;
mod latency;
mod live;
mod login;
mod month;
mod pace;
mod pause;
mod report;
mod sending;
mod start;
mod stop;
mod webhooks;

use anyhow::{Result, bail};

pub use report::{Figure, Report};

/// What is measured, and how long it may take.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// One JSON object per line instead of a table.
    pub json: bool,
    /// Only sections with a figure whose name begins like one of these; all, if there are none.
    pub only: Vec<String>,
    /// Small numbers: to see whether it works, not how fast.
    pub quick: bool,
}

impl Options {
    /// `usual`, or a tenth of it.
    const fn scaled(&self, usual: u32) -> u32 {
        if self.quick { usual / 10 } else { usual }
    }
}

struct Section {
    figures: &'static [&'static str],
    run: for<'a> fn(&'a mut Report, &'a Options) -> futures::future::LocalBoxFuture<'a, Result<()>>,
}

impl Section {
    /// Whether a figure of it begins like this.
    fn has(&self, name: &str) -> bool {
        self.figures.iter().any(|figure| figure.starts_with(name))
    }
}

/// In the order in which they run.
const SECTIONS: &[Section] = &[
    Section {
        figures: &["send.drain_ratio", "send.per_s", "send.cpu_us", "receipt.apply_per_s"],
        run: |report, options| Box::pin(drain::run(report, options)),
    },
    Section {
        figures: &["send.small_lanes_ratio", "memory.worker_mib"],
        run: |report, options| Box::pin(drain::small_lanes(report, options)),
    },
    Section {
        figures: &["api.accept_p99_ms", "api.accept_per_s"],
        run: |report, options| Box::pin(accept::run(report, options)),
    },
    Section {
        figures: &["webhook.ingest_per_s", "webhook.p99_ms"],
        run: |report, options| Box::pin(webhooks::run(report, options)),
    },
    Section {
        figures: &["inbound.p99_ms", "inbound.lag_s", "inbound.read_per_s"],
        run: |report, options| Box::pin(inbound::run(report, options)),
    },
    Section {
        figures: &["pace.utilisation.one", "pace.over.one", "pace.gap_s"],
        run: |report, options| Box::pin(pace::one(report, options)),
    },
    Section {
        figures: &["pace.utilisation.app", "pace.over.app"],
        run: |report, options| Box::pin(pace::app(report, options)),
    },
    Section {
        figures: &["pace.utilisation.noredis", "pace.over.noredis"],
        run: |report, options| Box::pin(pace::no_redis(report, options)),
    },
    Section {
        figures: &["import.rows_per_s", "import.again_rows_per_s"],
        run: |report, options| Box::pin(import::run(report, options)),
    },
    Section {
        figures: &["campaign.preview_s", "campaign.plan_per_s", "campaign.plan_mib", "campaign.plan_growth_mib"],
        run: |report, options| Box::pin(campaign::run(report, options)),
    },
    Section { figures: &["campaign.pause_s"], run: |report, options| Box::pin(pause::run(report, options)) },
    Section { figures: &["stop.late_s"], run: |report, options| Box::pin(stop::run(report, options)) },
    Section { figures: &["latency.idle_p99_ms"], run: |report, options| Box::pin(latency::run(report, options)) },
    Section {
        figures: &["live.lag_p99_ms", "live.memory_mib"],
        run: |report, options| Box::pin(live::run(report, options)),
    },
    Section {
        figures: &["login.peak_mib", "login.busy", "login.wrong_ms", "login.unknown_ms", "login.difference_ms"],
        run: |report, options| Box::pin(login::run(report, options)),
    },
    Section { figures: &["simulation.month_s"], run: |report, options| Box::pin(month::run(report, options)) },
    Section {
        figures: &["forecast.error_s", "forecast.error_ratio"],
        run: |report, options| Box::pin(foresight::run(report, options)),
    },
    Section { figures: &["start.ms"], run: |report, options| Box::pin(start::run(report, options)) },
];

/// Runs what is asked for, and prints each figure when it is known.
pub async fn run(options: &Options) -> Result<Vec<Figure>> {
    let only = &options.only;
    if let Some(unknown) = only.iter().find(|only| !SECTIONS.iter().any(|section| section.has(only))) {
        bail!("no figure begins with {unknown}");
    }
    let mut report = Report::new(options.json);
    for section in SECTIONS.iter().filter(|section| only.is_empty() || only.iter().any(|only| section.has(only))) {
        (section.run)(&mut report, options).await?;
    }
    Ok(report.into_figures())
}
