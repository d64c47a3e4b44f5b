//! What people say and are told through an account that seals it is in no dump of the database, and whoever may read it does.

use anyhow::{Context, Result, ensure};
use postroad_e2e::{Client, Setup, fresh_request_id, until};
use postroad_simulators::meta::{Content, Inbound, Sent};
use serde_json::{Value, json};

use crate::{
    dump::{Planted, assert_nowhere},
    world::{PATIENCE, World, numbers},
};

const HEARD: &str = "zebra-heard-91cc27";
const REPLIED: &str = "zebra-replied-27de63";
const SENT: &str = "zebra-sent-63ea18";
const NOTED: &str = "zebra-noted-18bf4f";
const NAMED: &str = "zebra-named-4f02a7";

const SCOPES: [&str; 11] = [
    "messages:send",
    "messages:read",
    "contacts:read",
    "contacts:write",
    "conversations:read",
    "conversations:write",
    "automations:read",
    "automations:write",
    "campaigns:write",
    "campaigns:send",
    "tenant:write",
];

async fn done(client: &Client, method: &str, path: &str, body: &Value) -> Result<Value> {
    let answer = client.call(method, path, &fresh_request_id(), body.to_string().into_bytes()).await?;
    ensure!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.body);
    Ok(answer.body)
}

fn says(sent: &Sent, text: &str) -> bool {
    sent.body.as_ref().is_some_and(|body| body.get().contains(text))
}

async fn page(client: &Client, path: &str) -> Result<Value> {
    let answer = client.get(path).await?;
    ensure!(answer.status == 200, "{path}: {} {}", answer.status, answer.body);
    Ok(answer.body)
}

fn id_of(value: &Value) -> Result<String> {
    Ok(value["id"].as_str().with_context(|| format!("no id in {value}"))?.to_owned())
}

/// A rule that looks at what was said, and says the person's name.
async fn rule(client: &Client) -> Result<String> {
    let definition = json!({"trigger": {"inbound_message": {"debounce_s": 1}},
                            "conditions": {"regex": {"pattern": "zebra-[a-z]+-[0-9a-f]{6}"}},
                            "actions": [{"reply": {"text": "Thank you, {{contact.name}}"}}]});
    id_of(
        &done(client, "POST", "/v1/automations", &json!({"name": "Thanks", "enabled": true, "definition": definition}))
            .await?,
    )
}

/// A person writes, a rule answers; returns the conversation.
async fn a_person_writes(world: &World, number: &str) -> Result<String> {
    let message = Content::Text { body: format!("where is {HEARD}?") };
    world.sim.inbound(Inbound { from: Some(number.to_owned()), message, ..Inbound::default() })?;
    until("the rule answered", PATIENCE, || async {
        Ok(world.sent_to(number).iter().any(|sent| says(sent, "Thank you")))
    })
    .await?;
    id_of(&page(&world.client, "/v1/conversations").await?["data"][0])
}

/// Over every other road.
async fn everybody_writes(world: &World, conversation: &str, numbers: &[String]) -> Result<()> {
    let path = format!("/v1/conversations/{conversation}");
    let reply = json!({"type": "text", "text": format!("here: {REPLIED}")});
    let replied = done(&world.client, "POST", &format!("{path}/messages"), &reply).await?;
    done(&world.client, "POST", &format!("{path}/notes"), &json!({"body": format!("{NOTED}, again")})).await?;
    let template = json!({"name": "order_news", "language": "en_US", "parameters": {"1": SENT}});
    let sent = world.post(&json!({"to": numbers[1], "type": "template", "template": template})).await?;
    let campaign = json!({"name": "News", "account_id": world.account, "template_id": world.template, "audience": {"all": true},
                          "variables": [{"attribute": "display_name", "fallback": "you"}]});
    let campaign = id_of(&done(&world.client, "POST", "/v1/campaigns", &campaign).await?)?;
    done(&world.client, "POST", &format!("/v1/campaigns/{campaign}/start"), &json!({})).await?;
    world.arrives(&id_of(&replied)?).await?;
    world.arrives(&sent).await?;
    until("the campaign reached everybody", PATIENCE, || async {
        let by_name = |sent: &Sent| says(sent, "order_news") && (says(sent, NAMED) || says(sent, "you"));
        Ok(numbers.iter().all(|number| world.sent_to(number).iter().any(by_name)))
    })
    .await
}

#[tokio::test]
async fn what_is_said_through_a_sealed_account_is_in_no_dump_and_read_by_whoever_may() -> Result<()> {
    let mut world = World::start_with(Setup::default(), "1000").await?;
    world.client = Client::new(world.all.base_url.clone(), world.operator().key_for(&SCOPES).await?);
    let privacy = done(&world.client, "PUT", "/v1/tenant/privacy", &json!({"bodies": "sealed"})).await?;
    assert_eq!(privacy["accounts"][0]["account_id"], world.account.as_str());
    let numbers = numbers(2);
    world
        .operator()
        .import(&format!("phone,consent,display_name\n{},yes,{NAMED}\n{},yes,\n", numbers[0], numbers[1]))
        .await?;
    let rule = rule(&world.client).await?;
    let conversation = a_person_writes(&world, &numbers[0]).await?;
    everybody_writes(&world, &conversation, &numbers).await?;

    let said = page(&world.client, &format!("/v1/conversations/{conversation}/messages")).await?.to_string();
    ensure!(said.contains(HEARD) && said.contains(REPLIED) && said.contains(NAMED), "{said}");
    let all = page(&world.client, "/v1/messages").await?.to_string();
    ensure!(all.contains(SENT), "{all}");
    let notes = page(&world.client, &format!("/v1/conversations/{conversation}/notes")).await?.to_string();
    ensure!(notes.contains(NOTED), "{notes}");
    let runs = page(&world.client, &format!("/v1/automations/{rule}/runs")).await?;
    let run = page(&world.client, &format!("/v1/automations/runs/{}", id_of(&runs["data"][0])?)).await?.to_string();
    ensure!(run.contains(&format!("Thank you, {NAMED}")), "{run}");
    let found = page(&world.client, &format!("/v1/messages/search?q={HEARD}")).await?;
    assert_eq!(found, json!({"data": [], "not_searched": [world.account]}));

    let dump = world.installation.server.dump("postroad").await?;
    ensure!(dump.contains("body:v1:") && dump.contains("COPY public.message_texts"), "the dump is whole");
    let words = [HEARD, REPLIED, SENT, NOTED].map(|word| ("what somebody wrote", word.to_owned()));
    assert_nowhere(&Planted::from(words), "the dump", &dump);
    assert_eq!(dump.matches(NAMED).count(), 1, "what a person is called stands with the person, and in no message");
    Ok(())
}
