//! A campaign from its draft to its counts.

use http::Method;
use postroad_app::{campaigns, clients::Grant, plan};
use postroad_core::{jobs::PlanCampaign, scope::Scope};
use postroad_testkit::SignedCaller;
use serde_json::{Value, json};

use crate::{
    accounts::{connected, offer},
    world::{World, all_scopes},
};

pub(super) struct Stage {
    pub(super) world: World,
    pub(super) caller: SignedCaller,
    pub(super) draft: Value,
}

impl Stage {
    /// Four people: one agreed, one said nothing, one said stop, one agreed and sleeps.
    pub(super) async fn new() -> Self {
        let world = World::new().await;
        let tenant = world.tenant().await;
        let caller = world.caller(tenant.id).await;
        let settings = json!({"name": "Shop", "time_zone": "UTC", "quiet_hours": "21:00-08:00"});
        let body = settings.to_string();
        caller.call(Method::PUT, "/v1/tenant/settings", &caller.request_id(), body.as_bytes()).await;
        let account = connected(&caller, "1001").await;
        let template = caller.post("/v1/templates", &offer(&account)).await.json();
        let people = json!({"contacts": [person(1, "Europe/Paris"), person(2, "Europe/Paris"), person(3, "Europe/Paris"),
                                         person(4, "Asia/Tokyo")]});
        caller.post("/v1/contacts/batch", &people).await;
        let words = json!({"consents": [word(1, "granted"), word(3, "revoked"), word(4, "granted")]});
        assert_eq!(caller.post("/v1/consents", &words).await.status, 201);
        let draft = json!({"name": "Spring", "account_id": account, "template_id": template["id"], "audience": {"all": true},
                           "variables": [{"attribute": "first_name", "fallback": "there"}, {"value": "20 %"}]});
        Self { world, caller, draft }
    }

    pub(super) async fn made(&self) -> String {
        let made = self.caller.post("/v1/campaigns", &self.draft).await;
        assert_eq!(made.status, 201, "{}", made.text());
        format!("/v1/campaigns/{}", made.json()["id"].as_str().unwrap())
    }

    pub(super) async fn act(&self, path: &str, action: &str) -> Value {
        let answer = self.caller.post(&format!("{path}/{action}"), &json!({})).await;
        assert_eq!(answer.status, 200, "{action}: {}", answer.text());
        answer.json()
    }

    /// What the worker would do.
    pub(super) async fn plan(&self) {
        let jobs: Vec<Vec<u8>> =
            sqlx::query_scalar("select job from apalis.jobs where job_type = 'campaign' order by id")
                .fetch_all(&mut self.world.db.admin().await)
                .await
                .unwrap();
        for job in jobs {
            let job: PlanCampaign = serde_json::from_slice(&job).unwrap();
            plan::plan_page(&self.world.app, &job).await.unwrap();
        }
    }
}

fn person(n: u32, zone: &str) -> Value {
    json!({"external_key": format!("k{n}"), "time_zone": zone, "attributes": {"first_name": format!("P{n}")},
           "addresses": [{"channel": "whatsapp", "address": format!("+1202555010{n}")}]})
}

fn word(n: u32, action: &str) -> Value {
    json!({"channel": "whatsapp", "address": format!("+1202555010{n}"), "purpose": "marketing", "action": action, "source": "form"})
}

#[tokio::test]
async fn a_dry_run_tells_what_the_gates_would_say_and_leaves_no_trace() {
    let stage = Stage::new().await;
    let path = stage.made().await;
    let told = stage.act(&path, "dry-run").await;
    assert_eq!((&told["recipients"], &told["examined"], &told["accepted"]), (&json!(4), &json!(4), &json!(1)));
    assert_eq!(told["refused"], json!({"no_consent": 1, "opted_out": 1}));
    assert_eq!(told["waiting"], json!({"quiet_hours": 1}));
    let preview = stage.caller.get(&format!("{path}/preview")).await.json();
    let texts: Vec<&str> = preview["samples"].as_array().unwrap().iter().map(|s| s["text"].as_str().unwrap()).collect();
    assert!(texts.contains(&"Hi P1, 20 % off until Sunday."), "{texts:?}");
    assert_eq!(stage.world.count("select count(*) from sends").await, 0);
    assert_eq!(stage.world.count("select count(*) from recipients").await, 0);
    assert_eq!(stage.caller.get(&path).await.json()["state"], "draft");
}

#[tokio::test]
async fn a_dry_run_names_people_foresees_the_end_and_is_kept() {
    let stage = Stage::new().await;
    let path = stage.made().await;
    let kept = format!("{path}/dry-run");
    assert_eq!(stage.caller.get(&kept).await.status, 404, "nobody has asked yet");
    let told = stage.act(&path, "dry-run").await;
    assert_eq!(told["people"]["opted_out"].as_array().unwrap().len(), 1);
    let forecast = &told["forecast"];
    assert_eq!(forecast["first_at"], "2026-03-02T12:00:00Z");
    // In Tokyo the night ends at 23:00 in Greenwich.
    assert_eq!(forecast["limited_by"]["until"], "2026-03-02T23:00:00Z", "{forecast}");
    assert_eq!(
        (&forecast["limited_by"]["by"], &forecast["limited_by"]["reason"]),
        (&json!("gate"), &json!("quiet_hours"))
    );
    let hours: Vec<&Value> = forecast["curve"].as_array().unwrap().iter().map(|hour| &hour["at"]).collect();
    assert_eq!(hours, ["2026-03-02T12:00:00Z", "2026-03-02T23:00:00Z"]);
    assert_eq!(stage.caller.get(&kept).await.json(), told);
}

