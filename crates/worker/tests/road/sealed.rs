//! What a person says through an account that seals it, and changes later, rests sealed, and reads as ever.

use postroad_app::{contacts, messages, privacy, requests::Call, search};
use postroad_core::{message::Content, privacy::Bodies, unknown::Graces};
use postroad_store::messages::Filter;
use serde_json::json;

use crate::courtesies::Stage;

const BEFORE: &str = "walnut 91cc";
const SAID: &str = "peanut 27de";
const CHANGED: &str = "almond 63ea";

/// Rows with the words in what is kept of messages.
async fn kept(stage: &mut Stage, words: &str) -> i64 {
    sqlx::query_scalar("select count(*) from messages where content::text like '%' || $1 || '%'")
        .bind(words)
        .fetch_one(stage.world.seed.conn())
        .await
        .unwrap()
}

async fn found(stage: &Stage, phrase: &str) -> (usize, usize) {
    let wanted = search::Search { phrase: phrase.into(), limit: 10, ..search::Search::default() };
    let found = search::messages(&stage.world.app, stage.by.tenant, &wanted).await.unwrap();
    (found.hits.len(), found.not_searched.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_changed_after_its_account_seals_lies_sealed_and_reads_as_changed() {
    let mut stage = Stage::new().await;
    let (stop, _running) = stage.world.work(Graces::default());
    let (app, tenant) = (stage.world.app.clone(), stage.by.tenant);
    stage.says("1", BEFORE).await;
    assert_eq!(found(&stage, BEFORE).await, (1, 0));
    privacy::set(&app, tenant, Bodies::Sealed).await.unwrap();
    stage.says("2", SAID).await;
    assert_eq!((kept(&mut stage, BEFORE).await, kept(&mut stage, SAID).await), (1, 0), "it holds from then on");
    assert_eq!((found(&stage, BEFORE).await, found(&stage, SAID).await), ((1, 1), (0, 1)));

    for (id, about) in [("3", "wamid.1"), ("4", "wamid.2")] {
        let edit =
            json!({"edit": {"original_message_id": about, "message": {"type": "text", "text": {"body": CHANGED}}}});
        stage.tells(id, "edit", &edit).await;
    }
    assert_eq!((kept(&mut stage, BEFORE).await, kept(&mut stage, CHANGED).await), (0, 0));
    assert_eq!((found(&stage, BEFORE).await, found(&stage, CHANGED).await), ((0, 1), (0, 1)));
    let thread = messages::list(&app, &Call::operator(tenant), &Filter::default(), 50).await.unwrap();
    let texts = thread.iter().filter_map(|row| match row.content.0.said() {
        Content::Text { body, .. } => Some(body.0.as_str()),
        _ => None,
    });
    assert_eq!(texts.collect::<Vec<_>>(), [CHANGED, CHANGED]);

    let everything = contacts::everything(&app, tenant, thread[0].contact).await.unwrap();
    let said: Vec<_> = everything["messages"].as_array().unwrap().iter().map(|one| &one["content"]["body"]).collect();
    assert!(said.contains(&&json!(CHANGED)) && !everything.to_string().contains("body:v1:"), "{everything}");
    privacy::set(&app, tenant, Bodies::Plain).await.unwrap();
    stage.says("5", SAID).await;
    assert_eq!((kept(&mut stage, SAID).await, found(&stage, SAID).await), (1, (1, 1)));
    stop.cancel();
}
