//! The private `redis-server` of tests and the demo.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use postroad_embedded::redis_server::{Persistence, RedisError, RedisServer};

/// Sends commands, ends the connection and returns all answers.
fn ask(server: &RedisServer, commands: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    write!(stream, "{commands}\r\nQUIT\r\n").unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    answers
}

#[test]
fn a_server_answers_at_its_address_until_it_is_dropped() {
    let server = RedisServer::start(None).unwrap();
    assert_eq!(server.url(), format!("redis://127.0.0.1:{}/", server.port()));
    assert!(ask(&server, "SET seven 7\r\nGET seven").contains("$1\r\n7\r\n"));
    let port = server.port();
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_restart_keeps_the_address_and_only_what_was_appended_to_a_file() {
    for (persistence, left) in [(Persistence::None, "$-1\r\n"), (Persistence::AppendOnly, "$1\r\n7\r\n")] {
        let mut server = RedisServer::start_with(None, persistence).unwrap();
        let (url, pid) = (server.url(), server.pid());
        assert!(ask(&server, "SET seven 7").starts_with("+OK"));
        server.restart().unwrap();
        assert_ne!(server.pid(), pid);
        assert_eq!(server.url(), url);
        assert!(ask(&server, "GET seven").starts_with(left), "{persistence:?}");
    }
}

#[test]
fn a_killed_server_can_be_restarted() {
    let mut server = RedisServer::start(None).unwrap();
    server.kill().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", server.port())).is_err());
    server.restart().unwrap();
    assert!(ask(&server, "PING").starts_with("+PONG"));
}

#[test]
fn a_missing_program_is_told_with_what_to_install() {
    let error = RedisServer::start(Some(Path::new("/nowhere/redis-server"))).unwrap_err();
    assert!(matches!(error, RedisError::NotRun { .. }), "{error}");
    assert!(error.to_string().contains("apt install redis-server"), "{error}");
}
