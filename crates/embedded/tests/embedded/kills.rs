//! What is left after `kill -9`, of us, of the server and of `initdb`.

use std::fs;

use crate::ground::{Ground, Hold, ask, children_of, is_running, kill_now, until};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use postroad_embedded::Embedded;

#[test]
fn the_orphan_of_a_killed_process_is_attached_to_and_not_stopped() {
    let ground = Ground::new();
    let mut hold = Hold::spawn(&ground.data_dir());
    let orphan = hold.wait_until_up();
    hold.kill();
    assert!(is_running(orphan.pid));

    let embedded = Embedded::start(&ground.options()).unwrap();
    assert!(!embedded.started_by_us());
    assert_eq!(embedded.pid().cast_signed(), orphan.pid);
    embedded.stop().unwrap();
    assert_eq!(ask(&orphan.url, "select 1"), "1");

    Embedded::start(&ground.options()).unwrap().halt().unwrap();
    assert!(!is_running(orphan.pid));
}

#[test]
fn a_killed_server_recovers_with_everything_that_was_committed() {
    let ground = Ground::new();
    let killed = Embedded::start(&ground.options()).unwrap();
    ask(&killed.url("postgres"), "create table kept as select generate_series(1, 1000)");
    kill_now(killed.pid().cast_signed());

    let recovered = Embedded::start(&ground.options()).unwrap();
    assert!(recovered.started_by_us());
    assert_eq!(ask(&recovered.url("postgres"), "select count(*) from kept"), "1000");
    drop(killed);
    assert_eq!(ask(&recovered.url("postgres"), "select 1"), "1", "who started the first did not start this one");
}

#[test]
fn a_start_waits_for_children_that_a_killed_server_left_behind() {
    let ground = Ground::new();
    let killed = Embedded::start(&ground.options()).unwrap();
    let server = killed.pid().cast_signed();
    let children = children_of(server);
    // Stopped ones do not see that their server is gone, and keep its memory.
    send(&children, Signal::SIGSTOP);
    kill_now(server);
    let options = ground.options();
    let start = std::thread::spawn(move || Embedded::start(&options));
    let start_log = ground.home().join("log/start.log");
    until("the server refuses to start beside the children", || {
        fs::read_to_string(&start_log).is_ok_and(|log| log.contains("pre-existing shared memory block"))
    });
    send(&children, Signal::SIGCONT);
    let recovered = start.join().unwrap().unwrap();
    assert_eq!(ask(&recovered.url("postgres"), "select 1"), "1");
}

/// Some children, like those that tidy up, end by themselves meanwhile.
fn send(processes: &[i32], signal: Signal) {
    for pid in processes {
        let sent = kill(Pid::from_raw(*pid), signal);
        assert!(matches!(sent, Ok(()) | Err(Errno::ESRCH)), "{sent:?}");
    }
}

#[test]
fn the_process_id_of_a_dead_server_given_to_a_stranger_does_not_block_a_start() {
    let ground = Ground::new();
    let embedded = Embedded::start(&ground.options()).unwrap();
    let file = ground.home().join("data/postmaster.pid");
    let text = fs::read_to_string(&file).unwrap();
    let socket_lock = ground.home().join(format!("socket/.s.PGSQL.{}.lock", embedded.port()));
    let stale = text.replacen(&embedded.pid().to_string(), &std::process::id().to_string(), 1);
    embedded.stop().unwrap();
    fs::write(&file, &stale).unwrap();
    fs::write(&socket_lock, &stale).unwrap();
    assert!(Embedded::start(&ground.options()).unwrap().started_by_us());
}

#[test]
fn two_first_starts_at_once_make_one_server() {
    let ground = Ground::new();
    let mut holds: Vec<Hold> = (0..3).map(|_| Hold::spawn(&ground.data_dir())).collect();
    let held: Vec<_> = holds.iter_mut().map(Hold::wait_until_up).collect();
    assert_eq!(held.iter().filter(|held| held.how == "started").count(), 1);
    assert!(held.iter().all(|each| each.pid == held[0].pid && each.url == held[0].url));
}

#[test]
fn an_initdb_killed_in_the_middle_is_done_again() {
    let ground = Ground::new();
    let mut hold = Hold::spawn(&ground.data_dir());
    let initdb = wait_for_half_a_database(&ground, &hold);
    kill_now(initdb);
    hold.kill();
    assert!(ground.home().join("data.draft").exists());
    assert!(!ground.home().join("data").exists());

    let embedded = Embedded::start(&ground.options()).unwrap();
    assert_eq!(ask(&embedded.url("postgres"), "show data_checksums"), "on");
    assert!(!ground.home().join("data.draft").exists());
}

#[test]
fn an_initdb_that_outlives_its_killed_parent_is_waited_for() {
    let ground = Ground::new();
    let mut hold = Hold::spawn(&ground.data_dir());
    let initdb = wait_for_half_a_database(&ground, &hold);
    hold.kill();
    let embedded = Embedded::start(&ground.options()).unwrap();
    assert!(embedded.started_by_us());
    assert!(!is_running(initdb));
}

fn wait_for_half_a_database(ground: &Ground, hold: &Hold) -> i32 {
    let control = ground.home().join("data.draft/global/pg_control");
    until("initdb is half done", || control.exists());
    *children_of(hold.pid()).first().expect("initdb is a child while it runs")
}
