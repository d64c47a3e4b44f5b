//! Tags, segments and groups over HTTP, and campaigns for them.

use http::Method;
use postroad_testkit::SignedCaller;
use serde_json::{Value, json};

use crate::{
    accounts::{connected, offer},
    world::World,
};

/// Six people, numbered from 1: the odd ones are tagged, all but the sixth agreed, the fifth is suppressed.
async fn people(caller: &SignedCaller) -> Vec<String> {
    let person = |n: u32| {
        let tags = if n % 2 == 1 { json!(["VIP ", "odd"]) } else { json!([]) };
        json!({"external_key": format!("k{n}"), "display_name": format!("P{n}"), "tags": tags,
               "addresses": [{"channel": "whatsapp", "address": format!("+1202555010{n}")}]})
    };
    let batch = json!({"contacts": (1..=6).map(person).collect::<Vec<_>>()});
    let results = caller.post("/v1/contacts/batch", &batch).await.json()["results"].clone();
    let word = |n: u32| json!({"channel": "whatsapp", "address": format!("+1202555010{n}"), "purpose": "marketing", "action": "granted", "source": "form"});
    caller.post("/v1/consents", &json!({"consents": (1..=5).map(word).collect::<Vec<_>>()})).await;
    caller
        .post("/v1/suppressions", &json!({"suppressions": [{"address": "+12025550105", "reason": "complaint"}]}))
        .await;
    results.as_array().unwrap().iter().map(|result| result["id"].as_str().unwrap().to_owned()).collect()
}

async fn world() -> (World, SignedCaller, Vec<String>) {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    let people = people(&caller).await;
    (world, caller, people)
}

fn ids(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn tags_are_said_with_a_contact_changed_one_by_one_or_of_many_and_listed() {
    let (_world, caller, people) = world().await;
    let path = format!("/v1/contacts/{}", people[0]);
    assert_eq!(caller.get(&path).await.json()["tags"], json!(["odd", "vip"]));
    let again = caller.post("/v1/contacts", &json!({"external_key": "k1", "tags": ["new"]})).await.json();
    assert_eq!(again["tags"], json!(["new", "odd", "vip"]), "besides the others");
    let changed = caller.patch(&path, &json!({"tags": ["Gold"]})).await.json();
    assert_eq!(changed["tags"], json!(["gold"]), "all of them");
    assert_eq!(caller.patch(&path, &json!({"language": "en"})).await.json()["tags"], json!(["gold"]));

    let nobody = "con_00000000000000000000000000000000";
    let change = json!({"contact_ids": [people[1], people[2], nobody], "add": ["VIP"], "remove": ["odd"]});
    assert_eq!(caller.post("/v1/contacts/tags", &change).await.json(), json!({"found": 2, "changed": 2}));
    assert_eq!(caller.post("/v1/contacts/tags", &change).await.json(), json!({"found": 2, "changed": 0}));
    let vips = caller.get("/v1/contacts?tag=Vip&limit=2").await.json();
    let rest =
        caller.get(&format!("/v1/contacts?tag=vip&limit=2&after={}", vips["next"].as_str().unwrap())).await.json();
    let mut found = [ids(&vips), ids(&rest)].concat();
    let mut tagged = vec![&people[1], &people[2], &people[4]];
    // Ids of one moment are in any order.
    found.sort_unstable();
    tagged.sort_unstable();
    assert_eq!((found, ids(&vips).len()), (tagged.into_iter().map(String::as_str).collect(), 2));

    let many: Vec<String> = (0..50).map(|n| format!("t{n}")).collect();
    let cases = [
        (json!({"contact_ids": [], "add": ["a"]}), "batch_size"),
        (json!({"contact_ids": vec![nobody; 1_001], "add": ["a"]}), "batch_size"),
        (json!({"contact_ids": [nobody], "add": ["a,b"]}), "invalid_tags"),
        (json!({"contact_ids": [people[0]], "add": many}), "too_many_tags"),
        (json!({"contact_ids": ["x"]}), "invalid_body"),
    ];
    for (body, code) in cases {
        let answer = caller.post("/v1/contacts/tags", &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, code), "{}", answer.text());
    }
    assert_eq!(caller.post("/v1/contacts", &json!({"external_key": "k1", "tags": many})).await.code(), "too_many_tags");
    assert_eq!(caller.get("/v1/contacts?tag=a,b").await.code(), "invalid_query");
}

