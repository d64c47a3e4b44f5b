use std::collections::HashMap;

use postroad_core::unknown::Graces;

use super::{reader::Origin, *};

const KEY: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SECRET: &str = "prs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

fn lookup(values: &[(&str, &str)]) -> impl Fn(&str) -> Option<Found> {
    let values: HashMap<String, String> =
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    move |name| values.get(name).map(|value| Found { value: value.clone(), origin: Origin::Environment })
}

fn read(values: &[(&str, &str)]) -> Config {
    Config::read(lookup(values)).map_err(|error| error.to_string()).unwrap().0
}

fn problems(values: &[(&str, &str)]) -> Vec<String> {
    Config::read(lookup(values)).err().map(|error| error.0).unwrap_or_default()
}

#[test]
fn without_any_value_there_is_a_private_installation_on_this_machine() {
    let config = read(&[]);
    assert!(matches!(config.database, Database::Private));
    assert_eq!(config.data_dir, PathBuf::from(".postroad"));
    assert_eq!(config.listen, "127.0.0.1:7800".parse().unwrap());
    assert_eq!(config.workers, 16);
    assert_eq!(config.shutdown_grace, Duration::from_secs(30));
    assert_eq!(config.graces, Graces::default());
    assert_eq!(config.quiet_hours, QuietHours::DEFAULT);
    assert_eq!(config.log, Log { format: None, filter: "info,sqlx=warn".to_owned() });
    assert!(config.base_urls.is_empty() && config.first_account.is_none() && !config.listen_was_given);
}

#[test]
fn every_mistake_is_told_at_once_with_what_was_expected() {
    let told = problems(&[
        ("POSTROAD_WORKERS", "many"),
        ("POSTROAD_LISTEN", "7800"),
        ("QUIET_HOURS_DEFAULT", "late"),
        ("POSTROAD_SHUTDOWN_GRACE_S", "601"),
    ]);
    assert_eq!(
        told,
        [
            "POSTROAD_LISTEN is \"7800\"; expected an address like 127.0.0.1:7800",
            "POSTROAD_WORKERS is \"many\"; expected 1 to 512",
            "POSTROAD_SHUTDOWN_GRACE_S is \"601\"; expected 0 to 600",
            "QUIET_HOURS_DEFAULT is \"late\"; expected quiet hours like 21:00-08:00",
        ]
    );
}

#[test]
fn the_edges_of_every_range_are_in_it_and_the_next_values_are_not() {
    let cases = [
        ("POSTROAD_WORKERS", ["1", "512"], ["0", "513"]),
        ("POSTROAD_SHUTDOWN_GRACE_S", ["0", "600"], ["-1", "601"]),
        ("POSTROAD_API_PROCESSES", ["1", "1000"], ["0", "1001"]),
        ("POSTROAD_TRUSTED_PROXIES", ["10.0.0.0/8, ::1", "192.0.2.7"], ["10.0.0.0/33", "proxy"]),
        ("POSTROAD_UNKNOWN_GRACE_S", ["1", "86400"], ["0", "86401"]),
        ("QUIET_HOURS_DEFAULT", ["00:00-00:00", "23:59-00:00"], ["24:00-08:00", "8:00-21:00"]),
        ("POSTROAD_LOG", ["json", "text"], ["JSON", "pretty"]),
        ("POSTROAD_PUBLIC_URL", ["http://localhost", "https://a.example/b/"], ["a.example", "ftp://a.example"]),
        ("POSTROAD_META_URL", ["http://127.0.0.1:1", "https://graph.facebook.com"], ["graph", "file:///x"]),
        ("POSTROAD_DATABASE_URL", ["postgres://a@h/d", "postgresql://a:b@h:1/d"], ["mysql://a@h/d", "h/d"]),
        ("POSTROAD_REDIS_URL", ["redis://h", "rediss://:p@h:1/0"], ["http://h", "h:6379"]),
        ("POSTROAD_LISTEN", ["[::1]:0", "0.0.0.0:65535"], ["0.0.0.0", "0.0.0.0:65536"]),
        ("RUST_LOG", ["debug", "info,postroad_api=trace"], ["a=b=c", "x=loud"]),
        ("POSTROAD_API_SECRET", [SECRET, SECRET], ["prs_short", "secret"]),
        ("POSTROAD_MASTER_KEYS", [KEY, KEY], ["k1:short", "key"]),
    ];
    for (name, good, bad) in cases {
        for value in good {
            assert_eq!(problems(&[(name, value)]), Vec::<String>::new(), "{name}={value}");
        }
        for value in bad {
            assert_eq!(problems(&[(name, value)]).len(), 1, "{name}={value}");
        }
    }
}

