//! Streams of live updates: what comes, in which order, for whom, and how they end.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use postroad_api::{Settings, StreamSettings};
use postroad_app::{clients::Grant, housekeeping};
use postroad_core::{
    actor::Actor,
    conversation::EventKind,
    ids::{ConversationId, TenantId},
    limits::EVENTS_KEPT,
    scope::Scope,
};
use postroad_store::{TenantTx, events};
use postroad_testkit::{EventStream, SignedCaller};
use serde_json::{Value, json};

use crate::{
    conversations::{ADA, BEN, Desk, path},
    world::{World, all_scopes, noon},
};

/// Tells that `count` things happened to a conversation, a hundred in each transaction.
async fn tell(world: &World, tenant: TenantId, conversation: ConversationId, count: usize) {
    let event = events::Event {
        kind: EventKind::Edited,
        conversation,
        message: None,
        actor: Actor::System,
        data: json!({"note": "x".repeat(100)}),
    };
    let mut left = count;
    while left > 0 {
        let now = left.min(100);
        let mut tx = TenantTx::begin(&world.app.store, tenant).await.unwrap();
        events::tell(&mut tx, &vec![(tenant, event.clone()); now], world.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        left -= now;
    }
}

async fn following(caller: &SignedCaller, query: &str, last: Option<i64>) -> EventStream {
    let mut stream = caller.follow(&format!("/v1/events{query}"), last).await;
    assert_eq!(stream.status, 200);
    let hello = stream.next().await.unwrap();
    assert_eq!(hello.event, "hello");
    stream
}

/// The numbers of the next `count` events.
async fn numbers(stream: &mut EventStream, count: usize) -> Vec<i64> {
    let mut numbers = Vec::with_capacity(count);
    while numbers.len() < count {
        let frame = stream.next().await.expect("the stream goes on");
        if let Some(seq) = frame.data["seq"].as_i64().filter(|_| frame.event.contains('.')) {
            assert_eq!(frame.id, Some(seq));
            numbers.push(seq);
        }
    }
    numbers
}

fn id_of(conversation: &Value) -> ConversationId {
    conversation["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_stream_begins_with_the_newest_number_and_tells_what_happens_without_what_was_said() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello", "a").await;
    let mut stream = desk.caller.follow("/v1/events", None).await;
    let headers =
        ["content-type", "cache-control", "x-accel-buffering"].map(|name| stream.headers[name].to_str().unwrap());
    assert_eq!((stream.status, headers), (200, ["text/event-stream", "no-store", "no"]));
    let hello = stream.next().await.unwrap();
    assert_eq!((hello.id, &hello.data), (Some(2), &json!({"seq": 2, "resumed": false})));
    assert!((1_000..=3_000).contains(&hello.retry.unwrap()));
    desk.says(ADA, "the canary sings", "b").await;
    let told = stream.next().await.unwrap();
    let one = desk.only().await;
    assert_eq!((told.id, told.event.as_str()), (Some(3), "message.received"));
    assert_eq!(told.data["conversation_id"], one["id"]);
    assert_eq!((&told.data["data"], &told.data["actor"]), (&json!({"type": "text"}), &json!("system")));
    assert!(told.data["message_id"].is_string() && !told.data.to_string().contains("canary"));
    desk.do_to(&one, "status", json!({"state": "pending"})).await;
    let told = stream.next().await.unwrap();
    assert_eq!((told.id, &told.data["data"]["is"]), (Some(4), &json!("pending")));
}

#[tokio::test]
async fn whoever_comes_back_after_five_thousand_events_gets_each_of_them_once_and_in_order() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello", "a").await;
    let one = id_of(&desk.only().await);
    let mut stream = following(&desk.caller, "", None).await;
    tell(&desk.world, desk.tenant.id, one, 10).await;
    assert_eq!(numbers(&mut stream, 10).await, (3..=12).collect::<Vec<_>>());
    drop(stream);
    tell(&desk.world, desk.tenant.id, one, 5_000).await;
    let mut stream = following(&desk.caller, "", Some(12)).await;
    let (missed, ()) = tokio::join!(numbers(&mut stream, 5_200), tell(&desk.world, desk.tenant.id, one, 200));
    assert_eq!(missed, (13..=5_212).collect::<Vec<_>>(), "what happens meanwhile follows without a gap");
    let mut by_query = following(&desk.caller, "?after=5210", None).await;
    assert_eq!(numbers(&mut by_query, 2).await, [5_211, 5_212]);
}

#[tokio::test]
async fn many_streams_that_come_and_go_miss_nothing_while_much_happens() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello", "a").await;
    let one = id_of(&desk.only().await);
    let follow = async |start: usize| {
        let mut last = 2;
        let mut seen = Vec::new();
        while seen.len() < 2_000 {
            let mut stream = following(&desk.caller, "", Some(last)).await;
            let some = (150 + 37 * start).min(2_000 - seen.len());
            seen.extend(numbers(&mut stream, some).await);
            last = *seen.last().unwrap();
        }
        assert_eq!(seen, (3..=2_002).collect::<Vec<_>>());
    };
    let streams = futures::future::join_all((0..12).map(follow));
    tokio::join!(streams, tell(&desk.world, desk.tenant.id, one, 2_000));
}

