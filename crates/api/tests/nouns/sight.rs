//! Members who see a part: whatever they ask for, nothing else is in the answer, and what they see they can work with.

use chrono::TimeDelta;
use http::{Method, Request};
use postroad_app::sign_in::{self, NewUser, Passwords};
use postroad_core::{
    conversation::Role,
    ids::{AccountId, DepartmentId, MemberId},
    sight::{Sees, Sight, Standing},
};
use postroad_testkit::{EventStream, SeedAccount};
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, PASSWORD, code, refused},
    canaries::request,
    conversations::{ADA, BEN, Desk, path},
    strangers::every_operation,
};

const CANARY: &str = "canary-4c9a";
const CYD: &str = "12025550103";
const DAN: &str = "12025550104";

/// A desk with two departments; Ada is of the first, Ben of the second, Cyd of none.
struct Office {
    desk: Desk,
    sales: Value,
    support: Value,
}

impl Office {
    async fn new() -> Self {
        let desk = Desk::new().await;
        let mut departments = Vec::new();
        for name in ["Sales", "Support"] {
            let made = desk.caller.post("/v1/departments", &json!({"name": name})).await;
            assert_eq!(made.status, 201, "{}", made.text());
            departments.push(made.json()["id"].clone());
        }
        for (from, text, id) in [(ADA, "about shoes", "a"), (BEN, CANARY, "b"), (CYD, "about nothing", "c")] {
            desk.says(from, text, id).await;
        }
        let [sales, support] = departments.try_into().unwrap();
        let office = Self { desk, sales, support };
        office.give(ADA, json!({"department_id": office.sales})).await;
        office.give(BEN, json!({"department_id": office.support})).await;
        office
    }

    /// The conversation with somebody, as whoever sees everything sees it.
    async fn with(&self, who: &str) -> Value {
        let name = json!(format!("Name of {who}"));
        for one in self.desk.list("").await {
            let contact = self.desk.caller.get(&format!("/v1/contacts/{}", one["contact_id"].as_str().unwrap())).await;
            if contact.json()["display_name"] == name {
                return one;
            }
        }
        panic!("nobody wrote as {who}")
    }

    async fn give(&self, who: &str, to: Value) {
        let conversation = self.with(who).await;
        self.desk.do_to(&conversation, "assign", to).await;
    }

    /// Somebody who is signed in, and which member they are.
    async fn person(&self, name: &str, role: Role, change: Value) -> (Browser<'_>, String) {
        let world = &self.desk.world;
        let email = format!("{}@shop.example", name.to_lowercase());
        let new = NewUser { email: email.clone(), name: name.to_owned(), password: PASSWORD.into() };
        sign_in::create(&world.app, &Passwords::start(1), new, (self.desk.tenant.id, role)).await.unwrap();
        let mut browser = Browser::new(world);
        let signed_in = browser.log_in(&email, PASSWORD).await;
        assert_eq!(signed_in.status, 200, "{}", signed_in.text());
        let member = signed_in.json()["works_for"]["member_id"].as_str().unwrap().to_owned();
        let changed = self.desk.caller.patch(&format!("/v1/members/{member}"), &change).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        (browser, member)
    }

    async fn of_sales(&self) -> (Browser<'_>, String) {
        self.person("Sal", Role::Agent, json!({"department_id": self.sales})).await
    }
}

/// With whom the conversations are that somebody finds in their list.
async fn listed(browser: &mut Browser<'_>) -> Vec<String> {
    let page = browser.get("/v1/conversations?limit=100").await.json();
    let mut names = Vec::new();
    for one in page["data"].as_array().unwrap() {
        let contact = browser.get(&format!("/v1/contacts/{}", one["contact_id"].as_str().unwrap())).await.json();
        names.push(contact["display_name"].as_str().unwrap().trim_start_matches("Name of ").to_owned());
    }
    names.sort();
    names
}

