use anyhow::{Context, Result, ensure};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use postroad_core::clock::Clock;
use postroad_e2e::{Client, fresh_request_id, until};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::world::{PATIENCE, World};

/// Posts as a bridge would, twice: answers get lost.
async fn post(base: &str, path: &str, secret: &str, body: &Value) -> Result<()> {
    let (body, at, id) = (body.to_string(), Clock::system().now().timestamp(), fresh_request_id());
    let key = BASE64.decode(secret.strip_prefix("whsec_").context("it is a secret")?.as_bytes())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key)?;
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    let signature = format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()));
    let http = reqwest::Client::new();
    for _ in 0..2 {
        let request =
            http.post(format!("{base}{path}")).header("webhook-id", &id).header("webhook-signature", &signature);
        let answer = request.header("webhook-timestamp", at.to_string()).body(body.clone()).send().await?;
        ensure!(answer.status() == 200, "{}", answer.text().await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_platform_without_an_adapter_is_heard_and_says_that_it_cannot_be_written_to() -> Result<()> {
    let mut world = World::start().await?;
    let key = world.operator().key_for(&["conversations:read", "conversations:write", "messages:send"]).await?;
    world.client = Client::new(world.all.base_url.clone(), key);
    let none = world.operator().file("json", "{}")?;
    let none = none.path().to_str().context("a path is text")?;
    let connect = ["accounts", "connect", "generic", "shop-bot", "--set", "platform=viber", "--credentials", none];
    let printed = world.operator().run(&connect).await?;
    let (account, secret) = printed.split_once('\n').context("an id and a secret")?;
    let at = Clock::system().now();
    let said = json!({"type": "message", "id": "m1", "at": at, "from": {"id": "u-1", "name": "Ada"}, "text": "Hello?"});
    post(&world.all.base_url, &format!("/integrations/viber/webhook/{account}"), secret, &said).await?;

    let list = format!("/v1/conversations?account_id={account}");
    until("somebody is heard", PATIENCE, || async {
        let listed = world.client.get(&list).await?;
        ensure!(listed.status == 200, "{}", listed.body);
        Ok(listed.body["data"].as_array().is_some_and(|all| all.len() == 1))
    })
    .await?;
    let conversation = world.client.get(&list).await?.body["data"][0].clone();
    assert_eq!((&conversation["inbound"], &conversation["channel"]), (&json!(1), &json!("generic")));
    let path = format!("/v1/conversations/{}/messages", conversation["id"].as_str().context("it has an id")?);
    let refused = world.client.post(&path, &fresh_request_id(), &json!({"type": "text", "text": "Yes?"})).await?;
    assert_eq!((refused.status, &refused.body["code"]), (422, &json!("account_inbound_only")));
    Ok(())
}
