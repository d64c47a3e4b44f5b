//! What `postmaster.pid` says, and whether it is still true.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::files;
use crate::{EmbeddedError, SUPERUSER};

const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The field of an error that holds the code of this condition.
const CANNOT_CONNECT_NOW: &[u8] = b"C57P03\0";

const ANSWER_BYTES_MAX: u64 = 4096;

/// A server, alive or not. Two with the same id and start time are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Postmaster {
    pub(crate) pid: i32,
    /// Seconds since 1970. Tells a server from a later one that was given the same process id.
    started_at: u64,
    /// Zero until the server listens.
    pub(crate) port: u16,
    pub(crate) socket_dir: PathBuf,
}

impl Postmaster {
    pub(crate) fn file(data: &Path) -> PathBuf {
        data.join("postmaster.pid")
    }

    /// `None` without a file. A file cut off by a full disk names no process, so nobody who is alive.
    pub(crate) fn read(data: &Path) -> Result<Option<Self>, EmbeddedError> {
        Ok(files::read(&Self::file(data))?.map(|text| Self::parse(&text)))
    }

    /// Lines, from `miscadmin.h`: process id, data folder, start time, port, socket folder, address, shared memory,
    /// status. They are appended one by one while the server starts.
    fn parse(text: &str) -> Self {
        let line = |number: usize| text.lines().nth(number - 1).unwrap_or_default().trim();
        Self {
            // Negative while a single-user server runs.
            pid: line(1).parse().map_or(0, i32::wrapping_abs),
            started_at: line(3).parse().unwrap_or_default(),
            port: line(4).parse().unwrap_or_default(),
            socket_dir: line(5).into(),
        }
    }

    /// Whether that process exists and is a server of this data, not a zombie or a stranger with the same id.
    pub(crate) fn is_alive(&self, data: &Path) -> bool {
        // To the system, zero and below mean groups of processes.
        if self.pid <= 0 || self.id_is_free() {
            return false;
        }
        let process = PathBuf::from(format!("/proc/{}", self.pid));
        if !Path::new("/proc/self/stat").exists() {
            return true;
        }
        !is_zombie(&process) && is_server_of(&process, data)
    }

    /// Whether the system has no process of that id at all.
    pub(crate) fn id_is_free(&self) -> bool {
        kill(Pid::from_raw(self.pid), None) == Err(Errno::ESRCH)
    }

    /// Asks like `pg_isready`.
    pub(crate) fn accepts_connections(&self) -> bool {
        self.port != 0 && probe(self.port).unwrap_or(false)
    }
}

/// A startup packet is answered by a request for the password (`R`), or by an error (`E`): "cannot connect now" while
/// the server starts or stops; any other, such as too many clients, comes from a server that is open.
fn probe(port: u16) -> io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), PROBE_TIMEOUT)?;
    stream.set_read_timeout(Some(PROBE_TIMEOUT))?;
    stream.write_all(&startup_packet())?;
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let [kind, length @ ..] = head;
    // To the end: leaving while bytes are unread looks to the server like a broken connection, which it logs.
    let mut body = Vec::new();
    stream.take(ANSWER_BYTES_MAX.min(u32::from_be_bytes(length).saturating_sub(4).into())).read_to_end(&mut body)?;
    match kind {
        b'R' => Ok(true),
        b'E' => Ok(!body.windows(CANNOT_CONNECT_NOW.len()).any(|field| field == CANNOT_CONNECT_NOW)),
        _ => Ok(false),
    }
}

/// Length, protocol 3.0, then names and values, each closed by a zero.
fn startup_packet() -> Vec<u8> {
    let parameters = format!("user\0{SUPERUSER}\0database\0postgres\0\0");
    let length = u32::try_from(8 + parameters.len()).expect("a startup packet is short");
    [&length.to_be_bytes()[..], &0x0003_0000_u32.to_be_bytes(), parameters.as_bytes()].concat()
}

/// `/proc/PID/stat` is `pid (name) state ...`, and the name may hold brackets.
fn is_zombie(process: &Path) -> bool {
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// A postmaster works in its data folder. Root in a container may not see that (it lacks `CAP_SYS_PTRACE`), but
/// everybody sees the command line, in which `pg_ctl` names the folder.
fn is_server_of(process: &Path, data: &Path) -> bool {
    match fs::read_link(process.join("cwd")) {
        Ok(dir) => dir == data,
        Err(_) => fs::read(process.join("cmdline"))
            .unwrap_or_default()
            .split(|byte| *byte == 0)
            .any(|argument| argument == data.as_os_str().as_encoded_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "4711\n/srv/data\n1767225600\n55999\n/srv/socket\n127.0.0.1\n  5242 11\nready   \n";

    #[test]
    fn a_whole_file_names_process_port_and_socket() {
        let expected =
            Postmaster { pid: 4711, started_at: 1_767_225_600, port: 55999, socket_dir: "/srv/socket".into() };
        assert_eq!(Postmaster::parse(FILE), expected);
    }

    #[test]
    fn a_file_cut_off_anywhere_is_a_server_that_does_not_accept_connections_yet() {
        for end in 0..FILE.find("55999").unwrap() {
            assert!(!Postmaster::parse(&FILE[..end]).accepts_connections(), "{:?}", &FILE[..end]);
        }
    }

    #[test]
    fn nobody_is_alive_behind_an_empty_file() {
        assert!(!Postmaster::parse("").is_alive(Path::new("/")));
    }

    #[test]
    fn a_stranger_with_the_process_id_of_a_dead_server_is_not_that_server() {
        let ours = Postmaster { pid: std::process::id().cast_signed(), ..Postmaster::parse(FILE) };
        assert!(!ours.is_alive(Path::new("/srv/data")));
    }
}