/// And among the people.
async fn people(browser: &mut Browser<'_>) -> usize {
    browser.get("/v1/contacts").await.json()["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn who_sees_a_part_finds_that_in_every_list_and_nothing_else() {
    let office = Office::new().await;
    let (mut sal, _) = office.of_sales().await;
    let (mut nora, _) = office.person("Nora", Role::Agent, json!({})).await;
    let (mut lena, lena_id) = office.person("Lena", Role::LimitedAgent, json!({})).await;
    let (mut mara, _) = office.person("Mara", Role::Manager, json!({})).await;
    let sees = |answer: Value| answer["sees"].clone();
    assert_eq!(sees(sal.get("/v1/auth/me").await.json()), "department");
    assert_eq!((listed(&mut sal).await, people(&mut sal).await), (vec![ADA.to_owned(), CYD.to_owned()], 2));
    assert_eq!((listed(&mut nora).await, people(&mut nora).await), (vec![CYD.to_owned()], 1), "of no department");
    assert_eq!((listed(&mut lena).await, people(&mut lena).await), (vec![], 0), "nothing was given to her");
    assert_eq!((listed(&mut mara).await.len(), people(&mut mara).await), (3, 3));

    office.give(BEN, json!({"department_id": office.support, "assignee_id": lena_id})).await;
    assert_eq!((listed(&mut lena).await, people(&mut lena).await), (vec![BEN.to_owned()], 1));
    let found = |answer: Value| answer["data"].as_array().unwrap().len();
    for (browser, hits) in [(&mut sal, 0), (&mut lena, 1), (&mut mara, 1)] {
        let answer = browser.get(&format!("/v1/messages/search?q={CANARY}")).await;
        assert_eq!((answer.status, found(answer.json())), (200, hits), "{}", answer.text());
    }
    assert_eq!(found(lena.get("/v1/conversations?assignee=nobody").await.json()), 0);
    assert_eq!(found(lena.get("/v1/messages").await.json()), 1);
}

#[tokio::test]
async fn whoever_is_kept_to_accounts_sees_what_comes_through_them_and_what_was_given_to_them() {
    let mut office = Office::new().await;
    let first = office.desk.tenant.account;
    let second = office.desk.tenant.seed.account(&SeedAccount::default()).await;
    office.desk.tenant.account = second;
    office.desk.says(DAN, "hello", "d").await;
    let (mut olga, olga_id) = office.person("Olga", Role::Manager, json!({"account_ids": [second.to_string()]})).await;
    assert_eq!(
        (listed(&mut olga).await, people(&mut olga).await),
        (vec![DAN.to_owned()], 1),
        "the others wrote to the first"
    );
    office.give(ADA, json!({"department_id": office.sales, "assignee_id": olga_id})).await;
    assert_eq!((listed(&mut olga).await, people(&mut olga).await), (vec![ADA.to_owned(), DAN.to_owned()], 2));
    let ben = office.with(BEN).await;
    assert_eq!(olga.get(&format!("/v1/conversations/{}", ben["id"].as_str().unwrap())).await.status, 404);
    let (mut mara, _) = office.person("Mara", Role::Manager, json!({})).await;
    assert_eq!((listed(&mut mara).await.len(), people(&mut mara).await), (4, 4), "kept to none");
    let elsewhere = office.desk.world.tenant().await.account;
    let (_, owner) = office.person("Ona", Role::Owner, json!({})).await;
    let kept =
        office.desk.caller.patch(&format!("/v1/members/{owner}"), &json!({"account_ids": [first.to_string()]})).await;
    assert_eq!(kept.code(), "may_do_everything", "else nobody could undo it");
    let foreign = json!({"account_ids": [elsewhere.to_string()]});
    let target = format!("/v1/members/{olga_id}");
    assert_eq!(office.desk.caller.patch(&target, &foreign).await.code(), "unknown_account");
    assert_eq!(office.desk.caller.patch(&target, &json!({"account_ids": []})).await.code(), "out_of_range");
}

#[tokio::test]
async fn nothing_that_is_kept_back_is_in_any_answer_to_anything_that_can_be_asked() {
    let office = Office::new().await;
    let (ada, hidden) = (office.with(ADA).await, office.with(BEN).await);
    let caller = &office.desk.caller;
    let note = caller.post(&path(&hidden, "notes"), &json!({"body": CANARY})).await.json();
    let messages = caller.get(&path(&hidden, "messages")).await.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let ids = [
        ("cnv", text(&hidden["id"])),
        ("con", text(&hidden["contact_id"])),
        ("msg", text(&messages["data"][0]["id"])),
        ("not", text(&note["id"])),
    ]
    .map(|(prefix, id)| (prefix.to_owned(), id));
    let (mut sal, _) = office.of_sales().await;
    let mut operations = every_operation();
    operations.sort_by_key(|(method, path, _)| (*method == Method::DELETE, *method != Method::GET, path.clone()));
    operations.retain(|(_, path, _)| path != "/v1/events");
    let ours = [("cnv", &ada["id"]), ("con", &ada["contact_id"])].map(|(prefix, id)| (prefix.to_owned(), text(id)));
    let mut answered = 0;
    for ((method, path, _), whose) in operations.iter().flat_map(|one| [(one, &ids[..]), (one, &ours[..])]) {
        let (target, body) = request(method, path, whose);
        let parsed = serde_json::from_str(&body).unwrap_or(Value::Null);
        let answer = sal.call(method.clone(), &target, &parsed).await;
        assert!(answer.status < 500, "{method} {target}: {}", answer.text());
        let told = format!("{:?} {}", answer.headers, answer.text());
        let asked = format!("{target} {body}");
        for word in [CANARY, BEN].into_iter().chain(ids.iter().map(|(_, id)| id.as_str())) {
            assert!(asked.contains(word) || !told.contains(word), "{word} in the answer to {method} {asked}: {told}");
        }
        answered += usize::from(answer.status < 300);
        office.desk.world.clock.advance(TimeDelta::seconds(1));
    }
    assert!(answered > 40, "only {answered} of the answers told anything");
    assert_eq!(office.with(BEN).await["state"], "open", "and nothing was done to it");
}

#[tokio::test]
async fn who_sees_a_part_works_with_it_and_hands_it_on() {
    let office = Office::new().await;
    let (mut sal, sal_id) = office.of_sales().await;
    let ada = office.with(ADA).await;
    let ben = office.with(BEN).await;
    for (what, body) in [("notes", json!({"body": "asked"})), ("assign", json!({"assignee_id": sal_id}))] {
        let done = sal.post(&path(&ada, what), body.clone()).await;
        assert!(done.status < 300, "{what}: {}", done.text());
        assert_eq!(sal.post(&path(&ben, what), body).await.status, 404, "{what}");
    }
    let said = sal.post(&path(&ada, "messages"), json!({"type": "text", "text": "hello", "undo_s": 30})).await;
    assert_eq!(said.status, 202, "{}", said.text());
    let taken_back =
        sal.post(&format!("/v1/messages/{}/cancel", said.json()["id"].as_str().unwrap()), Value::Null).await;
    assert_eq!(taken_back.status, 200, "{}", taken_back.text());
    let handed = sal.post(&path(&ada, "assign"), json!({"department_id": office.support})).await;
    assert_eq!(handed.status, 200, "what somebody sees they may give away: {}", handed.text());
    assert_eq!(sal.get(&format!("/v1/conversations/{}", ada["id"].as_str().unwrap())).await.status, 404);
    assert_eq!(listed(&mut sal).await, [CYD]);
}

#[tokio::test]
async fn a_person_whom_somebody_does_not_see_is_neither_changed_nor_found_by_them() {
    let office = Office::new().await;
    let (mut sal, _) = office.of_sales().await;
    let ben = json!({"display_name": "Taken", "addresses": [{"channel": "whatsapp", "address": format!("+{BEN}")}]});
    assert_eq!(code(&sal.post("/v1/contacts", ben).await), refused(403, "out_of_sight"));
    let new = json!({"display_name": "Dora", "addresses": [{"channel": "whatsapp", "address": "+12025550109"}]});
    let made = sal.post("/v1/contacts", new).await;
    assert!(made.status < 300, "{}", made.text());
    let dora = json!({"account_id": office.desk.tenant.account.to_string(),
                      "contact_id": made.json()["id"]});
    let begun = sal.post("/v1/conversations", dora).await;
    assert_eq!((begun.status, &begun.json()["department_id"]), (201, &office.sales), "{}", begun.text());
    for about_everybody in ["/v1/contacts/export.csv", "/v1/segments", "/v1/groups", "/v1/suppressions", "/v1/ratings"]
    {
        assert_eq!(code(&sal.get(about_everybody).await), refused(403, "sees_a_part"), "{about_everybody}");
    }
}

async fn follow(browser: &Browser<'_>) -> EventStream {
    let request =
        Request::get(format!("{}/v1/events", browser.world.base)).header("cookie", browser.cookie.as_ref().unwrap());
    let mut stream = browser.world.http.follow(request.body(Vec::new()).unwrap()).await;
    assert_eq!(stream.status, 200);
    assert_eq!(stream.next().await.unwrap().event, "hello");
    stream
}

#[tokio::test]
async fn a_stream_tells_of_what_is_in_sight_and_that_it_went() {
    let office = Office::new().await;
    let (sal, _) = office.of_sales().await;
    let mut stream = follow(&sal).await;
    let [ada, ben] = [office.with(ADA).await, office.with(BEN).await];
    office.desk.says(BEN, "again", "b2").await;
    office.give(ADA, json!({"department_id": office.support})).await;
    office.desk.says(ADA, "where are you?", "a2").await;
    office.give(BEN, json!({"department_id": office.sales})).await;
    office.desk.says(BEN, "who is this?", "b3").await;
    let mut told = Vec::new();
    while told.len() < 3 {
        let frame = stream.next().await.expect("the stream goes on");
        if frame.event.contains('.') {
            told.push((frame.event, frame.data["conversation_id"].clone()));
        }
    }
    let went = ("conversation.assigned".to_owned(), ada["id"].clone());
    let came = ("conversation.assigned".to_owned(), ben["id"].clone());
    assert_eq!(told, [went, came, ("message.received".to_owned(), ben["id"].clone())]);
}

#[tokio::test]
async fn what_an_automation_has_is_seen_by_whoever_sees_what_is_nobodys() {
    let office = Office::new().await;
    let rule = json!({"name": "Answers", "enabled": true, "definition":
                      {"trigger": {"inbound_message": {}}, "actions": [{"stop": {"reason": "x"}}]}});
    let bot = office.desk.caller.post("/v1/automations", &rule).await.json()["id"].clone();
    let (mut sal, _) = office.of_sales().await;
    let (mut lena, lena_id) = office.person("Lena", Role::LimitedAgent, json!({})).await;
    office.give(ADA, json!({"department_id": office.sales, "assignee_id": lena_id})).await;
    assert_eq!(listed(&mut lena).await, [ADA]);
    let ada = office.with(ADA).await;
    let to_bot = json!({"automation_id": bot, "department_id": office.sales});
    let given = lena.post(&path(&ada, "assign"), to_bot).await;
    assert_eq!(given.status, 200, "{}", given.text());
    assert!(listed(&mut lena).await.is_empty(), "she gave it away");
    assert_eq!(listed(&mut sal).await, [ADA, CYD]);
    let count = async |browser: &mut Browser<'_>, whose: &str| {
        browser.get(&format!("/v1/conversations?assignee={whose}")).await.json()["data"].as_array().unwrap().len()
    };
    assert_eq!((count(&mut sal, "automation").await, count(&mut sal, "nobody").await), (1, 1));
    assert_eq!((count(&mut lena, "automation").await, count(&mut lena, bot.as_str().unwrap()).await), (0, 0));
    office.give(BEN, json!({"automation_id": bot, "department_id": office.support})).await;
    assert_eq!(count(&mut sal, "automation").await, 1, "of another department");
}

