//! Keeps the lease of this incarnation, on a thread of its own with connections of its own: neither busy tasks nor busy
//! pools starve it.

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use postroad_app::{App, lanes};
use postroad_core::{ids::IncarnationId, limits::LEASE};
use postroad_store::{PoolSizes, Store};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Renews until `stop`; tells `lost` once when the lease has run out.
pub(crate) fn keep(
    app: App,
    urls: postroad_schema::Urls,
    id: IncarnationId,
    lost: Arc<Notify>,
    stop: CancellationToken,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("lease".into()).spawn(move || {
        let sizes = PoolSizes { app: 1, system: 1, lane: 1, settle: 1 };
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            return lost.notify_one();
        };
        runtime.block_on(async {
            match Store::open(&urls, sizes) {
                Ok(store) => renew(App { store, ..app }, id, &lost, &stop).await,
                Err(_) => lost.notify_one(),
            }
        });
    })
}

async fn renew(app: App, id: IncarnationId, lost: &Notify, stop: &CancellationToken) {
    let pause = LEASE.to_std().unwrap_or(Duration::from_secs(10)) / 4;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
        match lanes::renew(&app, id).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(incarnation.id = %id, "the lease ran out: every lane is dropped");
                lost.notify_one();
                break;
            }
            // Away: whether the lease still holds is known when it is back.
            Err(error) => tracing::warn!(%error, "the lease could not be renewed; trying again"),
        }
    }
    app.store.close().await;
}
