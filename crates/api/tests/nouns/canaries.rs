//! Two tenants that have everything, and one of them asks for everything there is: whatever it is answered, nothing of the
//! other one is in it.

use http::Method;
use postroad_testkit::SignedCaller;
use serde_json::{Value, json};

use crate::{
    contacts::upload,
    conversations::{Say, hear},
    strangers::{Mark, Things, body, every_operation, target, things},
    world::{Tenant, World},
};

const OURS: Mark = Mark { word: "own-2b6e", number: "+12025550174", external: "880011223344" };
const THEIRS: Mark = Mark { word: "canary-7d1f", number: "+12025550199", external: "770011223344" };
/// Who writes to them, and to us.
const THEIR_VISITOR: &str = "12025550198";
const OUR_VISITOR: &str = "12025550175";

/// What only tells itself where a person, a message or a program is: beside the nouns.
async fn more(
    world: &World,
    tenant: &Tenant,
    caller: &SignedCaller,
    mark: &Mark,
    visitor: &str,
) -> Vec<(String, String)> {
    let said = Say { from: visitor, text: mark.word, id: mark.word, at: world.clock.now() };
    hear(world, tenant, &[said]).await;
    let message = caller.get("/v1/messages").await.json()["data"][0]["id"].as_str().unwrap().to_owned();
    let conversation = caller.get("/v1/conversations").await.json()["data"][0]["id"].as_str().unwrap().to_owned();
    let note = caller.post(&format!("/v1/conversations/{conversation}/notes"), &json!({"body": mark.word})).await;
    let program = json!({"name": mark.word, "live": true, "scopes": ["messages:read"]});
    let program = caller.post("/v1/api-clients", &program).await.json()["id"].as_str().unwrap().to_owned();
    let guest = json!({"email": format!("{}@guests.example", mark.word), "role": "agent"});
    let invitation = caller.post("/v1/invitations", &guest).await.json()["id"].as_str().unwrap().to_owned();
    let list = format!("phone,external_key\n{},{}\n", mark.number, mark.word);
    let path = format!("/v1/imports?file_name={}.csv", mark.word);
    let import = upload(caller, Method::POST, (&path, "text/csv"), &list).await;
    let note = note.json()["id"].as_str().unwrap_or_default().to_owned();
    let import = import.json()["id"].as_str().unwrap_or_default().to_owned();
    let found = [("msg", message), ("cli", program), ("inv", invitation), ("not", note), ("imp", import)];
    found.map(|(prefix, id)| (prefix.to_owned(), id)).into()
}

/// All ids of one tenant, by their prefixes.
fn ids(things: &Things, more: Vec<(String, String)>) -> Vec<(String, String)> {
    let of_nouns = things.ids().map(|(prefix, id)| (prefix.to_owned(), id.to_owned()));
    let all: Vec<(String, String)> = of_nouns.chain(more).collect();
    assert!(all.iter().all(|(prefix, id)| id.starts_with(&format!("{prefix}_"))), "{all:?}");
    all
}

/// The text with an id of one tenant wherever one is asked for.
fn about(text: &str, ids: &[(String, String)]) -> String {
    let nothing = "0".repeat(32);
    ids.iter().fold(text.to_owned(), |text, (prefix, id)| text.replace(&format!("{prefix}_{nothing}"), id))
}

/// A request as the description has it, about the things of one tenant.
pub(crate) fn request(method: &Method, path: &str, ids: &[(String, String)]) -> (String, String) {
    let prefix = match path.split('/').nth(2) {
        Some("api-clients") => "cli",
        _ => crate::strangers::prefix(path),
    };
    let target = target(method, path, &format!("{prefix}_{}", "0".repeat(32)));
    let target = ["{key_id}", "{token}", "{place}", "{platform}", "{account_id}"]
        .iter()
        .fold(target, |target, part| target.replace(part, "1"));
    let body = body(method, path);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    (about(&target, ids), about(&body, ids))
}

struct Asked<'a> {
    us: &'a SignedCaller,
    theirs: Vec<(String, String)>,
    answered: usize,
}

impl Asked<'_> {
    /// Asks, and looks for what is theirs in the answer. What we named ourselves may be named to us.
    async fn ask(&mut self, method: &Method, target: &str, body: &str) {
        let answer = self.us.call(method.clone(), target, &self.us.request_id(), body.as_bytes()).await;
        let told = format!("{:?} {}", answer.headers, answer.text());
        let asked = format!("{target} {body}");
        let number = THEIRS.number.trim_start_matches('+');
        let words = [THEIRS.word, number, THEIR_VISITOR, THEIRS.external].into_iter();
        for word in words.chain(self.theirs.iter().map(|(_, id)| id.as_str())) {
            assert!(
                asked.contains(word) || !told.contains(word),
                "{word} in the answer to {method} {target} {body}: {told}"
            );
        }
        self.answered += usize::from(answer.status < 300);
    }
}

#[tokio::test]
async fn nothing_that_another_tenant_has_is_in_any_answer_to_anything_that_can_be_asked() {
    let world = World::new().await;
    let (ours, theirs) = (world.tenant().await, world.tenant().await);
    let (us, them) = (world.caller(ours.id).await, world.caller(theirs.id).await);
    let mut stream = us.follow("/v1/events", None).await;
    let their_things = things(&them, &THEIRS).await;
    let their_ids = ids(&their_things, more(&world, &theirs, &them, &THEIRS, THEIR_VISITOR).await);
    let our_things = things(&us, &OURS).await;
    let our_ids = ids(&our_things, more(&world, &ours, &us, &OURS, OUR_VISITOR).await);
    let mut asked = Asked { us: &us, theirs: their_ids.clone(), answered: 0 };

    let mut operations = every_operation();
    // What takes something away comes last.
    operations.sort_by_key(|(method, path, _)| (*method == Method::DELETE, *method != Method::GET, path.clone()));
    operations.retain(|(_, path, _)| path != "/v1/events");
    assert!(operations.len() > 200, "{}", operations.len());
    for (method, path, _) in &operations {
        for whose in [&their_ids, &our_ids] {
            let (target, body) = request(method, path, whose);
            asked.ask(method, &target, &body).await;
        }
    }
    for list in ["contacts", "conversations", "messages", "campaigns", "members", "labels", "templates"] {
        asked.ask(&Method::GET, &format!("/v1/{list}?limit=100"), "").await;
    }
    asked.ask(&Method::GET, &format!("/v1/contacts?address=%2B{}", &THEIRS.number[1..]), "").await;
    assert!(asked.answered > 100, "only {} of the answers told anything", asked.answered);
    let still: Value = them.get(&format!("/v1/contacts/{}", their_things.of("/v1/contacts").unwrap())).await.json();
    assert_eq!(still["display_name"], THEIRS.word, "and nothing of theirs was changed");

    let mut seen = 0;
    loop {
        let frame = stream.next().await.expect("the stream goes on");
        let text = frame.data.to_string();
        for (_, id) in &their_ids {
            assert!(!text.contains(id.as_str()), "{id} on our stream: {text}");
        }
        assert!(!text.contains(THEIRS.word) && !text.contains(THEIR_VISITOR), "{text}");
        seen += usize::from(frame.event == "conversation.opened");
        if seen == 2 {
            break;
        }
    }
}
