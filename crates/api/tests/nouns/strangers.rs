//! Every route, from the API's own description, called by those who may not.

use std::collections::BTreeMap;

use http::Method;
use postroad_app::clients::Grant;
use postroad_testkit::SignedCaller;
use serde_json::{Value, json};

use crate::{
    accounts::{connected, offer},
    world::{World, all_scopes},
};

const TAGS: &[&str] = &[
    "accounts",
    "contacts",
    "imports",
    "segments",
    "groups",
    "consents",
    "suppressions",
    "templates",
    "campaigns",
    "conversations",
    "labels",
    "automations",
    "webhook-endpoints",
    "quick-replies",
    "attachments",
    "search",
    "members",
    "billing",
    "live",
    "notifications",
    "tenant",
];

/// (method, path) of every operation of these nouns.
fn operations() -> Vec<(Method, String)> {
    let of_ours = every_operation().into_iter().filter(|(_, _, tag)| TAGS.contains(&tag.as_str()));
    of_ours.map(|(method, path, _)| (method, path)).collect()
}

/// (method, path, tag) of everything that the API says it does.
pub(crate) fn every_operation() -> Vec<(Method, String, String)> {
    let api = serde_json::to_value(postroad_api::openapi()).unwrap();
    let mut found = Vec::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let tag = operation["tags"][0].as_str().unwrap().to_owned();
            found.push((method.to_uppercase().parse().unwrap(), path.clone(), tag));
        }
    }
    found
}

/// A body that the route reads.
pub(crate) fn body(method: &Method, path: &str) -> Value {
    let word = json!({"channel": "sms", "address": "+12025550173", "purpose": "marketing", "action": "granted", "source": "x"});
    match path {
        _ if *method == Method::GET || *method == Method::DELETE => Value::Null,
        _ if path.ends_with("/webhook-secret") => json!({}),
        "/v1/accounts" => crate::accounts::number("1"),
        "/v1/templates" => offer("acc_00000000000000000000000000000000"),
        "/v1/contacts" => json!({"external_key": "k"}),
        "/v1/contacts/batch" => json!({"contacts": [{"external_key": "k"}]}),
        "/v1/contacts/tags" => json!({"contact_ids": ["con_00000000000000000000000000000000"], "add": ["a"]}),
        "/v1/segments" => json!({"name": "x", "filter": {"tag": {"has": "a"}}}),
        "/v1/segments/preview" => json!({"filter": {"tag": {"has": "a"}}, "channel": "sms"}),
        _ if path.starts_with("/v1/groups") && path.contains("/members") => json!({"contact_ids": []}),
        _ if path.starts_with("/v1/groups") => json!({"name": "x"}),
        "/v1/consents" => json!({"consents": [word]}),
        "/v1/suppressions" => json!({"suppressions": [{"address": "+12025550173", "reason": "operator"}]}),
        "/v1/campaigns" => json!({"name": "x", "account_id": "acc_00000000000000000000000000000000",
                                  "template_id": "tpl_00000000000000000000000000000000", "audience": {"all": true}}),
        "/v1/conversations" => json!({"account_id": "acc_00000000000000000000000000000000",
                                      "contact_id": "con_00000000000000000000000000000000"}),
        "/v1/conversations/bulk" => json!({"conversation_ids": ["cnv_00000000000000000000000000000000"],
                                           "actions": [{"status": {"to": "resolved"}}]}),
        "/v1/messages/{id}/reactions" => json!({"emoji": "👍"}),
        "/v1/messages/{id}" => json!({"text": "x"}),
        "/v1/macros" => json!({"name": "x", "actions": [{"status": {"to": "resolved"}}]}),
        "/v1/views" => json!({"name": "x", "filter": {}}),
        _ if path.starts_with("/v1/conversations") => done_to_conversations(path),
        _ if path.starts_with("/v1/labels") => json!({"name": "x", "color": "#000000"}),
        _ if path.starts_with("/v1/automations") => done_to_automations(path),
        _ if path.starts_with("/v1/tenant/") => done_to_tenants(path),
        "/v1/presence" => json!({"member_id": MEMBER, "state": "online"}),
        _ if path.starts_with("/v1/notifications") => done_to_notifications(path),
        _ if path.starts_with("/v1/quick-replies") => json!({"shortcut": "x", "body": "x"}),
        "/v1/webhook-endpoints" => json!({"name": "x", "url": "https://hooks.example.com/", "events": ["automation"]}),
        _ if path.ends_with("/replay") && path.starts_with("/v1/webhook-endpoints") => {
            json!({"failed_since": "2026-03-02T10:00:00Z"})
        }
        _ if path.ends_with("/legal-hold") => json!({"hold": true}),
        _ if path.ends_with("/privacy") => json!({"bodies": "sealed"}),
        "/v1/members" => json!({"name": "x", "role": "agent"}),
        _ if path.starts_with("/v1/roles") => {
            json!({"name": "x", "scopes": ["conversations:read"], "sees": "assigned"})
        }
        "/v1/invitations" => json!({"email": "x@shop.example", "role": "agent"}),
        _ if path.starts_with("/v1/departments") => json!({"name": "x"}),
        "/v1/billing/credits/policy" => json!({"admins_unlimited": true}),
        "/v1/billing/credits/allowances/{id}" => json!({"credits": 1}),
        _ if path.ends_with("/opt-ins") => {
            json!({"channel": "sms", "address": "+12025550173", "purpose": "marketing", "source": "x", "wording": "x"})
        }
        _ if path.ends_with("/merge") => json!({"other": "con_00000000000000000000000000000000"}),
        _ if path.ends_with("/unmerge") => json!({"merge": "mrg_00000000000000000000000000000000"}),
        _ if path.ends_with("/pause") => json!({"reason": "x"}),
        _ if path.ends_with("/experiment") => json!({"sample": 10, "holdout": 10}),
        _ if path.ends_with("/follow-up") => json!({"whom": "unknown"}),
        _ if path.ends_with("/rotate") => json!({"credentials": {}}),
        _ if path.ends_with("/schedule") => json!({"at": null}),
        _ if path.ends_with("/templates/{id}/preview") => json!({"variables": [{"value": "a"}, {"value": "b"}]}),
        _ => json!({}),
    }
}