#[tokio::test]
async fn the_rule_of_the_schema_is_that_of_the_code() {
    let office = Office::new().await;
    let mut db = office.desk.world.db.admin().await;
    let mut rng = rand::rng();
    let now = office.desk.world.clock.now();
    let members: Vec<MemberId> = (0..2).map(|_| MemberId::new(now)).collect();
    let departments: Vec<DepartmentId> = (0..2).map(|_| DepartmentId::new(now)).collect();
    let accounts: Vec<AccountId> = (0..3).map(|_| AccountId::new(now)).collect();
    for _ in 0..2_000 {
        let standing = Standing {
            assignee: rand::random_bool(0.6).then(|| *members.choose(&mut rng).unwrap()),
            department: rand::random_bool(0.6).then(|| *departments.choose(&mut rng).unwrap()),
            account: *accounts.choose(&mut rng).unwrap(),
        };
        let sight = Sight {
            member: members[0],
            sees: *Sees::ALL.choose(&mut rng).unwrap(),
            department: rand::random_bool(0.6).then(|| departments[0]),
            accounts: rand::random_bool(0.5).then(|| accounts[..rand::random_range(1..=2)].to_vec()),
        };
        let list = |ids: &Vec<AccountId>| ids.iter().map(|id| id.uuid().to_string()).collect::<Vec<_>>().join(",");
        let said: bool = sqlx::query_scalar(
            "select set_config('app.sees', $1, false) || set_config('app.member', $2, false) || set_config('app.department', $3, false)
                    || set_config('app.accounts', $4, false) is not null and sees_conversation($5, $6, $7)",
        )
        .bind(sight.sees.as_str())
        .bind(sight.member.uuid().to_string())
        .bind(sight.department.map(|id| id.uuid().to_string()).unwrap_or_default())
        .bind(sight.accounts.as_ref().map(|ids| format!("{{{}}}", list(ids))).unwrap_or_default())
        .bind(standing.assignee.map(MemberId::uuid))
        .bind(standing.department.map(DepartmentId::uuid))
        .bind(standing.account.uuid())
        .fetch_one(&mut db)
        .await
        .unwrap();
        assert_eq!(said, sight.covers(&standing), "{sight:?} {standing:?}");
    }
}

