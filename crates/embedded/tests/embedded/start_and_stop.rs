//! One process and its private database.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use crate::ground::{Ground, ask, is_running, status_of};
use nix::unistd::{Pid, geteuid, getsid};
use postroad_embedded::{Embedded, EmbeddedError, Options};

#[test]
fn a_new_database_is_durable_checked_and_wants_a_password() {
    let ground = Ground::new();
    let embedded = Embedded::start(&ground.options()).unwrap();
    let url = embedded.url("postgres");
    let expected = [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("wal_compression", "pglz"),
        ("max_wal_size", "2GB"),
        ("server_encoding", "UTF8"),
        ("lc_collate", "C"),
        ("max_connections", "200"),
        ("jit", "off"),
        ("cluster_name", "postroad"),
        ("listen_addresses", "127.0.0.1"),
    ];
    for (name, value) in expected {
        assert_eq!(ask(&url, &format!("show {name}")), value, "{name}");
    }
    assert_eq!(ask(&url, "select lower('ÉMILE')"), "émile");

    let guessed = url.replacen(url.split([':', '@']).nth(2).unwrap(), "guess", 1);
    let refused = Command::new("psql").args(["-c", "select 1", &guessed]).output().unwrap();
    assert!(!refused.status.success());
    let mode = fs::metadata(ground.home().join("password")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn the_server_runs_unprivileged_in_a_session_of_its_own_and_without_our_environment() {
    let ground = Ground::new();
    let embedded = Embedded::start(&ground.options()).unwrap();
    let pid = embedded.pid();
    assert!(status_of(pid, "Uid").iter().all(|uid| uid != "0"));
    if geteuid().is_root() {
        assert_eq!(status_of(pid, "Groups"), [""; 0]);
        let read = format!("select encode(pg_read_binary_file('/proc/{pid}/environ'), 'escape')");
        let environment = ask(&embedded.url("postgres"), &read);
        assert!(environment.contains("LC_ALL=C"), "{environment:?}");
        assert!(!environment.contains("CARGO"), "{environment:?}");
        assert!(fs::metadata(ground.data_dir()).unwrap().uid() == 0, "the folder around is left as it is");
    }
    let server = Pid::from_raw(pid.cast_signed());
    assert_ne!(getsid(Some(server)).unwrap(), getsid(None).unwrap(), "Ctrl-C of our terminal would reach it");
}

#[test]
fn a_stopped_database_starts_again_with_its_data_password_and_port() {
    let ground = Ground::new();
    let first = Embedded::start(&ground.options()).unwrap();
    let url = first.url("postgres");
    ask(&url, "create table kept as select 7 as seven");
    let pid = first.pid().cast_signed();
    first.stop().unwrap();
    assert!(!is_running(pid));

    let second = Embedded::start(&ground.options()).unwrap();
    assert!(second.started_by_us());
    assert_eq!(second.url("postgres"), url);
    assert_eq!(ask(&url, "select seven from kept"), "7");
    let log = fs::read_to_string(newest_log(&ground)).unwrap();
    assert!(log.contains("database system was shut down at"), "{log}");
}

fn newest_log(ground: &Ground) -> std::path::PathBuf {
    let logs = fs::read_dir(ground.home().join("log")).unwrap().map(|entry| entry.unwrap().path());
    logs.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("postgres-")).max().unwrap()
}

#[test]
fn dropping_stops_the_server_that_we_started() {
    let ground = Ground::new();
    let embedded = Embedded::start(&ground.options()).unwrap();
    let pid = embedded.pid().cast_signed();
    assert!(is_running(pid));
    drop(embedded);
    assert!(!is_running(pid));
}

#[test]
fn a_second_start_attaches_and_leaves_the_server_running() {
    let ground = Ground::new();
    let first = Embedded::start(&ground.options()).unwrap();
    let second = Embedded::start(&ground.options()).unwrap();
    assert!(first.started_by_us() && !second.started_by_us());
    assert_eq!(second.pid(), first.pid());
    assert_eq!(second.url("postgres"), first.url("postgres"));
    drop(second);
    Embedded::start(&ground.options()).unwrap().stop().unwrap();
    assert_eq!(ask(&first.url("postgres"), "select 1"), "1");
}

#[test]
fn a_server_with_no_connection_left_is_attached_to_all_the_same() {
    let ground = Ground::new();
    let names = ["max_connections", "superuser_reserved_connections", "max_wal_senders"];
    let few = names.map(|name| (name.to_owned(), if name == names[0] { "2" } else { "0" }.to_owned()));
    let options = Options { extra_settings: few.to_vec(), ..ground.options() };
    let embedded = Embedded::start(&options).unwrap();
    let _taken = [(); 2].map(|()| connect_without_a_password(embedded.port()));
    let refused = Command::new("psql").arg(embedded.url("postgres")).output().unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("too many clients"), "{told}");
    assert!(!Embedded::start(&options).unwrap().started_by_us());
}

