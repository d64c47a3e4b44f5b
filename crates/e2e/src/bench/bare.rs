//! The bound of sending: the same calls by the same client at the same concurrency, and nothing else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use postroad_core::{
    ids::MessageId,
    message::{Body, Content, TemplateUse},
    provider::{Connection, Credentials, Outbound, Outcome, Provider},
    send::Correlation,
};
use postroad_worker::{Transport, Wire};

use crate::seed::{TEMPLATE, number};

/// Calls open at once. More make the loop slower, not faster: two cores are busy with fewer.
const CONCURRENCY: usize = 64;

/// Calls per second that a loop without a ledger makes.
pub(super) async fn per_s(base_url: &str, length: Duration) -> Result<f64> {
    let provider = postroad_providers::find("whatsapp_cloud").context("this build knows WhatsApp")?;
    let credentials = Credentials::new(vec![("access_token".to_owned(), "simulated-token".to_owned().into())]);
    let external_id = "100000000000001".to_owned();
    let connection =
        Arc::new(Connection { external_id, base_url: base_url.to_owned(), public_url: String::new(), credentials });
    let transport = Transport::new();
    let (made, until) = (Arc::new(AtomicU64::new(0)), Instant::now() + length);
    let began = Instant::now();
    let callers = (0..CONCURRENCY).map(|_| {
        let caller =
            Caller { provider, connection: connection.clone(), transport: transport.clone(), made: made.clone() };
        tokio::spawn(caller.call_until(until))
    });
    for caller in futures::future::join_all(callers).await {
        caller??;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of seconds are far below 2^52")]
    let made = made.load(Ordering::Relaxed) as f64;
    Ok(made / began.elapsed().as_secs_f64())
}

struct Caller {
    provider: &'static dyn Provider,
    connection: Arc<Connection>,
    transport: Transport,
    made: Arc<AtomicU64>,
}

impl Caller {
    async fn call_until(self, until: Instant) -> Result<()> {
        let content = Content::Template(TemplateUse {
            name: TEMPLATE.to_owned(),
            language: "en_US".to_owned(),
            parameters: vec![Body("Ada".to_owned())],
            header: None,
            button_payloads: Vec::new(),
        });
        while Instant::now() < until {
            let nth = self.made.fetch_add(1, Ordering::Relaxed);
            self.call(&content, u32::try_from(nth).unwrap_or_default()).await?;
        }
        Ok(())
    }

    async fn call(&self, content: &Content, nth: u32) -> Result<()> {
        let correlation = Correlation { message: MessageId::from_uuid(uuid::Uuid::from_u128(nth.into())), attempt: 1 };
        let outbound =
            Outbound { to: &number(nth), content, correlation, reply_to: None, template: None, valid_for: None };
        let request = self.provider.request(&self.connection, &outbound)?;
        let Wire::Answered(response) = self.transport.send(request).await else { bail!("the stub did not answer") };
        match self.provider.outcome(&response) {
            Outcome::Accepted { .. } => Ok(()),
            other => bail!("the stub answered {other:?}"),
        }
    }
}