#[tokio::test]
async fn a_client_that_reads_slowly_is_not_kept_in_memory_and_misses_nothing() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello", "a").await;
    let one = id_of(&desk.only().await);
    let mut slow = following(&desk.caller, "", None).await;
    let mut quick = following(&desk.caller, "", None).await;
    let count = 40_000;
    let (seen, ()) = tokio::join!(numbers(&mut quick, count), tell(&desk.world, desk.tenant.id, one, count));
    assert_eq!(seen.len(), count);
    let mut resumed = None;
    let mut last = 2;
    while last < 2 + i64::try_from(count).unwrap() {
        let frame = slow.next().await.unwrap();
        match frame.event.as_str() {
            "resume" => resumed = Some(frame.data["seq"].as_i64().unwrap()),
            "conversation.edited" => {
                assert_eq!(frame.id, Some(last + 1));
                last += 1;
            }
            _ => {}
        }
    }
    assert!(resumed.is_some_and(|seq| seq > 2), "{resumed:?}");
    let metrics =
        desk.world.http.send(http::Request::get(format!("{}/metrics", desk.world.base)).body(vec![]).unwrap()).await;
    for name in
        ["postroad_live_sessions 2", "postroad_live_lag_seconds_count", "postroad_live_reads_total{reader=\"hub\"}"]
    {
        assert!(metrics.text().contains(name), "{name}: {}", metrics.text());
    }
}

#[tokio::test]
async fn who_was_away_for_longer_than_events_are_kept_is_told_to_load_anew() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello", "a").await;
    let one = id_of(&desk.only().await);
    tell(&desk.world, desk.tenant.id, one, 1_300).await;
    desk.world.clock.advance(EVENTS_KEPT + TimeDelta::seconds(1));
    tell(&desk.world, desk.tenant.id, one, 5).await;
    housekeeping::prune(&desk.world.app).await.unwrap();
    assert_eq!(desk.world.count("select count(*) from events").await, 5);
    let mut stream = following(&desk.caller, "", Some(7)).await;
    let reset = stream.next().await.unwrap();
    assert_eq!((reset.event.as_str(), reset.id), ("reset", Some(1_307)));
    assert_eq!(reset.data, json!({"seq": 1_307, "had": 7}));
    tell(&desk.world, desk.tenant.id, one, 1).await;
    assert_eq!(numbers(&mut stream, 1).await, [1_308]);
    let mut kept = following(&desk.caller, "", Some(1_302)).await;
    assert_eq!(numbers(&mut kept, 6).await, (1_303..=1_308).collect::<Vec<_>>(), "the newest that is gone is no gap");
    let mut ahead = following(&desk.caller, "", Some(9_999)).await;
    assert_eq!(ahead.next().await.unwrap().event, "reset", "a number from another world");
}

#[tokio::test]
async fn a_stream_carries_what_it_is_asked_for_and_still_knows_where_it_stands() {
    let streams = StreamSettings { heartbeat: Duration::from_millis(200), ..StreamSettings::default() };
    let desk = Desk::in_world(World::at(noon(), Settings { streams, ..Settings::default() }).await).await;
    desk.says(ADA, "hello", "a").await;
    let ada = desk.only().await;
    let query = format!("?conversation={}&kinds=conversation.state,message.received", ada["id"].as_str().unwrap());
    let mut stream = following(&desk.caller, &query, None).await;
    desk.says(BEN, "hi", "b").await;
    desk.do_to(&ada, "assign", json!({})).await;
    desk.do_to(&ada, "status", json!({"state": "pending"})).await;
    let told = stream.event("conversation.state").await;
    assert_eq!(told.data["conversation_id"], ada["id"]);
    desk.do_to(&ada, "assign", json!({})).await;
    let last = desk.world.count("select last_seq from event_counters").await;
    let silent = loop {
        let frame = stream.next().await.unwrap();
        assert_eq!(frame.event, "", "nothing else is told: {frame:?}");
        if frame.id.is_some() {
            break frame;
        }
    };
    assert_eq!(silent.id, Some(last), "the number moves without an event");
    let refused = desk.caller.get("/v1/events?kinds=message.text").await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "invalid_query"));
    let refused = desk.caller.get("/v1/events?conversation=cnv_00000000000000000000000000000000").await;
    assert_eq!(refused.code(), "not_found");
}

#[tokio::test]
async fn nobody_sees_what_happens_to_others() {
    let desk = Desk::new().await;
    let theirs = desk.world.tenant().await;
    let them = desk.world.caller(theirs.id).await;
    let mut stream = following(&them, "", None).await;
    desk.says(ADA, "hello", "a").await;
    desk.do_to(&desk.only().await, "status", json!({"state": "pending"})).await;
    let conversation = ConversationId::new(noon());
    tell(&desk.world, theirs.id, conversation, 1).await;
    let first = stream.next().await.unwrap();
    assert_eq!((first.id, first.data["conversation_id"].as_str()), (Some(1), Some(conversation.to_string().as_str())));
}