/// Settings of the tenant.
fn done_to_tenants(path: &str) -> Value {
    match path.trim_start_matches("/v1/tenant/") {
        "business-hours" => json!({"enabled": false, "time_zone": "UTC", "days": {}}),
        "sign-in" => json!({"second_factor_required": false}),
        "targets" => json!({"counted_in": "always"}),
        "ratings" => json!({"ask": true, "question": "How was it?"}),
        "media-retention" => json!({"days": 7}),
        "settings" => json!({"name": "x", "time_zone": "UTC"}),
        "privacy" => json!({"bodies": "sealed"}),
        "pause" => json!({"reason": "x"}),
        _ => json!({}),
    }
}

const MEMBER: &str = "mem_00000000000000000000000000000000";

fn done_to_notifications(path: &str) -> Value {
    match path.rsplit('/').next().unwrap_or_default() {
        "read-all" => json!({"member_id": MEMBER, "up_to": "ntf_00000000000000000000000000000000"}),
        "preferences" => json!({"member_id": MEMBER, "preferences": []}),
        _ => json!({"read": true}),
    }
}

fn done_to_automations(path: &str) -> Value {
    match path.rsplit('/').next().unwrap_or_default() {
        "automations" => {
            json!({"name": "x", "definition": {"trigger": {"inbound_message": {}}, "actions": [{"stop": {"reason": "x"}}]}})
        }
        "test" => json!({"conversation_id": "cnv_00000000000000000000000000000000"}),
        _ => json!({}),
    }
}

fn done_to_conversations(path: &str) -> Value {
    match path.rsplit('/').next().unwrap_or_default() {
        "status" => json!({"state": "resolved"}),
        "merge" => json!({"into": "cnv_00000000000000000000000000000000"}),
        "typing" => json!({"member_id": "mem_00000000000000000000000000000000", "typing": true}),
        "read" => json!({"member_id": "mem_00000000000000000000000000000000"}),
        "link" => json!({"kind": "order", "external_id": "1", "title": "x"}),
        "messages" => json!({"type": "text", "text": "x"}),
        "notes" | "{note}" => json!({"body": "x"}),
        _ => json!({}),
    }
}

/// The path of one thing, with a query where the route needs one.
pub(crate) fn target(method: &Method, path: &str, id: &str) -> String {
    let target =
        path.replace("{id}", id).replace("{part}", "1").replace("{note}", "not_00000000000000000000000000000000");
    let target = target.replace("{run}", "run_00000000000000000000000000000000");
    let is_of_member = *method == Method::GET && path.starts_with("/v1/notifications");
    let is_unlink = *method == Method::DELETE && path.ends_with("/link");
    match path {
        _ if is_unlink => format!("{target}?kind=order&external_id=1"),
        _ if is_of_member => format!("{target}?member_id=mem_00000000000000000000000000000000"),
        "/v1/billing/credits/usage" => format!("{target}?from=2026-03-01&to=2026-03-02"),
        "/v1/messages/search" => format!("{target}?q=canary"),
        "/v1/quick-replies/{id}/preview" => format!("{target}?conversation=cnv_00000000000000000000000000000000"),
        _ => target,
    }
}

