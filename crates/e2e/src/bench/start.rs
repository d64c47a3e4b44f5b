//! How long a start takes.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::{Options, Report, report::median};
use crate::{
    client::http_client,
    installation::{Installation, Role, Setup, free_port},
};

const STARTS: usize = 5;
const HEALTHY_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// `postroad all` on a database that exists already.
pub(super) async fn run(report: &mut Report, _: &Options) -> Result<()> {
    let mut installation = Installation::start(Setup::default().with("RUST_LOG", "warn")).await?;
    installation.run("all").await?.process.stop(Duration::from_secs(40)).await?;
    let mut taken = Vec::new();
    for _ in 0..STARTS {
        let began = Instant::now();
        let mut all = installation.spawn("all", free_port()?, &[])?;
        healthy(&all, began).await?;
        taken.push(began.elapsed().as_secs_f64() * 1_000.0);
        all.process.stop(Duration::from_secs(40)).await?;
    }
    report.tell(
        "start.ms",
        median(taken),
        "ms",
        format!("`postroad all` to healthy on an existing database, median of {STARTS}"),
    );
    Ok(())
}

async fn healthy(all: &Role, began: Instant) -> Result<()> {
    let (http, url) = (http_client(), format!("{}/health", all.base_url));
    while !http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
        if began.elapsed() > HEALTHY_MAX {
            bail!("not healthy:\n{}", all.process.tail());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}
