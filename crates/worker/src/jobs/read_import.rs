use postroad_app::import::{self, ImportError, Worked};
use postroad_core::jobs::ReadImport;

use super::{Ctx, Done, Failure, Handle};

/// Reads for some seconds and writes the job that goes on, until the file is at its end.
impl Handle for ReadImport {
    async fn run(self, ctx: Ctx) -> Result<Done, Failure> {
        match import::work(&ctx.app, &self).await {
            Ok(Worked::Finished | Worked::Continues) => Ok(Done::Completed),
            Ok(Worked::NotWanted) => Ok(Done::Skipped { why: "the import is elsewhere by now" }),
            Err(ImportError::Store(error)) => Err(error.into()),
            Err(error) => Err(Failure::Retry(error.into())),
        }
    }
}