#[tokio::test]
async fn without_the_scope_no_route_does_anything() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let nobody = world.caller_with(tenant.id, true, &Grant { scopes: vec![], ..all_scopes() }).await;
    let operations = operations();
    assert!(operations.len() > 30, "{}", operations.len());
    for (method, path) in operations {
        let target = target(&method, &path, "x");
        let text = body(&method, &path).to_string();
        let answer = nobody.call(method.clone(), &target, &nobody.request_id(), text.as_bytes()).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "missing_scope"), "{method} {path}");
    }
}

#[tokio::test]
async fn a_test_key_sees_and_changes_no_real_people_and_accounts() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let test = world.caller_with(tenant.id, false, &all_scopes()).await;
    for (method, path) in operations() {
        // What everybody may know, and the tenant's own face.
        if path == "/v1/providers" || (path == "/v1/tenant" && method == Method::GET) || takes_files(&method, &path) {
            continue;
        }
        let target = target(&method, &path, &format!("{}_00000000000000000000000000000000", prefix(&path)));
        let body = body(&method, &path);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let answer = test.call(method.clone(), &target, &test.request_id(), text.as_bytes()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "live_key_needed"),
            "{method} {path}: {}",
            answer.text()
        );
    }
}

/// Whatever has no CSV in it is refused before it is looked at.
fn takes_files(method: &Method, path: &str) -> bool {
    path.ends_with("/import") || (path.starts_with("/v1/imports") && method != Method::GET)
}

pub(crate) fn prefix(path: &str) -> &'static str {
    match path.split('/').nth(2).unwrap_or_default() {
        "accounts" => "acc",
        "invitations" => "inv",
        "imports" => "imp",
        "contacts" => "con",
        "suppressions" => "sup",
        "segments" => "seg",
        "groups" => "grp",
        "templates" => "tpl",
        "conversations" => "cnv",
        "messages" => "msg",
        "labels" => "lbl",
        "automations" => "aut",
        "webhook-endpoints" => "end",
        "macros" => "mac",
        "views" => "viw",
        "quick-replies" => "qrp",
        "attachments" => "att",
        "members" | "billing" => "mem",
        "departments" => "dep",
        "roles" => "rol",
        "notifications" => "ntf",
        _ => "cmp",
    }
}

/// Gives the conversation to the member, who is told.
async fn notified(caller: &SignedCaller, conversation: &str, member: &str) -> String {
    let given = caller.post(&format!("/v1/conversations/{conversation}/assign"), &json!({"assignee_id": member})).await;
    assert_eq!(given.status, 200, "{}", given.text());
    let told = caller.get(&format!("/v1/notifications?member_id={member}")).await.json();
    told["data"][0]["id"].as_str().unwrap().to_owned()
}

/// One tenant's things: one of every noun.
pub(crate) struct Things {
    /// By the prefixes of their ids.
    ids: BTreeMap<&'static str, String>,
    /// What makes a campaign of them.
    pub(crate) draft: Value,
}

