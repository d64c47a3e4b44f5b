//! What signing in costs, and whether its time tells who exists.

use std::time::Instant;

use anyhow::{Result, ensure};
use futures::future::join_all;
use serde_json::{Value, json};

use super::{Options, Report, report::median};
use crate::{
    client::http_client,
    installation::{Installation, Setup},
    procfs::resident_peak_kib,
};

/// Logins that come in the same moment.
const AT_ONCE: u32 = 100;
/// Logins of each kind that are timed, one after the other.
const TIMED: u32 = 200;
const EMAIL: &str = "ada@shop.example";
const PASSWORD: &str = "correct horse battery staple";

struct Door {
    http: reqwest::Client,
    base_url: String,
}

impl Door {
    /// Each from a network of its own, so that no guesser's wait is measured.
    async fn post(&self, path: &str, body: &Value, from: u32) -> Result<u16> {
        let network = format!("10.{}.{}.7", from / 250, from % 250);
        let request = self.http.post(format!("{}{path}", self.base_url)).header("x-postroad-csrf", "1");
        let answer = request.header("x-forwarded-for", network).json(body).send().await?;
        let status = answer.status().as_u16();
        answer.bytes().await?;
        Ok(status)
    }

    async fn log_in(&self, email: &str, password: &str, from: u32) -> Result<u16> {
        self.post("/v1/auth/login", &json!({"email": email, "password": password}), from).await
    }

    /// Milliseconds until a login is refused.
    async fn refused(&self, email: &str, from: u32) -> Result<f64> {
        let began = Instant::now();
        let status = self.log_in(email, "wrong horse battery staple", from).await?;
        ensure!(status == 401, "a wrong password was answered with {status}");
        Ok(began.elapsed().as_secs_f64() * 1_000.0)
    }
}

pub(super) async fn run(report: &mut Report, options: &Options) -> Result<()> {
    let setup = Setup::default().with("RUST_LOG", "warn").with("POSTROAD_TRUSTED_PROXIES", "127.0.0.1/32");
    let mut installation = Installation::start(setup).await?;
    let serve = installation.run("serve").await?;
    let door = Door { http: http_client(), base_url: serve.base_url.clone() };
    let person =
        json!({"email": EMAIL, "name": "Ada", "password": PASSWORD, "tenant": {"slug": "shop", "name": "The Shop"}});
    ensure!(door.post("/v1/auth/signup", &person, 0).await? == 201, "nobody could sign up");
    in_time(&door, report, options).await?;

    let before = resident_peak_kib(serve.process.pid())?;
    let answers = join_all((0..AT_ONCE).map(|n| door.log_in(EMAIL, PASSWORD, 10_000 + n))).await;
    let answers: Vec<u16> = answers.into_iter().collect::<Result<_>>()?;
    let count = |status| answers.iter().filter(|answer| **answer == status).count();
    ensure!(count(200) + count(503) == answers.len(), "logins were answered with {answers:?}");
    let (peak, of) = (resident_peak_kib(serve.process.pid())?, format!("{AT_ONCE} right logins in one moment"));
    report.tell(
        "login.peak_mib",
        mib(peak),
        "MiB",
        format!("the most that the API held in {of}; {:.0} before", mib(before)),
    );
    #[expect(clippy::cast_precision_loss, reason = "at most a hundred")]
    let busy = count(503) as f64;
    report.tell("login.busy", busy, "logins", format!("told to come again, of {of}"));
    Ok(())
}

/// People who exist and who do not, in turns.
async fn in_time(door: &Door, report: &mut Report, options: &Options) -> Result<()> {
    let (mut wrong, mut unknown) = (Vec::new(), Vec::new());
    for n in 0..options.scaled(TIMED) {
        wrong.push(door.refused(EMAIL, 1 + 2 * n).await?);
        unknown.push(door.refused(&format!("nobody-{n}@shop.example"), 2 + 2 * n).await?);
    }
    let of = format!("median of {} one after the other", wrong.len());
    let (wrong, unknown) = (median(wrong), median(unknown));
    report.tell("login.wrong_ms", wrong, "ms", format!("a wrong password, {of}"));
    report.tell("login.unknown_ms", unknown, "ms", format!("somebody who does not exist, {of}"));
    report.tell("login.difference_ms", (wrong - unknown).abs(), "ms", "between the two medians");
    Ok(())
}

fn mib(kib: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "memory of a process is far below 2^52 KiB")]
    let kib = kib as f64;
    kib / 1_024.0
}