/// The server keeps the connection for a minute, waiting for the password.
fn connect_without_a_password(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"\0\0\0\x17\0\x03\0\0user\0postgres\0\0").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    stream
}

#[test]
fn the_socket_answers_under_a_path_too_long_for_sockets() {
    let ground = Ground::new();
    let options = Options::new(ground.path().join("d".repeat(120)));
    let embedded = Embedded::start(&options).unwrap();
    let socket_dir = embedded.socket_dir().to_owned();
    assert!(!socket_dir.starts_with(ground.path()), "{}", socket_dir.display());
    let url = format!("{}?host={}", embedded.url("postgres"), socket_dir.display());
    assert_eq!(ask(&url, "select inet_client_addr() is null"), "t");
    drop(embedded);
    fs::remove_dir_all(socket_dir).unwrap();
}

#[test]
fn a_port_that_somebody_took_is_replaced_unless_it_was_named() {
    let ground = Ground::new();
    let port = Embedded::start(&ground.options()).unwrap().port();
    let _taken = TcpListener::bind(("127.0.0.1", port)).unwrap();

    let named = Embedded::start(&Options { port: Some(port), ..ground.options() });
    assert!(matches!(named, Err(EmbeddedError::PortTaken { port: told }) if told == port));
    let moved = Embedded::start(&ground.options()).unwrap();
    assert_ne!(moved.port(), port);
    assert_eq!(ask(&moved.url("postgres"), "select 1"), "1");
}

#[test]
fn extra_settings_win_and_a_wrong_one_is_told_from_the_log() {
    let ground = Ground::new();
    let setting = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let more = Options { extra_settings: setting("max_connections", "25"), ..ground.options() };
    let embedded = Embedded::start(&more).unwrap();
    assert_eq!(ask(&embedded.url("postgres"), "show max_connections"), "25");
    drop(embedded);

    let wrong = Options { extra_settings: setting("max_connections", "many"), ..ground.options() };
    let error = Embedded::start(&wrong).unwrap_err();
    assert!(matches!(error, EmbeddedError::StartFailed { .. }), "{error}");
    assert!(error.to_string().contains("max_connections"), "{error}");
}

#[test]
fn data_of_another_version_are_not_touched() {
    let ground = Ground::new();
    Embedded::start(&ground.options()).unwrap().stop().unwrap();
    fs::write(ground.home().join("data/PG_VERSION"), "9\n").unwrap();
    let error = Embedded::start(&ground.options()).unwrap_err();
    assert!(matches!(error, EmbeddedError::WrongVersion { wanted: 9, .. }), "{error}");
    assert!(error.to_string().contains("pg_upgrade"), "{error}");
}

#[test]
fn a_lost_password_is_told_before_a_server_starts() {
    let ground = Ground::new();
    Embedded::start(&ground.options()).unwrap().stop().unwrap();
    fs::remove_file(ground.home().join("password")).unwrap();
    let error = Embedded::start(&ground.options()).unwrap_err();
    assert!(matches!(error, EmbeddedError::PasswordLost { .. }), "{error}");
    assert!(!ground.home().join("data/postmaster.pid").exists());
}

#[test]
fn no_server_binary_is_told_with_what_to_install() {
    let ground = Ground::new();
    let empty = ground.path().join("bin");
    fs::create_dir(&empty).unwrap();
    let error = Embedded::start(&Options { bin_dir: Some(empty), ..ground.options() }).unwrap_err();
    assert!(matches!(error, EmbeddedError::NoServer { .. }), "{error}");
    assert!(error.to_string().contains("apt install postgresql"), "{error}");
}
