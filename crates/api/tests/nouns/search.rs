//! Search over HTTP, and what keeps one tenant's words from another.

use postroad_store::TenantTx;
use postroad_testkit::SignedCaller;
use serde_json::{Value, json};
use sqlx::Executor;

use crate::{
    conversations::{Say, hear},
    world::{Tenant, World},
};

const ADA: &str = "12025550101";
const BEN: &str = "12025550102";

struct Desk {
    world: World,
    tenant: Tenant,
    caller: SignedCaller,
    said: std::cell::Cell<u32>,
}

impl Desk {
    async fn new() -> Self {
        let world = World::new().await;
        let tenant = world.tenant().await;
        let caller = world.caller(tenant.id).await;
        Self { world, tenant, caller, said: std::cell::Cell::new(0) }
    }

    async fn says(&self, from: &str, text: &str) {
        self.says_to(&self.tenant, from, text).await;
    }

    async fn says_to(&self, tenant: &Tenant, from: &str, text: &str) {
        self.world.clock.advance(chrono::TimeDelta::seconds(1));
        self.said.set(self.said.get() + 1);
        let id = self.said.get().to_string();
        let say = Say { from, text, id: &id, at: self.world.clock.now() };
        assert_eq!(hear(&self.world, tenant, &[say]).await, 1);
    }

