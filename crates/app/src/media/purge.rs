//! Takes away what has served its time. The row says first that a file cannot be read any more, then its bytes go, then the
//! row forgets them: whatever dies in between goes on where it was.

use postroad_core::limits::{PURGE_PAGE, PURGE_PAGES_MAX};
use postroad_media::{Key, ObjectError, Variant};
use postroad_store::{
    SystemTx,
    media::{self as stored, Doomed},
};

use crate::App;

/// One run: bounded pages, each its own transactions. What does not go today goes in the next run.
pub async fn purge(app: &App) -> postroad_store::Result<()> {
    for _ in 0..PURGE_PAGES_MAX {
        let expired = expire(app).await?;
        let deleted = delete(app).await?;
        if expired == 0 && deleted == 0 {
            break;
        }
    }
    Ok(())
}

async fn expire(app: &App) -> postroad_store::Result<u64> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let expired = stored::abandon(&mut tx, PURGE_PAGE, now).await? + stored::expire(&mut tx, PURGE_PAGE, now).await?;
    tx.commit().await?;
    Ok(expired)
}

/// Returns how many are gone.
async fn delete(app: &App) -> postroad_store::Result<usize> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let doomed = stored::doomed(&mut tx, PURGE_PAGE).await?;
    tx.commit().await?;
    let mut gone = Vec::with_capacity(doomed.len());
    for one in doomed {
        match delete_bytes(app, &one).await? {
            Ok(()) => gone.push(one),
            Err(error) => tracing::warn!(attachment.id = %one.id, %error, "the bytes of a file could not be deleted"),
        }
    }
    let mut tx = SystemTx::begin(&app.store).await?;
    stored::purged(&mut tx, &gone, app.clock.now()).await?;
    tx.commit().await?;
    Ok(gone.len())
}

/// From the look on whoever wants to write these bytes waits until the row has forgotten them.
async fn delete_bytes(app: &App, doomed: &Doomed) -> postroad_store::Result<Result<(), ObjectError>> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let is_shared = stored::is_shared(&mut tx, doomed).await?;
    tx.commit().await?;
    if is_shared {
        return Ok(Ok(()));
    }
    for variant in [Variant::Thumbnail, Variant::Whole] {
        if let Err(error) = app.media.objects.delete(&Key::of(doomed.tenant, &doomed.sha256, variant)).await {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}
