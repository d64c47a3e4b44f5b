//! One HTTP/1.1 server on its own thread: hyper, with our own accept loop, because a simulator must be able
//! to reset a connection and to know when a request arrived. Routing and meaning live in the [`Answer`].

mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};

use wire::Wire;
pub(crate) use wire::{Cut, Line};

use crate::clock::Clock;

pub(crate) type Reply = http::Response<Full<Bytes>>;

/// Connections the kernel may hold for us while the thread is busy.
const BACKLOG: u32 = 4_096;

/// What a simulator is to its server.
pub(crate) trait Answer: Send + Sync + 'static {
    /// Answers one request, or cuts the connection without an answer.
    fn answer(
        self: Arc<Self>,
        request: http::Request<Incoming>,
        line: Arc<Line>,
    ) -> impl Future<Output = Result<Reply, Cut>> + Send;

    /// Runs beside the accept loop for as long as the server does.
    fn background(self: Arc<Self>) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

/// A running server. Dropping it stops the thread; [`Server::stop`] also waits for that.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
}

impl Server {
    /// Binds 127.0.0.1; port 0 takes any free one.
    pub(crate) async fn start(name: &str, port: u16, clock: Clock, app: Arc<impl Answer>) -> io::Result<Self> {
        let (ready, bound) = oneshot::channel();
        let (stop, stopped) = watch::channel(false);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || run(port, clock, app, ready, stopped))?;
        let address = bound.await.map_err(|_| io::Error::other("the server thread ended before it listened"))??;
        Ok(Self { address, stop })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns when the port and every connection are closed. A second call returns at once.
    pub(crate) async fn stop(&self) {
        self.stop.send_replace(true);
        self.stop.closed().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

fn run(
    port: u16,
    clock: Clock,
    app: Arc<impl Answer>,
    ready: oneshot::Sender<io::Result<SocketAddr>>,
    stopped: watch::Receiver<bool>,
) {
    // Dropped after the runtime, so that `stop` returns only when its sockets are gone.
    let _until_the_end = stopped.clone();
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(serve(port, clock, app, ready, stopped)),
        Err(error) => drop(ready.send(Err(error))),
    }
}

async fn serve(
    port: u16,
    clock: Clock,
    app: Arc<impl Answer>,
    ready: oneshot::Sender<io::Result<SocketAddr>>,
    mut stopped: watch::Receiver<bool>,
) {
    let listener = match bind(port) {
        Ok((listener, address)) => {
            // Nobody waits any more when the starter was dropped; the stop signal then ends us at once.
            let _ = ready.send(Ok(address));
            listener
        }
        Err(error) => return drop(ready.send(Err(error))),
    };
    tokio::select! {
        () = accept(listener, clock, Arc::clone(&app)) => {}
        () = app.background() => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
}

fn bind(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    #[cfg(target_os = "linux")]
    wire::ask_for_arrival_times(&socket)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn accept(listener: TcpListener, clock: Clock, app: Arc<impl Answer>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve_connection(stream, clock, Arc::clone(&app)))),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, clock: Clock, app: Arc<impl Answer>) {
    let (wire, line) = match Wire::new(stream, clock) {
        Ok(pair) => pair,
        Err(error) => return tracing::debug!(%error, "the caller left before its first byte"),
    };
    let service = service_fn(|request| Arc::clone(&app).answer(request, Arc::clone(&line)));
    let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(wire), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The whole body, or nothing when it is longer than `max` bytes or its sender left.
pub(crate) async fn read(body: Incoming, max: usize) -> Option<Bytes> {
    match Limited::new(body, max).collect().await {
        Ok(body) => Some(body.to_bytes()),
        Err(error) => {
            tracing::debug!(%error, "a body could not be read");
            None
        }
    }
}