#[tokio::test]
async fn a_running_campaign_says_when_it_will_be_done() {
    let stage = Stage::new().await;
    let path = stage.made().await;
    stage.act(&path, "start").await;
    stage.plan().await;
    let forecast = stage.caller.get(&format!("{path}/forecast")).await.json();
    assert_eq!(forecast["limited_by"]["reason"], "quiet_hours", "{forecast}");
    assert!(forecast["p50_at"].as_str().unwrap().starts_with("2026-03-02T23:00:0"), "{forecast}");
    stage.act(&path, "cancel").await;
    let forecast = stage.caller.get(&format!("{path}/forecast")).await.json();
    assert_eq!((forecast.get("p50_at"), &forecast["limited_by"]["by"]), (None, &json!("nothing")));
}

#[tokio::test]
async fn a_campaign_begins_is_stopped_goes_on_and_is_counted() {
    let stage = Stage::new().await;
    let path = stage.made().await;
    assert_eq!(stage.act(&path, "start").await["state"], "preparing");
    stage.plan().await;
    let running = stage.caller.get(&path).await.json();
    assert_eq!((&running["state"], &running["recipients"]), (&json!("running"), &json!(4)));
    let paused = stage.caller.post(&format!("{path}/pause"), &json!({"reason": "typo"})).await.json();
    assert_eq!((&paused["state"], &paused["paused_reason"]), (&json!("paused"), &json!("typo")));
    assert_eq!(stage.act(&path, "resume").await["state"], "running");
    let begun = stage.caller.post(&format!("{path}/dry-run"), &json!({})).await;
    assert_eq!((begun.status, begun.code().as_str(), &begun.json()["state"]), (409, "wrong_state", &json!("running")));

    stage
        .world
        .execute("update sends set state = 'delivered' where id in (select id from sends order by id limit 1)")
        .await;
    stage.world.execute("update sends set state = 'waiting', gate = 'quiet_hours', reason = 'quiet_hours' where id in (select id from sends where state = 'queued' order by id limit 1)").await;
    let stats = stage.caller.get(&format!("{path}/stats")).await.json();
    assert_eq!((&stats["recipients"], &stats["accepted"]), (&json!(4), &json!(1)));
    assert_eq!(
        (&stats["waiting"], &stats["states"]),
        (&json!({"quiet_hours": 1}), &json!({"delivered": 1, "queued": 2, "waiting": 1}))
    );
    let waiting = stage.caller.get(&format!("{path}/recipients?state=waiting")).await.json();
    assert_eq!((waiting["data"].as_array().unwrap().len(), &waiting["data"][0]["reason"]), (1, &json!("quiet_hours")));
    let first = stage.caller.get(&format!("{path}/recipients?limit=3")).await.json();
    let next = first["next"].as_str().unwrap();
    let rest = stage.caller.get(&format!("{path}/recipients?limit=3&after={next}")).await.json();
    assert_eq!(rest["data"].as_array().unwrap().len(), 1);

    assert_eq!(stage.act(&path, "cancel").await["state"], "cancelled");
    assert_eq!(stage.world.count("select count(*) from sends where state = 'cancelled'").await, 3);
    assert_eq!(stage.caller.post(&format!("{path}/resume"), &json!({})).await.code(), "wrong_state");
}

#[tokio::test]
async fn a_campaign_waits_for_its_time_unless_it_is_taken_back() {
    let stage = Stage::new().await;
    let path = stage.made().await;
    let schedule = format!("{path}/schedule");
    assert_eq!(stage.caller.post(&schedule, &json!({"at": "2026-03-02T11:00:00Z"})).await.code(), "in_the_past");
    let scheduled = stage.caller.post(&schedule, &json!({"at": "2026-03-02T23:00:00Z"})).await.json();
    assert_eq!(scheduled["state"], "scheduled");
    // At eleven at night in Paris everybody who agreed sleeps, and in Tokyo it is eight in the morning.
    let told = stage.act(&path, "dry-run").await;
    assert_eq!((&told["waiting"], &told["accepted"]), (&json!({"quiet_hours": 1}), &json!(1)));
    assert_eq!(stage.caller.post(&schedule, &json!({"at": null})).await.json()["state"], "draft");
    stage.caller.post(&schedule, &json!({"at": "2026-03-02T12:05:00Z"})).await;
    stage.world.clock.advance(chrono::TimeDelta::minutes(6));
    campaigns::fold_all(&stage.world.app).await.unwrap();
    assert_eq!(stage.caller.get(&path).await.json()["state"], "preparing");
}

