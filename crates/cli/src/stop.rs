//! Signals: the first asks for an orderly end, the second ends at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// A token that the first SIGTERM or SIGINT cancels. After the second the process is gone, and what was under way is left
/// to whoever starts next.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let mut signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let asked = CancellationToken::new();
    let token = asked.clone();
    tokio::spawn(async move {
        next(&mut signals).await;
        tracing::info!("asked to stop; a second signal ends at once");
        token.cancel();
        next(&mut signals).await;
        tracing::warn!("ended at once");
        std::process::exit(Exit::Interrupted as i32);
    });
    Ok(asked)
}

async fn next([terminate, interrupt]: &mut [Signal; 2]) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
