//! Configuration that is wrong, and keys that do not fit.

use crate::home::Home;

#[test]
fn all_mistakes_are_told_at_once_and_flags_win() {
    let home = Home::new().with("POSTROAD_WORKERS", "many").with("QUIET_HOURS_DEFAULT", "late");
    let (code, said) = home.fails(&["serve", "--listen", "7800"]);
    assert_eq!(code, 2);
    assert_eq!(
        said,
        "error: POSTROAD_LISTEN (--listen) is \"7800\"; expected an address like 127.0.0.1:7800\n\
         POSTROAD_WORKERS is \"many\"; expected 1 to 512\n\
         QUIET_HOURS_DEFAULT is \"late\"; expected quiet hours like 21:00-08:00"
    );
    let (_, said) = home.fails(&["serve", "--workers", "0"]);
    assert!(said.starts_with("error: POSTROAD_WORKERS (--workers) is \"0\""), "{said}");
}

#[test]
fn every_value_says_where_it_came_from() {
    let home = Home::new().with("POSTROAD_WORKERS", "3").with("POSTROAD_REDIS_URL", "redis://:hush@127.0.0.1:6379");
    home.write("postroad.toml", "workers = 5\nlisten = \"127.0.0.1:9000\"\n");
    let shown = home.run(&["config", "show", "--origin"]);
    let row = |name: &str| -> Vec<String> {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().skip(1).map(str::to_owned).collect()
    };
    assert_eq!(row("POSTROAD_WORKERS"), ["3", "environment"]);
    assert_eq!(row("POSTROAD_LISTEN"), ["127.0.0.1:9000", "postroad.toml"]);
    assert_eq!(row("POSTROAD_SHUTDOWN_GRACE_S"), ["30", "default"]);
    assert_eq!(row("POSTROAD_DATA_DIR")[1], "--data-dir");
    assert_eq!(row("POSTROAD_REDIS_URL"), ["********", "environment"]);
    assert!(!shown.contains("hush"));
}

#[test]
fn keys_that_did_not_seal_what_is_stored_are_refused() {
    let home = Home::new();
    home.run(&["tenants", "create", "acme"]);
    let key = home.data_dir().join("master.key");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions()) & 0o777, 0o600);
    std::fs::remove_file(&key).unwrap();
    let (code, said) = home.fails(&["tenants", "list"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("the master keys do not open what is stored"), "{said}");
}

#[test]
fn the_environment_makes_the_first_account_once() {
    let home = Home::new()
        .with("WHATSAPP_TOKEN", "token")
        .with("WHATSAPP_PHONE_NUMBER_ID", "100000000000001")
        .with("META_APP_SECRET", "app")
        .with("META_VERIFY_TOKEN", "word")
        .with("WHATSAPP_BUSINESS_ACCOUNT_ID", "200000000000001");
    home.run(&["migrate"]);
    home.run(&["migrate"]);
    let accounts = home.run(&["accounts", "list", "--tenant", "default", "--json"]);
    assert_eq!(accounts.lines().count(), 1, "{accounts}");
    assert!(accounts.contains("\"external_id\":\"100000000000001\"") && !accounts.contains("token"), "{accounts}");
}