    async fn page(&self, query: &str) -> Value {
        let answer = self.caller.get(&format!("/v1/messages/search?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    async fn snippets(&self, query: &str) -> Vec<String> {
        let page = self.page(query).await;
        page["data"].as_array().unwrap().iter().map(|hit| hit["snippet"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn words_are_found_newest_first_with_what_was_hit_marked_and_the_rest_as_text() {
    let desk = Desk::new().await;
    desk.says(BEN, "hello").await;
    desk.world.execute("update contacts set language = 'en'").await;
    desk.says(ADA, "Where is my order?").await;
    desk.says(BEN, "<b>Two</b> orders & no invoice").await;
    desk.says(ADA, "The order has come, thank you").await;
    let found = desk.snippets("q=order").await;
    assert_eq!((found.len(), found[0].as_str()), (3, "The <mark>order</mark> has come, thank you"));
    assert_eq!(found[2], "Where is my <mark>order</mark>?");
    // What looks like a tag is left out of a snippet, and what is left is text.
    assert_eq!(desk.snippets("q=order&language=en").await[1], " Two  <mark>orders</mark> &amp; no invoice");
    assert_eq!(desk.snippets("q=%22order%20has%22").await.len(), 1);
    assert_eq!(desk.snippets("q=order%20-thank").await.len(), 2);
    assert_eq!(desk.snippets("q=invoice%20or%20thank").await.len(), 2);
    assert_eq!(desk.snippets("q=nothing").await, Vec::<String>::new());
    assert_eq!(desk.snippets("q=%3F%21").await, Vec::<String>::new());
}

#[tokio::test]
async fn stems_are_those_of_the_persons_language() {
    let desk = Desk::new().await;
    desk.says(ADA, "hallo").await;
    desk.world.execute("update contacts set language = 'de'").await;
    desk.says(ADA, "Wo sind meine Bestellungen?").await;
    assert_eq!(desk.snippets("q=bestellung").await, Vec::<String>::new());
    assert_eq!(desk.snippets("q=bestellung&language=de").await.len(), 1);
    assert_eq!(desk.snippets("q=Bestellungen").await.len(), 1);
}

#[tokio::test]
async fn a_search_is_narrowed_by_every_filter_and_paged_without_gaps() {
    let desk = Desk::new().await;
    desk.says(ADA, "blue one").await;
    desk.says(BEN, "blue two").await;
    let middle = desk.world.clock.now() + chrono::TimeDelta::milliseconds(500);
    desk.says(ADA, "blue three").await;
    let all = desk.page("q=blue").await["data"].as_array().unwrap().clone();
    let of = |hit: &Value, name: &str| hit[name].as_str().unwrap().to_owned();
    let newest = &all[0];
    let member = desk.caller.post("/v1/members", &json!({"name": "Mia", "role": "agent"})).await.json();
    let reply = json!({"type": "text", "text": "blue four", "member_id": member["id"]});
    let path = format!("/v1/conversations/{}/messages", of(newest, "conversation_id"));
    assert_eq!(desk.caller.post(&path, &reply).await.status, 202);
    let text = middle.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    for (filter, count) in [
        (String::new(), 4),
        (format!("&conversation_id={}", of(newest, "conversation_id")), 3),
        (format!("&contact_id={}", of(newest, "contact_id")), 3),
        (format!("&account_id={}", desk.tenant.account), 4),
        ("&account_id=acc_00000000000000000000000000000000".to_owned(), 0),
        (format!("&member_id={}", member["id"].as_str().unwrap()), 1),
        ("&channel=whatsapp".to_owned(), 4),
        ("&channel=sms".to_owned(), 0),
        ("&direction=inbound".to_owned(), 3),
        ("&direction=outbound".to_owned(), 1),
        ("&type=text".to_owned(), 4),
        ("&type=media".to_owned(), 0),
        (format!("&until={text}"), 2),
        (format!("&since={text}"), 2),
    ] {
        assert_eq!(desk.snippets(&format!("q=blue{filter}")).await.len(), count, "{filter}");
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = desk.page(&format!("q=blue&limit=1{after}")).await;
        seen.extend(page["data"].as_array().unwrap().iter().map(|hit| of(hit, "message_id")));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 4);
    for query in ["q=", "q=a&limit=0", "q=a&after=x", "q=a&direction=up"] {
        let answer = desk.caller.get(&format!("/v1/messages/search?{query}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, "invalid_query"), "{query}");
    }
}

#[tokio::test]
async fn another_tenants_words_are_not_found_and_without_a_tenant_none_are() {
    let desk = Desk::new().await;
    let other = desk.world.tenant().await;
    desk.says(ADA, "our secret").await;
    desk.says_to(&other, ADA, "their secret").await;
    assert_eq!(desk.snippets("q=secret").await, ["our <mark>secret</mark>"]);
    // Not even by the word that stands for the other tenant.
    let named = format!("q=secret%20or%20%22t%3A{}%22", other.id.uuid());
    assert_eq!(desk.snippets(&named).await.len(), 1);
    let ask = "select count(*) from search_messages('secret', null, null, null, null, null, null, null, null, null, null, null, null, 10)";
    let mut db = desk.world.db.admin().await;
    db.execute("set role postroad_app").await.unwrap();
    let count: i64 = sqlx::query_scalar(ask).fetch_one(&mut db).await.unwrap();
    assert_eq!(count, 0);
    sqlx::query("select set_config('app.tenant_id', $1, false)")
        .bind(other.id.uuid().to_string())
        .execute(&mut db)
        .await
        .unwrap();
    let count: i64 = sqlx::query_scalar(ask).fetch_one(&mut db).await.unwrap();
    assert_eq!(count, 1);
    db.execute("set role postroad_system").await.unwrap();
    assert!(sqlx::query(ask).fetch_one(&mut db).await.is_err(), "only the app's role may search");
}

#[tokio::test]
async fn whoever_was_forgotten_is_found_no_more() {
    let desk = Desk::new().await;
    desk.says(ADA, "my secret").await;
    let contact = desk.page("q=secret").await["data"][0]["contact_id"].as_str().unwrap().to_owned();
    let conversations = desk.caller.get("/v1/conversations?q=name%20of").await.json();
    assert_eq!(conversations["data"].as_array().unwrap().len(), 1);
    assert_eq!(desk.caller.delete(&format!("/v1/contacts/{contact}")).await.status, 204);
    assert_eq!(desk.snippets("q=secret").await, Vec::<String>::new());
    assert_eq!(desk.world.count("select count(*) from message_texts").await, 0);
    assert_eq!(desk.caller.get("/v1/conversations?q=name%20of").await.json()["data"], json!([]));
}

#[tokio::test]
async fn what_campaigns_say_is_not_written_for_the_search() {
    let desk = Desk::new().await;
    desk.world.everybody_writes().await;
    let sent = json!({"to": "+12025550173", "type": "text", "text": "blue"});
    assert_eq!(desk.caller.post("/v1/messages", &sent).await.status, 202);
    assert_eq!(desk.world.count("select count(*) from messages").await, 1);
    assert_eq!(desk.world.count("select count(*) from message_texts").await, 0);
}

#[tokio::test]
async fn conversations_are_found_by_name_address_subject_and_label() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello").await;
    desk.says(BEN, "hello").await;
    let all = desk.caller.get("/v1/conversations").await.json()["data"].clone();
    let first = all[0]["id"].as_str().unwrap();
    let subject = json!({"subject": "Order 100% late"});
    assert_eq!(desk.caller.patch(&format!("/v1/conversations/{first}"), &subject).await.status, 200);
    let label = desk.caller.post("/v1/labels", &json!({"name": "Refund", "color": "#000000"})).await.json();
    let labelled = desk.caller.post(&format!("/v1/conversations/{first}/labels"), &json!({"add": [label["id"]]})).await;
    assert_eq!(labelled.status, 200, "{}", labelled.text());
    for (q, count) in
        [("hello", 0), ("name", 2), ("12025550101", 1), ("100%25", 1), ("1_0", 0), ("refund", 1), ("NAME%20OF", 2)]
    {
        let found = desk.caller.get(&format!("/v1/conversations?q={q}")).await.json();
        assert_eq!(found["data"].as_array().unwrap().len(), count, "{q}");
    }
}

/// The query stands in the function; it is taken from there, so that it is the one that runs.
#[tokio::test]
async fn a_rare_word_is_found_by_the_index_on_words() {
    let desk = Desk::new().await;
    desk.says(ADA, "needle").await;
    let mut db = desk.world.db.admin().await;
    for statement in [
        "insert into messages select (jsonb_populate_record(m, jsonb_build_object('id', gen_random_uuid(), 'provider_ref', null))).*
         from messages m, generate_series(1, 20000)",
        "insert into message_texts select (jsonb_populate_record(t, jsonb_build_object('message_id', m.id))).tenant_id, m.id,
                t.conversation_id, t.address_id, t.account_id, t.member_id, t.channel, t.direction, t.kind, t.at,
                words_of(t.tenant_id, 'hay number ' || m.id, null)
         from messages m, message_texts t where m.id <> t.message_id",
        "analyze message_texts",
    ] {
        db.execute(statement).await.unwrap();
    }
    let source: String = sqlx::query_scalar("select prosrc from pg_proc where proname = 'search_messages'")
        .fetch_one(&mut db)
        .await
        .unwrap();
    let query = source.split("$search$").nth(1).unwrap();
    let words = format!("'needle & ''t:{}'''::tsquery", desk.tenant.id.uuid());
    let mut query = query.replace("$15", "true").replace("$14", "51");
    for number in (3..=13).rev() {
        let kind = match number {
            4 => "uuid[]",
            3 | 5 | 6 | 13 => "uuid",
            10..=12 => "timestamptz",
            _ => "text",
        };
        query = query.replace(&format!("${number}"), &format!("null::{kind}"));
    }
    let query = query.replace("$2", &words).replace("$1", &format!("'{}'::uuid", desk.tenant.id.uuid()));
    // As the function runs: the role that owns it, which is under row-level security.
    db.execute("set role postroad_owner").await.unwrap();
    let plan: Vec<String> =
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("explain {query}"))).fetch_all(&mut db).await.unwrap();
    assert!(plan.iter().any(|line| line.contains("message_texts_words")), "{plan:#?}");
    db.execute("reset role").await.unwrap();
    let mut tx = TenantTx::begin(&desk.world.app.store, desk.tenant.id).await.unwrap();
    let wanted = postroad_store::texts::Search { phrase: "needle".into(), limit: 10, ..Default::default() };
    assert_eq!(postroad_store::texts::search(&mut tx, &wanted).await.unwrap().len(), 1);
}