#[tokio::test]
async fn a_role_that_the_tenant_made_takes_the_place_of_the_other_from_the_next_request_on() {
    let office = Office::new().await;
    let (mut sal, sal_id) = office.of_sales().await;
    let caller = &office.desk.caller;
    let grants = |sees| json!({"name": "Night shift", "scopes": ["conversations:read", "contacts:read"], "sees": sees});
    let made = caller.post("/v1/roles", &grants("everything")).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let role = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(caller.post("/v1/roles", &grants("assigned")).await.code(), "name_taken");
    let target = format!("/v1/members/{sal_id}");
    let given = caller.patch(&target, &json!({"role_id": role})).await;
    assert_eq!((given.status, &given.json()["role_id"]), (200, &json!(role)), "{}", given.text());
    assert_eq!(listed(&mut sal).await.len(), 3, "everything");
    let ada = office.with(ADA).await;
    let note = sal.post(&path(&ada, "notes"), json!({"body": "x"})).await;
    assert_eq!(code(&note), refused(403, "missing_scope"), "an agent may, and this role may not");
    let changed = caller
        .call(
            Method::PUT,
            &format!("/v1/roles/{role}"),
            &caller.request_id(),
            grants("assigned").to_string().as_bytes(),
        )
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(listed(&mut sal).await.len(), 0);
    assert_eq!(caller.delete(&format!("/v1/roles/{role}")).await.code(), "in_use");
    assert_eq!(caller.patch(&target, &json!({"role": "admin", "role_id": role})).await.code(), "may_do_everything");
    let user = sign_in::find_user(&office.desk.world.app, "sal@shop.example").await.unwrap().unwrap();
    sign_in::join(&office.desk.world.app, &user, office.desk.tenant.id, Role::LimitedAgent).await.unwrap();
    let me = sal.get("/v1/auth/me").await.json();
    assert_eq!(me["sees"], "assigned", "who gets a role anew has that and no other");
    assert_eq!(me["scopes"], json!(Role::LimitedAgent.scopes()));
    assert_eq!(caller.patch(&target, &json!({"role": "agent"})).await.status, 200);
    assert_eq!(caller.patch(&target, &json!({"role_id": null})).await.status, 200);
    assert_eq!(listed(&mut sal).await.len(), 2, "an agent of sales again");
    assert_eq!(caller.delete(&format!("/v1/roles/{role}")).await.status, 204);
}