impl Things {
    /// The one that the path is about, if there is one.
    pub(crate) fn of(&self, path: &str) -> Option<&str> {
        self.ids.get(prefix(path)).map(String::as_str)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = (&str, &str)> {
        self.ids.iter().map(|(prefix, id)| (*prefix, id.as_str()))
    }
}

/// Whose things they are: stands in whatever has a name.
pub(crate) struct Mark {
    pub(crate) word: &'static str,
    pub(crate) number: &'static str,
    /// Of the account at its provider.
    pub(crate) external: &'static str,
}

/// Makes one of every noun.
pub(crate) async fn things(them: &SignedCaller, mark: &Mark) -> Things {
    let word = mark.word;
    let account = connected(them, mark.external).await;
    let template = them.post("/v1/templates", &offer(&account)).await.json()["id"].as_str().unwrap().to_owned();
    let person = json!({"addresses": [{"channel": "whatsapp", "address": mark.number}], "display_name": word});
    let contact = them.post("/v1/contacts", &person).await.json()["id"].as_str().unwrap().to_owned();
    them.post("/v1/suppressions", &json!({"suppressions": [{"address": mark.number, "reason": "operator"}]})).await;
    let suppression = them.get("/v1/suppressions").await.json()["data"][0]["id"].as_str().unwrap().to_owned();
    let kept = json!({"name": word, "filter": {"tag": {"has": "a"}}});
    let segment = them.post("/v1/segments", &kept).await.json()["id"].as_str().unwrap().to_owned();
    let named = json!({"name": word});
    let group = them.post("/v1/groups", &named).await.json()["id"].as_str().unwrap().to_owned();
    let draft = json!({"name": word, "account_id": account, "template_id": template, "audience": {"all": true},
                       "variables": [{"value": "a"}, {"value": "b"}]});
    let campaign = them.post("/v1/campaigns", &draft).await.json()["id"].as_str().unwrap().to_owned();

    let begin = json!({"account_id": account, "contact_id": contact, "subject": word});
    let conversation = them.post("/v1/conversations", &begin).await.json()["id"].as_str().unwrap().to_owned();
    let look = json!({"name": word, "color": "#000000"});
    let label = them.post("/v1/labels", &look).await.json()["id"].as_str().unwrap().to_owned();
    let rule = json!({"name": word, "definition": {"trigger": {"inbound_message": {}}, "actions": [{"stop": {"reason": "x"}}]}});
    let automation = them.post("/v1/automations", &rule).await.json()["id"].as_str().unwrap().to_owned();
    let told = json!({"name": word, "url": format!("https://{word}.example.com/"), "events": ["automation"]});
    let endpoint = them.post("/v1/webhook-endpoints", &told).await.json()["id"].as_str().unwrap().to_owned();
    let steps = json!({"name": word, "actions": [{"status": {"to": "resolved"}}]});
    let r#macro = them.post("/v1/macros", &steps).await.json()["id"].as_str().unwrap().to_owned();
    let question = json!({"name": word, "filter": {"waiting": true}});
    let view = them.post("/v1/views", &question).await.json()["id"].as_str().unwrap().to_owned();
    let saying = json!({"shortcut": word.split('-').next(), "body": word});
    let quick_reply = them.post("/v1/quick-replies", &saying).await.json()["id"].as_str().unwrap().to_owned();
    let file = them.post(&format!("/v1/attachments?name={word}"), &json!({"canary": word})).await;
    let file = file.json()["id"].as_str().unwrap().to_owned();
    let somebody = json!({"name": word, "role": "agent"});
    let member = them.post("/v1/members", &somebody).await.json()["id"].as_str().unwrap().to_owned();
    let notification = notified(them, &conversation, &member).await;
    let department = them.post("/v1/departments", &named).await.json()["id"].as_str().unwrap().to_owned();
    let grants = json!({"name": word, "scopes": ["templates:read"], "sees": "assigned"});
    let role = them.post("/v1/roles", &grants).await.json()["id"].as_str().unwrap().to_owned();
    let ids = [
        ("acc", account),
        ("con", contact),
        ("sup", suppression),
        ("seg", segment),
        ("grp", group),
        ("tpl", template),
        ("cmp", campaign),
        ("cnv", conversation),
        ("lbl", label),
        ("aut", automation),
        ("end", endpoint),
        ("mac", r#macro),
        ("viw", view),
        ("qrp", quick_reply),
        ("att", file),
        ("mem", member),
        ("dep", department),
        ("rol", role),
        ("ntf", notification),
    ];
    Things { ids: ids.into(), draft }
}

#[tokio::test]
async fn what_is_somebody_elses_is_not_there_whatever_is_asked_of_it() {
    let world = World::new().await;
    let (ours, theirs) = (world.tenant().await, world.tenant().await);
    let (us, them) = (world.caller(ours.id).await, world.caller(theirs.id).await);
    let mark = Mark { word: "canary-7d1f", number: "+12025550173", external: "1001" };
    let theirs = things(&them, &mark).await;
    let (account, draft) = (theirs.of("/v1/accounts").unwrap().to_owned(), theirs.draft.clone());

    for (method, path) in operations() {
        let Some(id) = theirs.of(&path).filter(|_| path.contains("{id}")) else { continue };
        let body = body(&method, &path);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let answer = us.call(method.clone(), &target(&method, &path, id), &us.request_id(), text.as_bytes()).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{method} {path}: {}", answer.text());
    }
    for list in [
        "accounts",
        "contacts",
        "segments",
        "groups",
        "templates",
        "campaigns",
        "suppressions",
        "conversations",
        "labels",
        "webhook-endpoints",
        "automations",
        "macros",
        "views",
        "quick-replies",
        "members",
        "departments",
        "roles",
    ] {
        let answer = us.get(&format!("/v1/{list}")).await;
        assert!(!answer.text().contains("canary-7d1f") && !answer.text().contains("1001"), "{list}: {}", answer.text());
    }
    // Their account and template cannot be used from here either.
    assert_eq!(us.post("/v1/campaigns", &draft).await.code(), "unknown_account_or_template");
    assert_eq!(us.post("/v1/templates", &offer(&account)).await.code(), "unknown_account");
}