#[tokio::test]
async fn a_segment_is_kept_once_changed_and_taken_away() {
    let (_world, caller, _) = world().await;
    let new = json!({"name": "Vips", "filter": {"tag": {"has": "vip"}}});
    let (id, text) = (caller.request_id(), new.to_string());
    let mut told = Vec::new();
    for _ in 0..2 {
        let answer = caller.call(Method::POST, "/v1/segments", &id, text.as_bytes()).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        told.push(answer.json());
    }
    assert_eq!(told[0], told[1], "the same call is carried out once");
    assert_eq!(told[0]["filter"], new["filter"]);
    assert_eq!(caller.post("/v1/segments", &new).await.code(), "name_taken");
    let path = format!("/v1/segments/{}", told[0]["id"].as_str().unwrap());
    assert_eq!(caller.get(&path).await.json(), told[0]);
    let changed = caller.patch(&path, &json!({"name": "Very"})).await.json();
    assert_eq!((&changed["name"], &changed["filter"]), (&json!("Very"), &new["filter"]));
    assert_eq!(ids(&caller.get("/v1/segments").await.json()), [told[0]["id"].as_str().unwrap()]);

    let bad = [
        (json!({"name": "", "filter": {"tag": {"has": "a"}}}), "invalid_name"),
        (json!({"name": "x", "filter": {"tag": {"has": "A"}}}), "invalid_filter"),
        (json!({"name": "x", "filter": {"tags": {"has": "a"}}}), "invalid_body"),
        (json!({"name": "x", "filter": {"group": "grp_00000000000000000000000000000000"}}), "unknown_group"),
        (json!({"name": "x"}), "invalid_body"),
    ];
    for (body, code) in bad {
        let answer = caller.post("/v1/segments", &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, code), "{}", answer.text());
    }
    let detail =
        caller.patch(&path, &json!({"filter": {"all": [{"language": ["x1"]}]}})).await.json()["detail"].clone();
    assert_eq!(detail, "filter.all[0].language[0]: is no language; write one like en, pt-BR or en_US");
    assert_eq!(caller.delete(&path).await.status, 204);
    assert_eq!(caller.delete(&path).await.status, 404);
}

#[tokio::test]
async fn a_preview_counts_whom_a_message_would_reach_and_shows_some() {
    let (_world, caller, people) = world().await;
    let everybody = json!({"address": "whatsapp"});
    let told = caller.post("/v1/segments/preview", &json!({"filter": everybody, "channel": "whatsapp"})).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let told = told.json();
    let counts = ["matched", "no_address", "suppressed", "opted_out", "no_consent", "will_receive"]
        .map(|name| told[name].as_i64().unwrap());
    assert_eq!(counts, [6, 0, 1, 0, 1, 4]);
    assert_eq!(told["at"], "2026-03-02T12:00:00Z");
    let samples: Vec<(&str, &str)> = told["samples"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["contact_id"].as_str().unwrap(), s["standing"].as_str().unwrap()))
        .collect();
    assert!(
        samples.contains(&(people[4].as_str(), "suppressed")) && samples.contains(&(people[5].as_str(), "no_consent"))
    );
    let sms = caller.post("/v1/segments/preview", &json!({"filter": everybody, "channel": "sms"})).await.json();
    assert_eq!((&sms["matched"], &sms["no_address"]), (&json!(6), &json!(6)));

    let segment = caller.post("/v1/segments", &json!({"name": "Odd", "filter": {"tag": {"has": "odd"}}})).await.json()
        ["id"]
        .clone();
    let odd = caller
        .post(
            "/v1/segments/preview",
            &json!({"segment_id": segment, "channel": "whatsapp", "purpose": "transactional"}),
        )
        .await
        .json();
    assert_eq!((&odd["matched"], &odd["no_consent"]), (&json!(3), &json!(2)));
    for (body, code) in [
        (json!({"channel": "sms"}), "invalid_audience"),
        (json!({"filter": everybody, "segment_id": segment, "channel": "sms"}), "invalid_audience"),
        (json!({"filter": {"any": []}, "channel": "sms"}), "invalid_filter"),
        (json!({"filter": everybody, "channel": "sms", "purpose": "conversational"}), "invalid_purpose"),
        (json!({"segment_id": "seg_00000000000000000000000000000000", "channel": "sms"}), "unknown_segment"),
    ] {
        assert_eq!(caller.post("/v1/segments/preview", &body).await.code(), code, "{body}");
    }
}

