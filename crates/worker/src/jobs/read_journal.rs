use postroad_app::inbound::{self, Read};
use postroad_core::jobs::ReadJournal;

use super::{Ctx, Done, Failure, Handle};
use crate::{adapters::Adapters, metrics};

/// Batches one job reads; the next job, or the sweeper, goes on.
const BATCHES_MAX: usize = 50;

/// Reads whatever is unread, oldest first, until nothing is left.
impl Handle for ReadJournal {
    async fn run(self, ctx: Ctx) -> Result<Done, Failure> {
        for batch in 0..BATCHES_MAX {
            let read = read(&ctx).await?;
            if read.webhooks == 0 {
                return Ok(if batch == 0 { Done::Skipped { why: "read already" } } else { Done::Completed });
            }
        }
        Ok(Done::Completed)
    }
}

/// A batch that fails as a whole is read one by one, so that the one that breaks it is found and set aside.
async fn read(ctx: &Ctx) -> Result<Read, Failure> {
    let read = match inbound::read_batch(&ctx.app, &Adapters, false).await {
        Err(error) if !error.is_unavailable() => inbound::read_batch(&ctx.app, &Adapters, true).await?,
        result => result?,
    };
    for (what, count) in read.counts() {
        metrics::WEBHOOKS.with_label_values(&[what.as_str()]).inc_by(count);
    }
    Ok(read)
}
