//! What somebody changes is told: who, what, from where, and never a secret.

use http::Method;
use postroad_app::tenants;
use serde_json::{Value, json};

use crate::{
    browser::{colleague, owner},
    world::World,
};

fn entries(page: &Value) -> Vec<(String, String)> {
    let word = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    page["data"].as_array().unwrap().iter().map(|entry| (word(entry, "action"), word(entry, "noun"))).collect()
}

#[tokio::test]
async fn what_a_person_changes_is_told_with_what_it_was_and_what_it_became() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let me = ada.get("/v1/auth/me").await.json();
    let label = ada.post("/v1/labels", json!({"name": "vip", "color": "#ff0000"})).await.json();
    let gold = json!({"name": "gold", "color": "#ff0000"});
    let path = format!("/v1/labels/{}", label["id"].as_str().unwrap());
    assert_eq!(ada.call(Method::PATCH, &path, &gold).await.status, 200);
    assert_eq!(ada.call(Method::PATCH, &path, &gold).await.status, 200, "nothing new");
    assert_eq!(ada.call(Method::DELETE, &path, &Value::Null).await.status, 204);

    let told = ada.get(&format!("/v1/audit?noun=labels&noun_id={}", label["id"].as_str().unwrap())).await.json();
    let expected = ["deleted", "changed", "created"].map(|action| (action.to_owned(), "labels".to_owned()));
    assert_eq!(entries(&told), expected);
    let changed = &told["data"][1];
    assert_eq!((&changed["before"], &changed["after"]), (&json!({"name": "vip"}), &json!({"name": "gold"})));
    assert_eq!((&changed["actor"], &changed["ip"]), (&me["works_for"]["member_id"], &json!("127.0.0.1")));
    assert!(changed["request_id"].as_str().is_some_and(|id| id.len() >= 16));
}

#[tokio::test]
async fn what_a_program_and_the_operator_change_is_told_and_secrets_are_not() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let hook = json!({"name": "erp", "url": "https://hooks.example.com/", "events": ["automation"]});
    let made = caller.post("/v1/webhook-endpoints", &hook).await.json();
    let rotate = format!("/v1/webhook-endpoints/{}/rotate-secret", made["id"].as_str().unwrap());
    let rotated = caller.post(&rotate, &json!({})).await.json();
    let operator = postroad_store::Doer { actor: "operator".into(), ip: None, request_id: None };
    postroad_store::done_by(operator, tenants::pause(&world.app, tenant.id, "unpaid")).await.unwrap();

    let told = caller.get("/v1/audit").await;
    let words = entries(&told.json());
    assert!(words.contains(&("changed".to_owned(), "tenants".to_owned())), "{words:?}");
    let of_operator = caller.get("/v1/audit?actor=operator").await.json();
    assert_eq!(of_operator["data"][0]["after"]["paused_reason"], "unpaid");
    let of_endpoint = caller.get("/v1/audit?noun=webhook_endpoints").await.json();
    assert_eq!(of_endpoint["data"][0]["after"]["secret"], "[redacted]", "that it was replaced is told");
    for secret in [&made["secret"], &rotated["secret"]] {
        assert!(!told.text().contains(secret.as_str().unwrap()));
    }
    assert!(!told.text().contains("enc:v1:"), "{}", told.text());
}

#[tokio::test]
async fn pages_and_the_file_tell_the_same_and_nobody_elses() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let (ours, theirs) = (world.tenant().await, world.tenant().await);
    let (us, them) = (world.caller(ours.id).await, world.caller(theirs.id).await);
    for n in 0..7 {
        us.post("/v1/groups", &json!({"name": format!("=group {n}")})).await;
        them.post("/v1/groups", &json!({"name": format!("canary {n}")})).await;
    }
    let mut names = Vec::new();
    let mut after = String::new();
    loop {
        let page = us.get(&format!("/v1/audit?noun=groups&limit=3{after}")).await.json();
        let data = page["data"].as_array().unwrap().clone();
        names.extend(data.iter().map(|entry| entry["after"]["name"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(names, (0..7).rev().map(|n| format!("=group {n}")).collect::<Vec<_>>());
    let file = us.get("/v1/audit/export.csv?noun=groups").await.text();
    assert_eq!(file.lines().count(), 8, "{file}");
    assert!(!file.contains("canary") && !us.get("/v1/audit").await.text().contains("canary"));
    let mut agent = colleague(&world, &mut ada, "agent@shop.example", "agent").await;
    assert_eq!(agent.get("/v1/audit").await.status, 403, "who works in conversations does not look behind them");
}

#[tokio::test]
async fn nobody_rewrites_what_was_told() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    caller.post("/v1/groups", &json!({"name": "x"})).await;
    let mut admin = world.db.admin().await;
    for role in ["postroad_app", "postroad_system"] {
        for change in ["update audit_entries set actor = 'nobody'", "delete from audit_entries"] {
            let done = sqlx::raw_sql(sqlx::AssertSqlSafe(format!("begin; set local role {role}; {change}")))
                .execute(&mut admin)
                .await;
            assert!(done.unwrap_err().to_string().contains("permission denied"), "{role}: {change}");
            sqlx::raw_sql("rollback").execute(&mut admin).await.unwrap();
        }
    }
    assert_eq!(world.count("select count(*) from audit_entries where noun = 'groups'").await, 1);
}

/// What happens, and has a history, ledger or log of its own.
const NOT_AUDITED: &[&str] = &[
    "account_pulses",
    "addresses",
    "attachment_parts",
    "attachments",
    "attempts",
    "audit_entries",
    "automation_cursors",
    "automation_run_steps",
    "automation_runs",
    "campaign_events",
    "campaign_paces",
    "clicks",
    "consents",
    "contact_import_errors",
    "contact_import_parts",
    "contact_imports",
    "contact_links",
    "contact_merges",
    "contacts",
    "conversation_labels",
    "conversation_links",
    "conversation_ratings",
    "conversation_reads",
    "conversation_redirects",
    "conversations",
    "credit_entries",
    "credit_slots",
    "data_keys",
    "double_send_suspects",
    "event_counters",
    "events",
    "fires",
    "frequency_uses",
    "gate_verdicts",
    "group_members",
    "idempotency",
    "inbound_counts",
    "lanes",
    "message_texts",
    "messages",
    "notes",
    "notification_preferences",
    "notifications",
    "opt_ins",
    "portfolio_people",
    "portfolios",
    "quota_slots",
    "reactions",
    "receipts",
    "recipients",
    "request_log",
    "sends",
    "session_windows",
    "spacings",
    "webhook_attempts",
    "webhook_deliveries",
    "webhook_journal",
];

/// Whoever adds a table says whether what people change there is told.
#[tokio::test]
async fn every_table_that_people_change_is_audited_or_named_here() {
    let world = World::new().await;
    let sql = "select c.relname::text from pg_class c
               where  c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
               and    exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')
               and    not exists (select 1 from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'audited')
               order  by 1";
    let silent: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut world.db.admin().await).await.unwrap();
    let forgotten: Vec<&String> = silent.iter().filter(|table| !NOT_AUDITED.contains(&table.as_str())).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}
