//! Connections: accepted, bounded, and ended in order.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower::ServiceExt;

use crate::{ApiState, router};

/// Connections at once. More wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 8_192;
/// How long the head of a request may take, and how long an idle connection is kept.
const HEAD_MAX: Duration = Duration::from_secs(30);
/// How long running requests get once the process ends.
const GRACE: Duration = Duration::from_secs(20);
/// After an accept that failed for want of file handles.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown`, then lets running requests end and writes what waits to be written.
pub async fn serve(
    listener: TcpListener,
    state: ApiState,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let app = router(state.clone());
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, permit) = accept(&listener, &room) => {
                let Ok((stream, peer)) = stream else { continue };
                connect(&app, &connections, stream, peer, permit);
            }
        }
    }
    drop(listener);
    state.streams.close();
    if tokio::time::timeout(GRACE, connections.shutdown()).await.is_err() {
        tracing::warn!("requests were still running when the process ended");
    }
    state.flush().await;
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (io::Result<(TcpStream, SocketAddr)>, OwnedSemaphorePermit) {
    let permit = room.clone().acquire_owned().await.expect("nobody closes the semaphore");
    let accepted = listener.accept().await;
    if let Err(error) = &accepted {
        tracing::warn!(%error, "a connection was not accepted");
        tokio::time::sleep(PAUSE).await;
    }
    (accepted, permit)
}

fn connect(
    app: &Router,
    connections: &GracefulShutdown,
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
) {
    // Small answers must not wait for company.
    let _ = stream.set_nodelay(true);
    let service = app.clone().map_request(move |mut request: axum::http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(axum::body::Body::new)
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_MAX);
    server.http2().timer(TokioTimer::new()).keep_alive_interval(HEAD_MAX).max_concurrent_streams(256);
    let connection = server.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
    let connection = connections.watch(connection.into_owned());
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection broke");
        }
        drop(permit);
    });
}
