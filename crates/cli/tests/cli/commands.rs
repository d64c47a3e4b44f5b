//! What an operator types, on an installation that nobody runs at the moment.

use serde_json::Value;

use crate::home::Home;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn tenants_accounts_and_keys_are_made_listed_stopped_and_ended() {
    let home = Home::new();
    let tenant = home.run(&["tenants", "create", "acme", "--name", "Acme Ltd", "--zone", "Europe/Paris"]);
    let listed = lines(&home.run(&["tenants", "list", "--json"]));
    assert_eq!(
        (&listed[0]["id"], &listed[0]["slug"], &listed[0]["sending_paused"]),
        (&tenant.into(), &"acme".into(), &false.into())
    );

    let sandbox = home.write("sandbox.json", "{}");
    let account = home.run(&["accounts", "connect", "sandbox", "trial", "--credentials", &sandbox, "--spacing", "0"]);
    home.run(&["accounts", "pause", &account, "--reason", "moving"]);
    assert_eq!(lines(&home.run(&["accounts", "list", "--json"]))[0]["status_reason"], "moving");
    home.run(&["resume", "account", &account]);
    assert_eq!(lines(&home.run(&["accounts", "list", "--json"]))[0]["status"], "active");

    let secret = home.path().join("secret");
    let made =
        home.run(&["keys", "create", "--name", "shop", "--live", "--secret-file", secret.to_str().unwrap(), "--json"]);
    let key = serde_json::from_str::<Value>(&made).unwrap()["key"].as_str().unwrap().to_owned();
    assert!(!made.contains("prs_"), "the secret went into the file");
    let signed =
        home.run(&["sign", "GET", "/v1/messages", "--key", &key, "--secret-file", secret.to_str().unwrap(), "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&signed).unwrap()["X-Postroad-Key"], key.as_str());
    home.run(&["keys", "revoke", &key]);
    assert_eq!(lines(&home.run(&["keys", "list", "--json"]))[0]["key_status"], "revoked");

    home.run(&["pause", "tenant", "acme", "--reason", "unpaid"]);
    home.run(&["pause", "all", "--yes"]);
    assert_eq!(lines(&home.run(&["tenants", "list", "--json"]))[0]["paused_reason"], "unpaid");
    home.run(&["resume", "all"]);
    home.run(&["resume", "tenant", "acme"]);
    home.run(&["restore", "hold"]);
    home.run(&["restore", "release", "--yes"]);
    home.run(&["webhooks", "replay", "--from", "2026-01-01T00:00:00Z", "--all"]);
    assert_eq!(lines(&home.run(&["queues", "--json"])).len(), 10, "one line per queue while nothing is sent");
}

#[test]
fn people_who_sign_in_are_made_listed_shut_out_and_given_a_new_password() {
    let home = Home::new();
    home.run(&["tenants", "create", "acme"]);
    let password = home.write("password", "correct horse battery staple\n");
    let create = ["users", "create", "ada@shop.example", "--name", "Ada", "--password-file", &password];
    let id = home.run(&create);
    assert_eq!(home.fails(&create).0, 4, "the email is taken");
    home.run(&["users", "disable", "ADA@shop.example"]);
    let listed = lines(&home.run(&["users", "list", "--json"]));
    assert_eq!((&listed[0]["id"], &listed[0]["disabled"]), (&id.into(), &true.into()));
    home.run(&["users", "enable", "ada@shop.example"]);
    home.run(&["users", "password", "ada@shop.example", "--password-file", &password]);
    home.run(&["users", "join", "ada@shop.example", "--role", "manager"]);
    assert_eq!(lines(&home.run(&["users", "mails", "--json"])).len(), 0, "no mail server is set");
    assert_eq!(home.fails(&["users", "codes-off", "ada@shop.example"]).0, 4, "there is no second factor");
    let weak = home.write("weak", "passwordpassword");
    let told = home.fails(&["users", "password", "ada@shop.example", "--password-file", &weak]);
    assert!(told.0 == 2 && told.1.contains("guessed in a moment"), "{told:?}");
    assert_eq!(home.fails(&["users", "disable", "eve@evil.example"]).0, 3);
}

#[test]
fn what_is_missing_taken_or_unclear_has_an_exit_code_of_its_own() {
    let home = Home::new();
    let nobody = "msg_00000000000000000000000000000000";
    assert_eq!(home.fails(&["accounts", "list"]).0, 3, "there is no tenant");
    home.run(&["tenants", "create", "acme"]);
    let cases: &[(&[&str], i32, &str)] = &[
        (&["tenants", "create", "acme"], 4, "error: the slug acme is taken"),
        (&["tenants", "create", "Acme"], 2, "error: the slug \"Acme\" is not 1 to 63 lower-case letters"),
        (&["messages", "explain", nobody], 3, "error: there is no message msg_0"),
        (&["messages", "explain", "msg_1"], 2, "error: invalid value 'msg_1'"),
        (&["keys", "revoke", "prk_live_x"], 3, "error: the tenant has no key prk_live_x"),
        (&["accounts", "list", "--tenant", "nobody"], 3, "error: no tenant is called nobody"),
        (&["accounts", "connect", "pigeon", "1"], 2, "error: no provider is called pigeon"),
        (&["jobs", "retry", "01JGJ4ZK8V6N3T5R7W9X1Y3Z5B"], 3, "error: none of these jobs is dead"),
        (
            &["campaigns", "start", "cmp_00000000000000000000000000000000", "--yes"],
            3,
            "error: there is no such campaign",
        ),
        (&["campaigns", "start", "cmp_00000000000000000000000000000000"], 2, "error: the following required arguments"),
        (&["tenant"], 2, "error: unrecognized subcommand 'tenant'"),
    ];
    for (args, code, said) in cases {
        let (ended, told) = home.fails(args);
        assert_eq!(ended, *code, "{args:?}: {told}");
        assert!(told.starts_with(said), "{args:?}: {told}");
    }
    home.run(&["tenants", "create", "second"]);
    assert_eq!(home.fails(&["accounts", "list"]).0, 2, "there are two");
    assert_eq!(home.run(&["accounts", "list", "--tenant", "second", "--json"]), "");
}

#[test]
fn a_wallet_is_filled_corrected_and_priced_and_never_has_less_than_nothing() {
    let home = Home::new();
    home.run(&["tenants", "create", "acme"]);
    let credit = |more: &[&str]| home.run(&[&["tenants", "credit"], more].concat());
    assert_eq!(credit(&["top-up", "acme", "500", "--note", "Invoice 17"]), "500");
    assert_eq!(credit(&["correct", "acme", "-200", "--note", "Booked twice"]), "300");
    credit(&["enforce", "acme", "on"]);
    credit(&["price", "acme", "sms", "3"]);
    credit(&["price", "acme", "whatsapp", "8", "--category", "marketing"]);
    let shown: serde_json::Value = serde_json::from_str(&credit(&["show", "acme", "--json"])).unwrap();
    let (sms, whatsapp) = (&shown["prices"][0], &shown["prices"][1]);
    assert_eq!((&shown["enforced"], &shown["balance"]), (&true.into(), &300.into()), "{shown}");
    assert_eq!((&sms["credits"], &whatsapp["category"]), (&3.into(), &"marketing".into()), "{shown}");
    credit(&["price", "acme", "sms", "--default"]);
    assert!(!credit(&["show", "acme"]).contains("sms"));
    let cases: &[(&[&str], i32, &str)] = &[
        (&["correct", "acme", "-301", "--note", "x"], 4, "error: the wallet has 300"),
        (&["correct", "acme", "0", "--note", "x"], 2, "error: an amount is a whole number"),
        (&["top-up", "acme", "1", "--note", ""], 2, "error: a note has 1 to 500 characters"),
        (&["show", "nobody"], 3, "error: no tenant is called nobody"),
    ];
    for (arguments, code, expected) in cases {
        let (exit, said) = home.fails(&[&["tenants", "credit"], *arguments].concat());
        assert_eq!((exit, said.starts_with(expected)), (*code, true), "{arguments:?}: {said}");
    }
}

#[test]
fn a_file_with_wrong_lines_is_taken_in_part_and_says_so() {
    let home = Home::new();
    home.run(&["tenants", "create", "acme"]);
    let file = home.write("people.csv", "phone,consent\n+12015550100,yes\nnobody,yes\n+12015550101,perhaps\n");
    let output = home.output(&["import", "contacts", &file]);
    assert_eq!(output.status.code(), Some(6));
    let told = crate::home::text(&output.stdout);
    assert!(told.starts_with("3 lines: 1 created, 0 updated, 2 not taken\n  line 3: "), "{told}");
    let (code, said) = home.fails(&["import", "contacts", "/nowhere.csv"]);
    assert_eq!(code, 1);
    assert!(said.contains("/nowhere.csv cannot be read"), "{said}");
}

#[test]
fn a_file_is_looked_at_mapped_and_its_wrong_lines_are_written_to_a_file() {
    let home = Home::new();
    home.run(&["tenants", "create", "acme"]);
    let file = home.write("people.csv", "Kunde;Handy;Notes\nk1;(201) 555-0100;x\nk2;nobody;y\n");
    let how = ["--map", "Kunde=external_key", "--map", "Notes=ignore", "--region", "US"];
    let run = |more: &[&str]| home.output(&[&["import", "contacts", &file], &how[..], more].concat());

    let preview = run(&["--preview"]);
    assert_eq!(preview.status.code(), Some(6), "one of its lines is wrong");
    let told = crate::home::text(&preview.stdout);
    assert!(told.starts_with("written in utf-8, with ; between cells\n"), "{told}");
    assert!(told.contains("whatsapp:+12015550100") && told.contains("invalid_phone: "), "{told}");
    let preview = run(&["--preview", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&crate::home::text(&preview.stdout)).unwrap();
    assert_eq!((&shown["columns"][0]["found"], &shown["columns"][2]["becomes"]), (&"mapped".into(), &"ignore".into()));
    let (code, said) = home.fails(&["import", "contacts", &file, "--map", "Handy=ignore", "--preview"]);
    assert_eq!((code, said.contains("no column is a phone number or an email")), (2, true), "{said}");

    let errors = home.path().join("wrong.csv");
    let read = run(&["--errors", errors.to_str().unwrap()]);
    assert!(crate::home::text(&read.stdout).starts_with("2 lines: 1 created, 0 updated, 1 not taken\n"));
    let written = std::fs::read_to_string(errors).unwrap();
    assert!(
        written.starts_with("postroad_line,postroad_code,postroad_reason,Kunde,Handy,Notes\r\n3,invalid_phone,"),
        "{written}"
    );
    assert!(written.ends_with(",k2,nobody,y\r\n"), "{written}");
}

#[test]
fn the_doctor_finds_a_fresh_installation_sound_but_idle() {
    let home = Home::new();
    let checks = lines(&home.run(&["doctor", "--json"]));
    let of = |verdict: &str| -> Vec<&str> {
        checks.iter().filter(|check| check["verdict"] == verdict).map(|check| check["id"].as_str().unwrap()).collect()
    };
    assert_eq!(of("error"), Vec::<&str>::new(), "{checks:#?}");
    for id in ["database.durable", "database.row_security", "installation", "clock.skew", "queue.dead"] {
        assert!(of("ok").contains(&id), "{id}");
    }
    for id in ["workers.alive", "scheduler.leads", "settings.public_url"] {
        assert!(of("warning").contains(&id), "{id}");
    }
}

#[test]
fn the_doctor_names_what_is_wrong_and_ends_with_its_own_code() {
    let home = Home::new()
        .with("POSTROAD_DATABASE_URL", "postgres://nobody:pw@127.0.0.1:1/postroad")
        .with("POSTROAD_WORKER", "3");
    let output = home.output(&["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(7));
    let checks = lines(&crate::home::text(&output.stdout));
    let verdict = |id: &str| checks.iter().find(|check| check["id"] == id).unwrap()["verdict"].clone();
    assert_eq!(verdict("database.schema"), "error");
    assert_eq!(verdict("settings.known"), "warning");
    assert_eq!(verdict("installation"), "skipped");
}

#[test]
fn the_description_of_the_api_pages_of_the_manual_and_completions_are_printed() {
    let home = Home::new();
    let described: Value = serde_json::from_str(&home.run(&["openapi"])).unwrap();
    assert!(described["paths"]["/v1/messages"].is_object());
    assert!(home.run(&["completions", "bash"]).contains("_postroad"));
    assert!(home.run(&["man"]).contains(".TH postroad"));
    let folder = home.path().join("man");
    home.run(&["man", folder.to_str().unwrap()]);
    assert!(folder.join("postroad-messages-explain.1").exists());
}

/// 32 bytes each, in base64.
const K1: &str = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const K2: &str = "k2:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

#[test]
fn a_master_key_is_changed_and_one_that_goes_too_early_is_told_with_what_it_opened() {
    let home = Home::new().with("POSTROAD_MASTER_KEYS", K1);
    home.run(&["tenants", "create", "acme"]);
    let sandbox = home.write("sandbox.json", "{}");
    home.run(&["accounts", "connect", "sandbox", "trial", "--credentials", &sandbox, "--spacing", "0"]);
    home.run(&["keys", "create", "--name", "shop", "--live", "--json"]);
    let doctor = |home: &Home| {
        let output = home.output(&["doctor", "--json"]);
        let told = lines(&crate::home::text(&output.stdout));
        let found = told.into_iter().find(|check| check["id"] == "secrets.master_keys").unwrap();
        (output.status.code(), found["verdict"].clone(), found["evidence"].as_str().unwrap().to_owned())
    };

    let home = home.with("POSTROAD_MASTER_KEYS", format!("{K2},{K1}"));
    let (code, verdict, evidence) = doctor(&home);
    assert_eq!(
        (code, verdict, evidence.as_str()),
        (Some(0), "warning".into(), "k2 wraps 0 data keys, k1 wraps 1 data keys")
    );
    let home = home.with("POSTROAD_MASTER_KEYS", K2);
    let (code, verdict, evidence) = doctor(&home);
    assert_eq!((code, verdict), (Some(7), "error".into()));
    assert_eq!(
        evidence,
        "master key k1 is missing: it wraps 1 data keys of 1 tenants (acme), and with them the credentials of 1 accounts, \
         the secrets of 1 API keys and of 0 endpoints"
    );

    let home = home.with("POSTROAD_MASTER_KEYS", format!("{K2},{K1}"));
    home.run(&["secrets", "rotate"]);
    let status = lines(&home.run(&["secrets", "status", "--json"]));
    let count = |n: usize| (status[n]["key"].clone(), status[n]["current"].clone(), status[n]["data_keys"].clone());
    assert_eq!(count(0), ("k2".into(), true.into(), 1.into()));
    assert_eq!(count(1), ("k1".into(), false.into(), 0.into()));
    let home = home.with("POSTROAD_MASTER_KEYS", K2);
    assert_eq!(doctor(&home).0, Some(0));
}