#[tokio::test]
async fn a_role_is_refused_that_may_nothing_or_makes_people_who_may_more() {
    let office = Office::new().await;
    let caller = &office.desk.caller;
    let cases = [
        (json!([]), "invalid_scopes"),
        (json!(["conversations:read", "conversations:read"]), "invalid_scopes"),
        (json!(["members:write"]), "invalid_scopes"),
        (json!(["clients:write"]), "invalid_scopes"),
        (json!(["tenant:write"]), "invalid_scopes"),
    ];
    for (scopes, expected) in cases {
        let new = json!({"name": "x", "scopes": scopes, "sees": "everything"});
        assert_eq!(caller.post("/v1/roles", &new).await.code(), expected, "{new}");
    }
    let nobody = format!("/v1/members/mem_{}", "0".repeat(32));
    assert_eq!(caller.patch(&nobody, &json!({"role_id": null})).await.status, 404);
    let member = office.desk.member("Ida").await;
    let unknown = json!({"role_id": format!("rol_{}", "0".repeat(32))});
    assert_eq!(caller.patch(&format!("/v1/members/{member}"), &unknown).await.code(), "unknown_role");
}

#[tokio::test]
async fn what_a_colleague_was_told_of_is_theirs_to_mark_and_to_take_away() {
    let office = Office::new().await;
    let (mut sal, sal_id) = office.of_sales().await;
    let (mut nora, _) = office.person("Nora", Role::Agent, json!({"department_id": office.sales})).await;
    office.give(ADA, json!({"department_id": office.sales, "assignee_id": sal_id})).await;
    let told = sal.get(&format!("/v1/notifications?member_id={sal_id}")).await.json()["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let target = format!("/v1/notifications/{told}");
    let read = json!({"read": true});
    assert_eq!(nora.call(Method::PATCH, &target, &read).await.status, 404);
    assert_eq!(nora.call(Method::DELETE, &target, &Value::Null).await.status, 404);
    assert_eq!(sal.call(Method::PATCH, &target, &read).await.status, 200);
    assert_eq!(sal.call(Method::DELETE, &target, &Value::Null).await.status, 204);
}