#[tokio::test]
async fn the_same_request_makes_one_campaign() {
    let stage = Stage::new().await;
    let id = stage.caller.request_id();
    let body = stage.draft.to_string();
    let first = stage.caller.call(Method::POST, "/v1/campaigns", &id, body.as_bytes()).await;
    let second = stage.caller.call(Method::POST, "/v1/campaigns", &id, body.as_bytes()).await;
    assert_eq!((first.status, first.json()), (201, second.json()));
    assert_eq!(stage.world.count("select count(*) from campaigns").await, 1);
    assert_eq!(stage.caller.get("/v1/campaigns").await.json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_draft_that_can_never_be_sent_is_refused_by_name() {
    let stage = Stage::new().await;
    let cases = [
        (json!({"name": " "}), "invalid_name"),
        (json!({"purpose": "conversational"}), "invalid_purpose"),
        (json!({"purpose": "transactional"}), "template_category_mismatch"),
        (json!({"weight": 0}), "out_of_range"),
        (json!({"variables": [{"value": "x"}]}), "template_parameters"),
        (json!({"variables": [{"value": "x", "attribute": "y"}, {"value": "z"}]}), "invalid_variable"),
        (json!({"variables": [{"value": ""}, {"value": "z"}]}), "invalid_variable"),
        (json!({"audience": {}}), "invalid_audience"),
        (json!({"audience": {"all": false}}), "invalid_audience"),
        (json!({"audience": {"all": true, "contact_ids": []}}), "invalid_audience"),
        (json!({"template_id": "tpl_00000000000000000000000000000000"}), "unknown_account_or_template"),
        (json!({"throttle_per_minute": 0}), "out_of_range"),
        (json!({"pause_at_failures": 101}), "out_of_range"),
        (json!({"start_delay_max_s": 59}), "out_of_range"),
        (json!({"colour": "red"}), "invalid_body"),
    ];
    for (change, code) in cases {
        let mut body = stage.draft.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = stage.caller.post("/v1/campaigns", &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, code), "{change}: {}", answer.text());
    }
    let path = stage.made().await;
    stage.world.execute("update templates set status = 'rejected'").await;
    let refused = stage.caller.post(&format!("{path}/start"), &json!({})).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "template_not_approved"));
}

async fn open(stage: &Stage, path: &str, agent: &str) -> postroad_testkit::Answer {
    let request = http::Request::builder()
        .uri(format!("{}{path}", stage.world.base))
        .header("user-agent", agent)
        .body(Vec::new())
        .unwrap();
    stage.world.http.send(request).await
}

#[tokio::test]
async fn a_link_in_a_message_leads_on_and_counts_people() {
    let mut stage = Stage::new().await;
    stage.draft["variables"] = json!([{"attribute": "first_name"}, {"link": "https://shop.example/spring?a=1"}]);
    let campaign = stage.made().await;
    let told = stage.caller.get(&format!("{campaign}/preflight")).await.json();
    assert!(told["findings"].as_array().unwrap().iter().all(|found| found["finding"] != "links_unreachable"), "{told}");
    stage.act(&campaign, "start").await;
    stage.plan().await;
    let url: String = sqlx::query_scalar("select content -> 'parameters' ->> 1 from messages limit 1")
        .fetch_one(&mut stage.world.db.admin().await)
        .await
        .unwrap();
    let path = url.strip_prefix("https://messages.example").unwrap().to_owned();
    for agent in ["Mozilla/5.0 (iPhone)", "Mozilla/5.0 (iPhone)", "WhatsApp/2.26"] {
        let answer = open(&stage, &path, agent).await;
        assert_eq!(answer.status, 302, "{}", answer.text());
        assert_eq!(answer.headers["location"], "https://shop.example/spring?a=1");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    let token = &path[3..43];
    let forged = format!("{}{}", &token[..39], if token.ends_with('A') { 'B' } else { 'A' });
    for nowhere in [format!("/l/{token}/1"), format!("/l/{token}/x"), format!("/l/{forged}/2"), "/l/a/2".to_owned()] {
        assert_eq!(open(&stage, &nowhere, "Mozilla/5.0").await.status, 404, "{nowhere}");
    }
    let report = stage.caller.get(&format!("{campaign}/report")).await.json();
    assert_eq!(report["clicked"], 1);
    assert_eq!(stage.world.count("select sum(clicks) from clicks").await, 2);
}

#[tokio::test]
async fn whoever_writes_campaigns_does_not_let_them_loose() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let scopes = vec![Scope::CampaignsRead, Scope::CampaignsWrite];
    let writer = world.caller_with(tenant.id, true, &Grant { scopes, ..all_scopes() }).await;
    let nothing = "cmp_00000000000000000000000000000000";
    for step in ["start", "schedule", "resume", "approve"] {
        let answer = writer.post(&format!("/v1/campaigns/{nothing}/{step}"), &json!({})).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "missing_scope"), "{step}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("campaigns:send"), "{}", answer.text());
    }
    let paused = writer.post(&format!("/v1/campaigns/{nothing}/pause"), &json!({"reason": "x"})).await;
    assert_eq!(paused.status, 404, "whoever sees that something is wrong may stop it");
}
