//! Waiting for something to become true, without guessing how long it takes.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

const POLL: Duration = Duration::from_millis(20);

/// Asks until the answer is yes. `what` completes "waited in vain until …".
pub async fn until<F: Future<Output = Result<bool>>>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> F,
) -> Result<()> {
    until_some(what, limit, || {
        let asked = ask();
        async move { Ok(asked.await?.then_some(())) }
    })
    .await
}

/// Asks until there is an answer.
pub async fn until_some<T, F: Future<Output = Result<Option<T>>>>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> F,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        let answer = ask().await;
        match answer {
            Ok(Some(answer)) => return Ok(answer),
            Err(error) if Instant::now() >= deadline => {
                return Err(error.context(format!("waited in vain until {what}")));
            }
            _ if Instant::now() >= deadline => bail!("waited {} s in vain until {what}", limit.as_secs()),
            _ => tokio::time::sleep(POLL).await,
        }
    }
}