#[tokio::test]
async fn a_group_is_made_filled_read_and_emptied() {
    let (_world, caller, people) = world().await;
    let made = caller.post("/v1/groups", &json!({"name": "Press"})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let path = format!("/v1/groups/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(caller.post("/v1/groups", &json!({"name": "PRESS"})).await.code(), "name_taken");
    let members = format!("{path}/members");
    assert_eq!(caller.post(&members, &json!({"contact_ids": people[..4]})).await.json(), json!({"changed": 4}));
    let segment = caller.post("/v1/segments", &json!({"name": "Odd", "filter": {"tag": {"has": "odd"}}})).await.json()
        ["id"]
        .clone();
    assert_eq!(caller.post(&members, &json!({"segment_id": segment})).await.json(), json!({"changed": 1}));
    assert_eq!(caller.get(&path).await.json()["members"], 5);
    let first = caller.get(&format!("{members}?limit=3")).await.json();
    let rest = caller.get(&format!("{members}?limit=3&after={}", first["next"].as_str().unwrap())).await.json();
    assert_eq!((first["data"].as_array().unwrap().len(), rest["data"].as_array().unwrap().len()), (3, 2));
    let removed = caller.post(&format!("{members}/remove"), &json!({"segment_id": segment})).await.json();
    assert_eq!(removed, json!({"changed": 3}));
    assert_eq!(caller.patch(&path, &json!({"name": "Media"})).await.json()["name"], "Media");
    for body in [json!({}), json!({"contact_ids": [], "segment_id": segment})] {
        assert_eq!(caller.post(&members, &body).await.code(), "invalid_audience");
    }
    assert_eq!(caller.post(&members, &json!({"contact_ids": vec![&people[0]; 1_001]})).await.code(), "batch_size");

    let filter = json!({"name": "Others", "filter": {"not": {"group": made.json()["id"]}}});
    let others = caller.post("/v1/segments", &filter).await.json()["id"].as_str().unwrap().to_owned();
    let refused = caller.delete(&path).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "in_use"));
    caller.delete(&format!("/v1/segments/{others}")).await;
    assert_eq!(caller.delete(&path).await.status, 204);
    assert_eq!(caller.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_campaign_is_for_a_segment_a_group_or_a_filter_and_leaves_some_out() {
    let (_world, caller, people) = world().await;
    let account = connected(&caller, "1001").await;
    let template = caller.post("/v1/templates", &offer(&account)).await.json()["id"].clone();
    let segment = caller.post("/v1/segments", &json!({"name": "Odd", "filter": {"tag": {"has": "odd"}}})).await.json()
        ["id"]
        .clone();
    let group = caller.post("/v1/groups", &json!({"name": "Press"})).await.json()["id"].clone();
    caller.post(&format!("/v1/groups/{}/members", group.as_str().unwrap()), &json!({"contact_ids": people[..2]})).await;
    let draft = |audience: &Value, exclude: &Value| {
        json!({"name": "Spring", "account_id": account, "template_id": template, "audience": audience, "exclude": exclude,
               "variables": [{"value": "a"}, {"value": "b"}]})
    };
    let filter = json!({"not": {"tag": {"has": "odd"}}});
    let cases = [
        (json!({"segment_id": segment}), json!([]), 3),
        (json!({"group_id": group}), json!([]), 2),
        (json!({"filter": filter}), json!([]), 3),
        (json!({"all": true}), json!([{"segment_id": segment}, {"group_id": group}]), 2),
        (json!({"segment_id": segment}), json!([{"filter": filter}, {"group_id": group}]), 2),
    ];
    for (audience, exclude, recipients) in &cases {
        let made = caller.post("/v1/campaigns", &draft(audience, exclude)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        assert_eq!((&made["audience"], &made["exclude"]), (audience, exclude));
        let told =
            caller.post(&format!("/v1/campaigns/{}/dry-run", made["id"].as_str().unwrap()), &json!({})).await.json();
        assert_eq!(
            (&told["recipients"], &told["examined"]),
            (&json!(recipients), &json!(recipients)),
            "{audience} {exclude}"
        );
    }
    for (audience, exclude, code) in [
        (json!({"segment_id": "seg_00000000000000000000000000000000"}), json!([]), "unknown_segment"),
        (json!({"filter": {"all": []}}), json!([]), "invalid_filter"),
        (json!({"segment_id": segment, "all": true}), json!([]), "invalid_audience"),
        (json!({"all": true}), json!([{}]), "invalid_audience"),
        (json!({"all": true}), json!(vec![json!({"group_id": group}); 11]), "too_many_exclusions"),
    ] {
        assert_eq!(
            caller.post("/v1/campaigns", &draft(&audience, &exclude)).await.code(),
            code,
            "{audience} {exclude}"
        );
    }
}