#[tokio::test]
async fn who_types_is_told_to_others_at_once_without_a_number_and_at_most_once_a_second() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello", "a").await;
    let one = desk.only().await;
    let (ada, ben) = (desk.member("Ada").await, desk.member("Ben").await);
    let mut of_ada = following(&desk.caller, &format!("?member={ada}&kinds=typing,conversation.edited"), None).await;
    let mut of_ben = following(&desk.caller, &format!("?member={ben}&kinds=typing"), None).await;
    let typing = |member: &str, typing: bool| json!({"member_id": member, "typing": typing});
    for _ in 0..3 {
        desk.do_to(&one, "typing", typing(&ada, true)).await;
    }
    desk.do_to(&one, "typing", typing(&ada, false)).await;
    let told = of_ben.next().await.unwrap();
    assert_eq!((told.id, told.event.as_str()), (None, "typing"));
    let expected = (&json!(ada), &json!(true), &json!(desk.world.clock.now() + TimeDelta::seconds(3)));
    assert_eq!((&told.data["member_id"], &told.data["typing"], &told.data["expires_at"]), expected);
    let told = of_ben.next().await.unwrap();
    assert_eq!((&told.data["typing"], &told.data["conversation_id"]), (&json!(false), &one["id"]));
    desk.do_to(&one, "typing", typing(&ben, true)).await;
    let told = of_ada.next().await.unwrap();
    assert_eq!(told.data["member_id"], json!(ben), "one's own is not told to oneself");
    let nobody = "mem_00000000000000000000000000000000";
    let refused = desk.caller.post(&path(&one, "typing"), &typing(nobody, true)).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "unknown_member"));
}

#[tokio::test]
async fn who_is_there_is_told_to_those_who_may_know_members_and_ends_by_itself() {
    let desk = Desk::new().await;
    let ada = desk.member("Ada").await;
    let grant = Grant { scopes: vec![Scope::ConversationsRead], ..all_scopes() };
    let outsider = desk.world.caller_with(desk.tenant.id, true, &grant).await;
    let mut hidden = following(&outsider, "", None).await;
    let mut shown = following(&desk.caller, "", None).await;
    let said = desk.caller.post("/v1/presence", &json!({"member_id": ada, "state": "busy"})).await;
    assert_eq!(said.status, 204, "{}", said.text());
    let told = shown.next().await.unwrap();
    assert_eq!((told.id, told.event.as_str(), &told.data["state"]), (None, "presence", &json!("busy")));
    tell(&desk.world, desk.tenant.id, ConversationId::new(noon()), 1).await;
    assert_eq!(hidden.next().await.unwrap().event, "conversation.edited");
    let present = async || desk.caller.get("/v1/presence").await.json()["data"].clone();
    assert_eq!(present().await[0]["member_id"], json!(ada));
    assert_eq!(outsider.get("/v1/presence").await.code(), "missing_scope");
    desk.world.clock.advance(TimeDelta::seconds(60));
    assert_eq!(present().await, json!([]));
}

#[tokio::test]
async fn a_stream_ends_when_its_key_does_and_when_the_server_stops() {
    let streams = StreamSettings { recheck: Duration::from_millis(100), ..StreamSettings::default() };
    let mut desk = Desk::in_world(World::at(noon(), Settings { streams, ..Settings::default() }).await).await;
    let other = desk.world.caller(desk.tenant.id).await;
    let mut revoked = following(&other, "", None).await;
    let mut stays = following(&desk.caller, "", None).await;
    sqlx::query("update api_keys set status = 'revoked' where key_id = $1")
        .bind(&other.key_id)
        .execute(&mut desk.world.db.admin().await)
        .await
        .unwrap();
    let bye = revoked.event("bye").await;
    assert_eq!(bye.data, json!({"reason": "key_revoked"}));
    assert_eq!(revoked.next().await, None);
    desk.world.stop().await;
    assert_eq!(stays.event("bye").await.data, json!({"reason": "shutdown"}));
    assert_eq!(stays.next().await, None);
}

#[tokio::test]
async fn a_client_has_so_many_streams_and_a_closed_one_makes_room() {
    let streams = StreamSettings { per_client_max: 2, process_max: 3, ..StreamSettings::default() };
    let desk = Desk::in_world(World::at(noon(), Settings { streams, ..Settings::default() }).await).await;
    let other = Arc::new(desk.world.caller(desk.tenant.id).await);
    let first = following(&desk.caller, "", None).await;
    let second = following(&desk.caller, "", None).await;
    let refused = desk.caller.get("/v1/events").await;
    assert_eq!(
        (refused.status, refused.code().as_str(), refused.header("retry-after")),
        (429, "too_many_streams", "5")
    );
    let _third = following(&other, "", None).await;
    assert_eq!(other.get("/v1/events").await.code(), "too_many_streams", "of the process");
    drop((first, second));
    for _ in 0..100 {
        if desk.caller.follow("/v1/events", None).await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("closed streams are still counted");
}