#[test]
fn no_secret_stands_in_a_mistake_or_in_what_is_shown() {
    let secrets: Vec<_> = SPECS.iter().filter(|spec| spec.secret).collect();
    for spec in &secrets {
        let told = problems(&[(spec.name, "hush-hush")]).join("\n");
        assert!(!told.contains("hush"), "{told}");
    }
    let values = [("POSTROAD_DATABASE_URL", "postgres://u:hush@h/d"), ("POSTROAD_API_SECRET", SECRET)];
    let (_, shown) = Config::read(lookup(&values)).unwrap();
    let all = format!("{shown:?}");
    assert!(!all.contains("hush") && !all.contains("AAECAw"), "{all}");
    assert_eq!(secrets.len(), 15);
}

#[test]
fn mail_needs_a_server_and_somebody_who_sends() {
    let (url, from) =
        (("POSTROAD_SMTP_URL", "smtps://ada:hush@mail.example"), ("POSTROAD_MAIL_FROM", "Ada <a@b.example>"));
    assert!(read(&[]).mail.is_none() && read(&[url, from]).mail.is_some());
    for one in [url, from] {
        assert!(problems(&[one])[0].contains("belong together"), "{}", one.0);
    }
    let mistakes = problems(&[("POSTROAD_SMTP_URL", "mail.example"), ("POSTROAD_MAIL_FROM", "nobody")]);
    assert!(
        mistakes[0].contains("smtp://user:password@") && mistakes[1].contains("an address of mail"),
        "{mistakes:?}"
    );
}

#[test]
fn a_provider_who_says_who_somebody_is_needs_an_id_and_its_secret() {
    let (id, secret) =
        (("POSTROAD_OAUTH_GITHUB_CLIENT_ID", "postroad"), ("POSTROAD_OAUTH_GITHUB_CLIENT_SECRET", "hush"));
    let found = read(&[id, secret]).identities;
    let names: Vec<&str> = found.keys().map(|provider| provider.as_str()).collect();
    assert_eq!((names, found.values().all(|one| one.base_url.is_none())), (vec!["github"], true));
    assert!(read(&[]).identities.is_empty());
    for one in [id, secret] {
        assert!(problems(&[one])[0].contains("belong together"), "{}", one.0);
    }
}

#[test]
fn one_database_address_is_privileged_and_the_roles_are_made_beside_it() {
    let cases = [
        ("postgres://admin:pw@db:5433", "postroad"),
        ("postgres://admin:pw@db:5433/", "postroad"),
        ("postgres://admin:pw@db:5433/postgres", "postroad"),
        ("postgres://admin:pw@db:5433/mine?sslmode=require", "mine"),
    ];
    for (admin, database) in cases {
        let Database::Privileged { urls, .. } = read(&[("POSTROAD_DATABASE_URL", admin)]).database else {
            panic!("{admin}");
        };
        let app = url::Url::parse(&urls.app).unwrap();
        assert_eq!((app.username(), app.path().trim_start_matches('/')), ("postroad_app", database), "{admin}");
        assert_eq!((app.host_str(), app.port()), (Some("db"), Some(5433)));
    }
}

#[test]
fn database_addresses_come_as_one_as_two_for_serving_or_as_three() {
    let [app, owner, system] = ["POSTROAD_DATABASE_URL", "POSTROAD_OWNER_URL", "POSTROAD_SYSTEM_URL"];
    let url = "postgres://role:pw@db/postroad";
    let cases = [
        (vec![app], true),
        (vec![app, system], true),
        (vec![app, owner, system], true),
        (vec![owner], false),
        (vec![system], false),
        (vec![app, owner], false),
        (vec![owner, system], false),
    ];
    for (given, fits) in cases {
        let values: Vec<_> = given.iter().map(|name| (*name, url)).collect();
        assert_eq!(problems(&values).is_empty(), fits, "{given:?}");
    }
    let Database::Roles { urls } = read(&[(app, url), (system, url)]).database else { panic!("two roles") };
    assert!(urls.owner.is_empty(), "a process that only serves need not know the owner");
}

