//! Which port on 127.0.0.1.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use crate::error::failed_to;
use crate::home::Home;
use crate::{EmbeddedError, files};

/// The named one, or that of the last start while it is free, or any that is free. Free now: somebody may take it
/// before the server does.
pub(crate) fn choose(home: &Home, named: Option<u16>) -> Result<u16, EmbeddedError> {
    if let Some(port) = named {
        return if is_free(port) { Ok(port) } else { Err(EmbeddedError::PortTaken { port }) };
    }
    let last = files::read(&home.port())?.and_then(|text| text.trim().parse().ok());
    match last.filter(|port| *port != 0 && is_free(*port)) {
        Some(port) => Ok(port),
        None => any_free().map_err(failed_to("bind a port on", "127.0.0.1".as_ref())),
    }
}

pub(crate) fn remember(home: &Home, port: u16) -> Result<(), EmbeddedError> {
    files::place(&home.port(), &format!("{port}\n"), 0o644, None)
}

pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

pub(crate) fn any_free() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
