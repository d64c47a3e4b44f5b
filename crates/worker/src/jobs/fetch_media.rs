//! Files: those that lie at providers are fetched, those that were uploaded are put together; then they are looked at and
//! kept. Whatever goes wrong is written with the file, which is tried again or told to be lost.

use futures::future::join_all;
use postroad_app::media::{self, Fetched, Trouble};
use postroad_core::{jobs::FetchMedia, limits::FETCH_PAGE, media::bytes_max, message::Direction};
use postroad_store::media::Taken;

use super::{Ctx, Done, Failure, Handle};
use crate::fetch::fetch;

const MIB: usize = 1_048_576;

impl Handle for FetchMedia {
    async fn run(self, ctx: Ctx) -> Result<Done, Failure> {
        let taken = media::take(&ctx.app).await?;
        if taken.is_empty() {
            return Ok(Done::Skipped { why: "somebody else has the files" });
        }
        let is_full = taken.len() >= usize::try_from(FETCH_PAGE).unwrap_or_default();
        let ended = join_all(taken.iter().map(|one| settle(&ctx, one))).await;
        if is_full {
            media::go_on(&ctx.app).await?;
        }
        // Each of those that failed is due again when its lease ends.
        ended.into_iter().collect::<Result<Vec<()>, _>>()?;
        Ok(Done::Completed)
    }
}

/// From taking it to writing down what became of it.
async fn settle(ctx: &Ctx, taken: &Taken) -> Result<(), postroad_store::Error> {
    let mebibytes = u32::try_from(bytes_max(taken.channel, taken.kind).div_ceil(MIB)).unwrap_or(u32::MAX);
    let room = ctx.room.acquire_many(mebibytes).await;
    let kept = match bytes_of(ctx, taken).await {
        Ok(fetched) => media::keep(&ctx.app, taken, fetched).await,
        Err(trouble) => Err(trouble),
    };
    drop(room);
    match kept {
        Ok(()) => Ok(()),
        Err(trouble) => media::fail(&ctx.app, taken, trouble).await,
    }
}

async fn bytes_of(ctx: &Ctx, taken: &Taken) -> Result<Fetched, Trouble> {
    match taken.direction {
        Direction::Inbound => fetch(ctx, taken).await,
        Direction::Outbound => media::uploaded(&ctx.app, taken).await,
    }
}
