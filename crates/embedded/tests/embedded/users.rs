//! Root and others. Root tests both; anybody else tests only themselves in `start_and_stop`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Command;

use crate::ground::{Ground, Hold, ask, hold_program, is_running, status_of};
use nix::unistd::{User, geteuid};
use postroad_embedded::{Embedded, EmbeddedError, Options};

fn nobody() -> User {
    User::from_name("nobody").unwrap().unwrap()
}

/// A ground whose data folder belongs to nobody.
fn ground_of_nobody() -> Ground {
    let ground = Ground::new();
    fs::create_dir(ground.data_dir()).unwrap();
    chown(ground.data_dir(), Some(nobody().uid.as_raw()), Some(nobody().gid.as_raw())).unwrap();
    ground
}

#[test]
fn an_ordinary_user_runs_the_server_as_themselves() {
    if !geteuid().is_root() {
        return;
    }
    let ground = ground_of_nobody();
    let mut hold = Hold::spawn_as(&nobody(), &ground.data_dir());
    let server = hold.wait_until_up();
    assert_eq!(server.how, "started");
    assert_eq!(status_of(server.pid.cast_unsigned(), "Uid")[0], nobody().uid.to_string());
    assert_eq!(ask(&server.url, "show fsync"), "on");
    hold.finish();
    assert!(!is_running(server.pid));
}

#[test]
fn root_runs_data_of_an_ordinary_user_as_that_user() {
    if !geteuid().is_root() {
        return;
    }
    let ground = ground_of_nobody();
    let mut hold = Hold::spawn_as(&nobody(), &ground.data_dir());
    hold.wait_until_up();
    hold.finish();

    let embedded = Embedded::start(&ground.options()).unwrap();
    assert_eq!(status_of(embedded.pid(), "Uid")[0], nobody().uid.to_string());
    embedded.stop().unwrap();

    let mut again = Hold::spawn_as(&nobody(), &ground.data_dir());
    assert_eq!(again.wait_until_up().how, "started", "root left the folder usable for its owner");
    again.finish();
}

#[test]
fn a_folder_the_servers_user_cannot_enter_is_replaced_by_one_it_can() {
    if !geteuid().is_root() {
        return;
    }
    let ground = Ground::new();
    let private = ground.path().join("private");
    fs::create_dir(&private).unwrap();
    fs::set_permissions(&private, Permissions::from_mode(0o700)).unwrap();
    let options = Options { data_dir: private.join("data"), ..ground.options() };

    let first = Embedded::start(&options).unwrap();
    let data = first.data_path();
    assert!(data.starts_with(ground.path().join("fallback")), "{}", data.display());
    ask(&first.url("postgres"), "create table kept (id int)");
    first.stop().unwrap();

    let second = Embedded::start(&options).unwrap();
    assert_eq!(second.data_path(), data);
    assert_eq!(ask(&second.url("postgres"), "select count(*) from kept"), "0");
    second.stop().unwrap();

    fs::remove_dir_all(ground.path().join("fallback")).unwrap();
    let error = Embedded::start(&options).unwrap_err();
    assert!(matches!(error, EmbeddedError::HomeLost { .. }), "{error}");
}

#[test]
fn only_what_we_made_changes_its_owner() {
    if !geteuid().is_root() {
        return;
    }
    let ground = Ground::new();
    fs::create_dir(ground.data_dir()).unwrap();
    fs::write(ground.data_dir().join("other"), "").unwrap();
    let embedded = Embedded::start(&ground.options()).unwrap();
    let owner = |path| fs::metadata(path).unwrap().uid();
    assert_eq!(owner(ground.data_dir().join("other")), 0);
    assert_eq!(owner(ground.data_dir()), 0);
    assert_eq!(owner(ground.home()), 0);
    assert_ne!(owner(embedded.data_path()), 0);
}

#[test]
fn a_folder_that_may_not_be_written_is_told() {
    if !geteuid().is_root() {
        return;
    }
    let ground = Ground::new();
    let output = hold_as_nobody(&ground);
    assert!(output.contains("cannot be written") || output.contains("NotWritable"), "{output}");
    assert!(!ground.data_dir().exists());
}

#[test]
fn data_of_another_user_are_told() {
    if !geteuid().is_root() {
        return;
    }
    let ground = ground_of_nobody();
    let mut hold = Hold::spawn_as(&nobody(), &ground.data_dir());
    hold.wait_until_up();
    hold.finish();
    chown(ground.home().join("data"), Some(0), Some(0)).unwrap();
    let error = Embedded::start(&ground.options()).unwrap_err();
    assert!(matches!(error, EmbeddedError::OwnedByAnother { .. }), "{error}");
    let output = hold_as_nobody(&ground);
    assert!(output.contains("OwnedByAnother"), "{output}");
}

fn hold_as_nobody(ground: &Ground) -> String {
    let ids = [format!("--reuid={}", nobody().uid), format!("--regid={}", nobody().gid), "--clear-groups".to_owned()];
    let output = Command::new("setpriv").args(ids).arg(hold_program()).arg(ground.data_dir()).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}
