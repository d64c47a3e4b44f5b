//! Who may call which route: every route of the API's own description, by ten kinds of callers, as the table beside says.
//!
//! Nothing is done: bodies are none that a route reads, and ids are of nothing. Who may not call does not get as far as that.
//! With `POSTROAD_WRITE_MATRIX=1` the table is written anew; read the difference before it is committed.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use chrono::TimeDelta;
use http::{Method, Request};
use postroad_app::sign_in::{self, NewUser, Passwords};
use postroad_core::{conversation::Role, ids::TenantId};
use postroad_testkit::{Answer, SignedCaller};

use crate::{
    browser::{Browser, CSRF, PASSWORD, colleague, owner},
    world::World,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rbac_matrix.csv");
const COLUMNS: &str =
    "method,path,anonymous,other_tenant,disabled,superadmin,owner,admin,manager,agent,limited_agent,client";

/// (method, path) of every operation, in the order of the table; what ends a session stands at the end.
fn operations() -> Vec<(Method, String)> {
    let api = serde_json::to_value(postroad_api::openapi()).unwrap();
    let mut found = Vec::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            if let Ok(method @ (Method::GET | Method::PUT | Method::POST | Method::PATCH | Method::DELETE)) =
                method.to_uppercase().parse()
            {
                found.push((method, path.clone()));
            }
        }
    }
    found.sort_by_key(|(method, path)| (path == "/v1/auth/logout", path.clone(), method.to_string()));
    found
}

/// Somewhere where nothing is.
fn target(path: &str) -> String {
    let nothing = "00000000000000000000000000000000";
    let kind = match path.split('/').nth(2).unwrap_or_default() {
        "tenants" => "ten",
        "members" => "mem",
        "conversations" => "cnv",
        "contacts" => "con",
        "campaigns" => "cmp",
        _ => "x",
    };
    let target = path.replace("{id}", &format!("{kind}_{nothing}")).replace("{part}", "1").replace("{place}", "1");
    match target.as_str() {
        // Else the answer has no end.
        "/v1/events" => "/v1/events?kinds=nothing".to_owned(),
        _ => target.replace(['{', '}'], ""),
    }
}

fn body(method: &Method) -> &'static [u8] {
    if *method == Method::GET || *method == Method::DELETE { b"" } else { b"[]" }
}

/// Whether the caller was let in, or how it was refused.
fn outcome(answer: &Answer) -> &'static str {
    match answer.status {
        401 => "401",
        403 => "403",
        _ => "yes",
    }
}

enum Principal<'a> {
    Anonymous(&'a World),
    Person(Browser<'a>),
    Program(Box<SignedCaller>),
}

impl Principal<'_> {
    async fn call(&mut self, method: &Method, path: &str) -> &'static str {
        let (target, body) = (target(path), body(method));
        let answer = match self {
            Self::Anonymous(world) => {
                let request = Request::builder().method(method).uri(format!("{}{target}", world.base));
                let request = request.header("content-type", "application/json").header(CSRF.0, CSRF.1);
                world.http.send(request.body(body.to_vec()).unwrap()).await
            }
            Self::Person(browser) => browser.call_with_bytes(method.clone(), &target, body, &[CSRF]).await,
            Self::Program(caller) => caller.call(method.clone(), &target, &caller.request_id(), body).await,
        };
        assert_ne!(answer.status, 429, "{method} {path}: {}", answer.text());
        assert!(answer.status < 500, "{method} {path}: {} {}", answer.status, answer.text());
        outcome(&answer)
    }
}

/// In the order of the columns.
async fn principals(world: &World) -> [Principal<'_>; 10] {
    let mut ada = owner(world).await;
    let tenant: TenantId = ada.get("/v1/tenant").await.json()["id"].as_str().unwrap().parse().unwrap();
    let other = world.tenant().await.id;
    let stranger = NewUser { email: "eve@other.example".into(), name: "Eve".into(), password: PASSWORD.into() };
    sign_in::create(&world.app, &Passwords::start(1), stranger, (other, Role::Owner)).await.unwrap();
    let mut eve = Browser::new(world);
    assert_eq!(eve.log_in("eve@other.example", PASSWORD).await.status, 200);
    let disabled = colleague(world, &mut ada, "gone@shop.example", "admin").await;
    let gone = sign_in::find_user(&world.app, "gone@shop.example").await.unwrap().unwrap();
    sign_in::set_disabled(&world.app, gone.id, true).await.unwrap();
    let owner = colleague(world, &mut ada, "owner@shop.example", "owner").await;
    let admin = colleague(world, &mut ada, "admin@shop.example", "admin").await;
    let manager = colleague(world, &mut ada, "manager@shop.example", "manager").await;
    let agent = colleague(world, &mut ada, "agent@shop.example", "agent").await;
    let limited = colleague(world, &mut ada, "limited@shop.example", "limited_agent").await;
    let client = world.caller(tenant).await;
    [
        Principal::Anonymous(world),
        Principal::Person(eve),
        Principal::Person(disabled),
        Principal::Person(ada),
        Principal::Person(owner),
        Principal::Person(admin),
        Principal::Person(manager),
        Principal::Person(agent),
        Principal::Person(limited),
        Principal::Program(Box::new(client)),
    ]
}

#[expect(clippy::disallowed_methods, reason = "for whoever runs this test by hand, and no setting")]
fn is_to_be_written() -> bool {
    std::env::var_os("POSTROAD_WRITE_MATRIX").is_some()
}

#[tokio::test]
async fn who_may_call_which_route_is_as_the_table_says() {
    let world = World::new().await;
    let mut principals = principals(&world).await;
    let mut rows = BTreeMap::new();
    for (method, path) in operations() {
        let mut row = format!("{method},{path}");
        for principal in &mut principals {
            write!(row, ",{}", principal.call(&method, &path).await).unwrap();
        }
        // Nobody is kept to a rate here.
        world.clock.advance(TimeDelta::seconds(1));
        rows.insert((path, method.to_string()), row);
    }
    let found: String = std::iter::once(COLUMNS.to_owned()).chain(rows.into_values()).map(|row| row + "\n").collect();
    if is_to_be_written() {
        std::fs::write(FILE, &found).unwrap();
    }
    let expected = std::fs::read_to_string(Path::new(FILE)).unwrap_or_default();
    let differing = |one: &str, other: &str| -> Vec<String> {
        one.lines().filter(|line| !other.lines().any(|known| known == *line)).map(str::to_owned).collect()
    };
    assert_eq!((differing(&found, &expected), differing(&expected, &found)), (vec![], vec![]), "found, expected");
}

#[test]
fn nobody_who_is_refused_a_route_may_do_more_than_somebody_above_them() {
    let table = std::fs::read_to_string(FILE).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some(COLUMNS));
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let [_, _, anonymous, _, disabled, superadmin, owner, admin, manager, agent, limited, _] = cells[..] else {
            panic!("{line}");
        };
        for pair in [superadmin, owner, admin, manager, agent, limited].windows(2) {
            assert!(pair[0] == "yes" || pair[1] != "yes", "{line}");
        }
        assert_eq!(anonymous, disabled, "whoever was shut out is nobody: {line}");
    }
}
