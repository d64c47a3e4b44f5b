//! Processes that stay: up, down, killed, and with what they share.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::home::{Home, get, is_running, status, until};

const ANY_PORT: [&str; 3] = ["all", "--listen", "127.0.0.1:0"];

#[test]
fn all_of_it_becomes_healthy_and_ends_in_order_when_asked() {
    let home = Home::new();
    let mut all = home.start(&ANY_PORT);
    let address = all.wait_until_healthy();
    let (_, health) = get(address, "/health").unwrap();
    assert!(health.contains(r#""role":"all""#), "{health}");
    let (_, metrics) = get(address, "/metrics").unwrap();
    for name in ["postroad_build_info", "postroad_clock_skew_seconds", "postroad_worker_slots"] {
        assert!(metrics.contains(name), "{name}");
    }
    let server = home.postmaster().unwrap();

    let (code, log) = all.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!is_running(server), "who started the server stops it");
    let order: Vec<&str> = log.lines().filter(|line| line.contains(r#""message":"stopping""#)).collect();
    let roles: Vec<bool> =
        ["api", "worker", "scheduler"].iter().zip(&order).map(|(role, line)| line.contains(role)).collect();
    assert_eq!(roles, [true; 3], "{order:?}");
}

#[test]
fn what_a_killed_process_left_behind_is_found_again() {
    let home = Home::new();
    let mut first = home.start(&ANY_PORT);
    first.wait_until_healthy();
    let server = home.postmaster().unwrap();
    first.kill();
    assert!(is_running(server), "the database outlives its process");

    let mut second = home.start(&ANY_PORT);
    second.wait_until_healthy();
    assert_eq!(home.postmaster(), Some(server), "the orphan is attached to");
    let (code, log) = second.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(is_running(server), "who only found the server does not stop it");

    let mut third = home.start(&ANY_PORT);
    third.wait_until_healthy();
    third.kill();
    kill(Pid::from_raw(server), Signal::SIGKILL).unwrap();
    until("the server is gone", || !is_running(server));
    let mut fourth = home.start(&ANY_PORT);
    fourth.wait_until_healthy();
    assert_ne!(home.postmaster(), Some(server), "a killed database recovers in a new server");
    assert_eq!(fourth.stop().0, Some(0));
}

#[test]
fn roles_apart_share_one_installation_and_only_the_api_serves_it() {
    let home = Home::new();
    let mut serve = home.start(&["serve", "--listen", "127.0.0.1:0"]);
    let api = serve.wait_until_healthy();
    let mut work = home.start(&["work", "--listen", "127.0.0.1:0"]);
    let worker = work.wait_until_healthy();
    let schedule = home.start(&["schedule"]);
    assert_eq!(status(api, "/v1/messages"), Some(401));
    assert_eq!(status(worker, "/v1/messages"), Some(404));
    assert_eq!(status(worker, "/metrics"), Some(200));
    until("somebody leads and somebody works", || {
        let checks = home.run(&["doctor", "--json"]);
        ["workers.alive", "scheduler.leads"].iter().all(|id| verdict(&checks, id) == "ok")
    });
    for (process, name) in [(schedule, "schedule"), (work, "work"), (serve, "serve")] {
        let (code, log) = process.stop();
        assert_eq!(code, Some(0), "{name}: {log}");
    }
}

fn verdict(checks: &str, id: &str) -> String {
    let checks = checks.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let found = checks.into_iter().find(|check| check["id"] == id);
    found.unwrap_or_else(|| panic!("no check {id}"))["verdict"].as_str().unwrap().to_owned()
}

#[test]
fn a_second_signal_ends_at_once_and_the_next_start_goes_on() {
    let home = Home::new();
    let mut all = home.start(&ANY_PORT);
    all.wait_until_healthy();
    all.signal(Signal::SIGINT);
    all.signal(Signal::SIGINT);
    let code = all.wait().code();
    assert!(matches!(code, Some(130 | 0)), "{code:?}: it was quicker than the second signal, or ended by it");
    let mut again = home.start(&ANY_PORT);
    again.wait_until_healthy();
    assert_eq!(again.stop().0, Some(0));
}

#[test]
fn a_taken_port_is_told_and_the_database_is_left_in_order() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = home.fails(&["all", "--listen", &address]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&format!("cannot listen on {address}")), "{said}");
    assert!(home.postmaster().is_none_or(|pid| !is_running(pid)));
}
