//! One connection, and what a simulator needs beyond hyper: to reset it, and to know when bytes arrived.
//!
//! Arrival is the kernel's receive time (`SO_TIMESTAMPNS`), not the moment our thread got to read: a judge that
//! was late to look must not move the arrivals it judges. Elsewhere than on Linux it is the time of reading.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::clock::Clock;

/// What a request handler knows of its connection.
#[derive(Debug, Default)]
pub(crate) struct Line {
    arrived_at: AtomicU64,
    reset: AtomicBool,
}

impl Line {
    /// When the last byte read so far arrived, in simulator time. Once a body is read: when the request was complete.
    pub(crate) fn arrived_at(&self) -> u64 {
        self.arrived_at.load(Ordering::Relaxed)
    }

    /// Makes the connection end with a TCP reset. Return the result from the handler.
    pub(crate) fn cut(&self) -> Cut {
        self.reset.store(true, Ordering::Relaxed);
        Cut
    }
}

/// No answer: hyper drops the connection when a handler returns this.
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is cut on purpose")
    }
}

impl std::error::Error for Cut {}

/// Asks the kernel for receive times. On the listening socket: connections inherit it, and what arrives before a
/// connection is accepted has its time too.
#[cfg(target_os = "linux")]
pub(super) fn ask_for_arrival_times(socket: &tokio::net::TcpSocket) -> io::Result<()> {
    nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::ReceiveTimestampns, &true)?;
    Ok(())
}

pub(super) struct Wire {
    stream: TcpStream,
    clock: Clock,
    line: Arc<Line>,
    #[cfg(target_os = "linux")]
    control: Vec<u8>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, clock: Clock) -> io::Result<(Self, Arc<Line>)> {
        stream.set_nodelay(true)?;
        let line = Arc::new(Line::default());
        let wire = Self {
            stream,
            clock,
            line: Arc::clone(&line),
            #[cfg(target_os = "linux")]
            control: nix::cmsg_space!(nix::sys::time::TimeSpec),
        };
        Ok((wire, line))
    }

    fn arrived(&self, at: u64) {
        self.line.arrived_at.store(at, Ordering::Relaxed);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.line.reset.load(Ordering::Relaxed)
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::warn!(%error, "a connection was closed instead of reset");
        }
    }
}

#[cfg(target_os = "linux")]
impl Wire {
    fn receive(&mut self, into: &mut ReadBuf<'_>) -> io::Result<()> {
        use std::os::fd::AsRawFd as _;

        let descriptor = self.stream.as_raw_fd();
        let control = &mut self.control;
        let mut received = None;
        let tried = self.stream.try_io(tokio::io::Interest::READABLE, || {
            let unfilled = into.initialize_unfilled();
            let (wanted, (read, stamp)) = (unfilled.len(), stamped(descriptor, unfilled, control)?);
            received = Some((read, stamp));
            // A short read emptied the socket: saying so here saves the call that would find it empty.
            if 0 < read && read < wanted { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        let Some((read, stamp)) = received else {
            return tried;
        };
        into.advance(read);
        // The end of the stream is not an arrival.
        if read > 0 {
            self.arrived(stamp.map_or_else(|| self.clock.now(), |stamp| self.clock.at_wall(stamp)));
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn stamped(
    descriptor: std::os::fd::RawFd,
    into: &mut [u8],
    control: &mut [u8],
) -> io::Result<(usize, Option<std::time::Duration>)> {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

    let mut parts = [io::IoSliceMut::new(into)];
    let message = recvmsg::<()>(descriptor, &mut parts, Some(control), MsgFlags::empty())?;
    let stamp = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp.into()),
        _ => None,
    });
    Ok((message.bytes, stamp))
}

#[cfg(target_os = "linux")]
impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        loop {
            std::task::ready!(wire.stream.poll_read_ready(cx))?;
            match wire.receive(into) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        std::task::ready!(Pin::new(&mut wire.stream).poll_read(cx, into))?;
        wire.arrived(wire.clock.now());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