#[test]
fn the_token_of_a_provider_makes_the_first_account_and_asks_for_what_belongs_to_it() {
    let whole = [
        ("WHATSAPP_TOKEN", "token"),
        ("WHATSAPP_PHONE_NUMBER_ID", "100000000000001"),
        ("META_APP_SECRET", "app"),
        ("META_VERIFY_TOKEN", "word"),
        ("WHATSAPP_BUSINESS_ACCOUNT_ID", "200000000000001"),
    ];
    let account = read(&whole).first_account.unwrap();
    assert_eq!((account.provider, account.external_id.as_str()), ("whatsapp_cloud", "100000000000001"));
    let names: Vec<_> = account.credentials.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["access_token", "app_secret", "verify_token", "waba_id"]);

    assert_eq!(
        problems(&whole[..1]),
        [
            "META_APP_SECRET is not set, and WHATSAPP_TOKEN is; expected an app's secret at Meta",
            "META_VERIFY_TOKEN is not set, and WHATSAPP_TOKEN is; expected a word of your own, told to Meta too",
            "WHATSAPP_BUSINESS_ACCOUNT_ID is not set, and WHATSAPP_TOKEN is; expected the id of a WhatsApp Business account at Meta: digits",
            "WHATSAPP_PHONE_NUMBER_ID is not set, and WHATSAPP_TOKEN is; expected the id of a number at Meta: digits",
        ]
    );
    assert!(read(&whole[1..]).first_account.is_none(), "without a token nothing is wanted");
}

#[test]
fn a_sender_of_twilio_makes_the_first_account_where_no_token_of_meta_does() {
    let twilio = [
        ("TWILIO_WHATSAPP_FROM", "whatsapp:+12025550100"),
        ("TWILIO_ACCOUNT_SID", "AC00000000000000000000000000000001"),
        ("TWILIO_AUTH_TOKEN", "token"),
    ];
    let account = read(&twilio).first_account.unwrap();
    assert_eq!((account.provider, account.external_id.as_str()), ("twilio_whatsapp", "+12025550100"));
    assert_eq!(
        problems(&twilio[..2]),
        ["TWILIO_AUTH_TOKEN is not set, and TWILIO_WHATSAPP_FROM is; expected the token of an account at Twilio"]
    );
    assert_eq!(problems(&[("TWILIO_WHATSAPP_FROM", "Acme")]).len(), 3);
    assert!(read(&twilio[1..]).first_account.is_none(), "without a sender nothing is wanted");
}

#[test]
fn the_base_address_of_meta_is_the_one_of_its_providers() {
    let config = read(&[("POSTROAD_META_URL", "http://127.0.0.1:9000/")]);
    assert_eq!(config.base_urls.get("whatsapp_cloud").map(String::as_str), Some("http://127.0.0.1:9000"));
    for (_, providers) in BASE_URLS {
        assert!(providers.iter().all(|name| postroad_providers::find(name).is_some()), "{providers:?}");
    }
}

#[test]
fn one_grace_stands_for_all_unknown_outcomes() {
    let grace = TimeDelta::seconds(8);
    assert_eq!(read(&[("POSTROAD_UNKNOWN_GRACE_S", "8")]).graces, Graces { auth: grace, other: grace });
}

#[test]
fn what_is_shown_names_every_setting_once_with_its_origin() {
    let (_, shown) = Config::read(lookup(&[("POSTROAD_WORKERS", "3")])).unwrap();
    let mut names: Vec<_> = shown.iter().map(|one| one.name).collect();
    let mut specs: Vec<_> = SPECS.iter().map(|spec| spec.name).collect();
    names.sort_unstable();
    specs.sort_unstable();
    assert_eq!(names, specs);
    let of = |name: &str| shown.iter().find(|one| one.name == name).unwrap().clone();
    assert_eq!(of("POSTROAD_WORKERS").origin, Origin::Environment);
    assert_eq!(of("POSTROAD_LISTEN").origin, Origin::Default);
    assert_eq!(of("POSTROAD_REDIS_URL").origin, Origin::Unset);
}

#[test]
fn every_setting_has_its_row_in_the_guide_and_the_guide_invents_none() {
    let guide = include_str!("../../../../docs/configure.md");
    for spec in SPECS {
        assert!(guide.contains(&format!("| `{}` |", spec.name)), "{}", spec.name);
    }
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    for (name, _) in rows.filter(|(name, _)| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')) {
        assert!(SPECS.iter().any(|spec| spec.name == name), "{name}");
    }
}
