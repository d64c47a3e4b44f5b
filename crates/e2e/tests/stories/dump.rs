//! Secrets that came in through the API are nowhere to be read afterwards: not in a dump of the whole database, not in what
//! processes log at their most talkative, not in metrics, not in refusals.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use postroad_core::signature::Secret;
use postroad_e2e::{Client, Key, Setup, fresh_request_id, http_client, until};
use postroad_simulators::identity::{Client as GithubApp, IdentityServer, Person};
use serde_json::{Value, json};

use crate::world::{PATIENCE, World, agreed, news_for, numbers};

const PASSWORD: &str = "planted-Password-7c31-horse";
const WRONG_PASSWORD: &str = "planted-Wrong-4f02-battery";
const GUESTS_PASSWORD: &str = "planted-Guest-55ab-staple";
const ACCESS_TOKEN: &str = "planted-access-token-91cc";
const APP_SECRET: &str = "planted-app-secret-27de";
const VERIFY_TOKEN: &str = "planted-verify-token-63ea";
const CLIENT_SECRET: &str = "planted-client-secret-77aa";
/// Where no secret belongs: what is refused is repeated nowhere.
const MISPLACED: &str = "planted-misplaced-18bf";

/// Somebody at a browser, and everything that they were answered but for what tells a secret once.
struct Browser {
    http: reqwest::Client,
    base_url: String,
    cookie: Option<String>,
    /// While its owner is at a provider who says who they are.
    journey: Option<String>,
    heard: String,
}

impl Browser {
    fn new(base_url: &str) -> Self {
        Self { http: http_client(), base_url: base_url.to_owned(), cookie: None, journey: None, heard: String::new() }
    }

    async fn call(&mut self, path: &str, body: String) -> Result<(u16, String)> {
        let mut request = self.http.post(format!("{}{path}", self.base_url)).header("x-postroad-csrf", "1");
        for cookie in self.cookie.iter().chain(&self.journey) {
            request = request.header("cookie", cookie);
        }
        let answer = request.header("content-type", "application/json").body(body).send().await?;
        for set in answer.headers().get_all("set-cookie") {
            let set = set.to_str()?.split(';').next().map(str::to_owned);
            let is_journey = set.as_ref().is_some_and(|set| set.contains("-journey="));
            *(if is_journey { &mut self.journey } else { &mut self.cookie }) = set;
        }
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// The answer may tell a secret this once.
    async fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        let (status, text) = self.call(path, body.to_string()).await?;
        ensure!((200..300).contains(&status), "{path}: {status} {text}");
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// The answer must tell none.
    async fn refused(&mut self, path: &str, body: &str) -> Result<()> {
        let (status, text) = self.call(path, body.to_owned()).await?;
        ensure!((400..500).contains(&status), "{path}: {status} {text}");
        self.heard += &text;
        Ok(())
    }

    fn token(&self) -> Result<String> {
        word_of(self.cookie.as_deref())
    }
}

fn word_of(cookie: Option<&str>) -> Result<String> {
    let cookie = cookie.context("there is no cookie")?;
    Ok(cookie.split_once('=').context("a cookie has a value")?.1.to_owned())
}

fn text_of(value: &Value, name: &str) -> Result<String> {
    Ok(value[name].as_str().with_context(|| format!("no {name} in {value}"))?.to_owned())
}

/// What was planted: its name for whoever reads a failure, and the text.
pub(crate) type Planted = Vec<(&'static str, String)>;

/// Signs up, invites, connects, makes keys and endpoints: everything that has a secret.
async fn plant(world: &World, owner: &mut Browser) -> Result<Planted> {
    let tenant = json!({"slug": "shop", "name": "The Shop"});
    let person = json!({"email": "ada@shop.example", "name": "Ada", "password": PASSWORD, "tenant": tenant});
    owner.post("/v1/auth/signup", &person).await?;
    let first_session = owner.token()?;
    owner.post("/v1/auth/login", &json!({"email": "ada@shop.example", "password": PASSWORD})).await?;
    let invited = owner.post("/v1/invitations", &json!({"email": "bo@shop.example", "role": "agent"})).await?;
    let word = text_of(&invited, "token")?;
    let mut guest = Browser::new(&world.all.base_url);
    let accepted = json!({"token": word, "name": "Bo", "password": GUESTS_PASSWORD});
    guest.post("/v1/auth/accept-invitation", &accepted).await?;
    let credentials = json!({"access_token": ACCESS_TOKEN, "app_secret": APP_SECRET, "verify_token": VERIFY_TOKEN,
                             "waba_id": "200000000000002"});
    let account = json!({"provider": "whatsapp_cloud", "external_id": "100000000000002", "display_name": "Shop",
                         "credentials": credentials});
    owner.post("/v1/accounts", &account).await?;
    let hook = json!({"name": "erp", "url": "https://127.0.0.1:9/", "events": ["automation"]});
    let endpoint = owner.post("/v1/webhook-endpoints", &hook).await?;
    let path = format!("/v1/webhook-endpoints/{}", text_of(&endpoint, "id")?);
    let rotated = owner.post(&format!("{path}/rotate-secret"), &json!({})).await?;
    owner.post(&format!("{path}/test"), &json!({})).await?;
    let client = json!({"name": "till", "live": true, "scopes": ["messages:send", "messages:read"]});
    let client = owner.post("/v1/api-clients", &client).await?;
    let key = owner.post(&format!("/v1/api-clients/{}/keys", text_of(&client, "id")?), &json!({})).await?;
    let planted = [
        ("the session", owner.token()?),
        ("the session before the login", first_session),
        ("the guest's session", guest.token()?),
        ("the invitation", word),
        ("the endpoint's secret", text_of(&endpoint, "secret")?),
        ("the endpoint's next secret", text_of(&rotated, "secret")?),
        ("the key's id", text_of(&key, "key_id")?),
        ("the key's secret", text_of(&key, "secret")?),
    ];
    Ok(planted.into())
}

/// Signs in by an account at GitHub too. What opened the way, and what GitHub gave for it.
async fn come_by_github(base_url: &str, sim: &IdentityServer, owner: &mut Browser) -> Result<Planted> {
    sim.sends_back_to(format!("{base_url}/sign-in/github"));
    sim.is(Person { id: "583231".to_owned(), name: "Ada".to_owned(), ..Person::default() });
    let begun = owner.post("/v1/auth/oauth/github/link", &json!({"password": PASSWORD})).await?;
    let journey = word_of(owner.journey.as_deref())?;
    let back = owner.http.get(text_of(&begun, "url")?).send().await?;
    let said: HashMap<String, String> = back.url().query_pairs().into_owned().collect();
    let came = json!({"state": said["state"], "code": said["code"]});
    owner.post("/v1/auth/oauth/github/callback", &came).await?;
    owner.refused("/v1/auth/oauth/github/callback", &came.to_string()).await?;
    let tokens = sim.tokens().into_iter().map(|token| ("GitHub's token", token));
    ensure!(tokens.len() == 1, "GitHub gave a token");
    Ok([("the journey", journey), ("the client's secret", CLIENT_SECRET.to_owned())]
        .into_iter()
        .chain(tokens)
        .collect())
}

/// Everything is used once, rightly and wrongly.
async fn use_all(world: &World, owner: &mut Browser, (key_id, secret): (&str, &str)) -> Result<()> {
    let parsed = || Secret::parse(secret).map_err(|error| anyhow::anyhow!(error));
    let client = Client::new(&world.all.base_url, Key { id: key_id.to_owned(), secret: parsed()? });
    let message = json!({"to": "+12025550123", "type": "text", "text": "hello"});
    let sent = client.post("/v1/messages", &fresh_request_id(), &message).await?;
    ensure!(sent.status == 202, "{}: {}", sent.status, sent.body);
    let path = format!("/v1/messages/{}", text_of(&sent.body, "id")?);
    until("the provider was called, or a gate spoke", PATIENCE, || async {
        let state = client.get(&path).await?.body["state"].as_str().unwrap_or_default().to_owned();
        Ok(!matches!(state.as_str(), "" | "queued" | "claimed" | "attempting"))
    })
    .await?;
    let wrong = json!({"email": "ada@shop.example", "password": WRONG_PASSWORD}).to_string();
    owner.refused("/v1/auth/login", &wrong).await?;
    owner.refused("/v1/auth/login", &wrong[..wrong.len() - 1]).await?;
    owner
        .refused("/v1/auth/password", &json!({"old": WRONG_PASSWORD, "new": PASSWORD, "colour": MISPLACED}).to_string())
        .await?;
    owner
        .refused(
            "/v1/auth/accept-invitation",
            &json!({"token": MISPLACED, "name": "x", "password": PASSWORD}).to_string(),
        )
        .await?;
    owner.refused("/v1/accounts", &json!({"credentials": {"access_token": ACCESS_TOKEN}}).to_string()).await?;
    let full = json!({"provider": "whatsapp_cloud", "external_id": "3", "display_name": "x",
                      "credentials": {"access_token": ACCESS_TOKEN, "colour": MISPLACED}});
    owner.refused("/v1/accounts", &full.to_string()).await?;
    // A secret where the name of a key belongs.
    let mistaken = Client::new(&world.all.base_url, Key { id: key_id.to_owned(), secret: parsed()? });
    let mut request = mistaken.request("GET", "/v1/messages", &fresh_request_id(), Vec::new())?;
    request.headers_mut().insert("x-postroad-key", secret.parse()?);
    owner.heard += &mistaken.http().execute(request).await?.text().await?;
    Ok(())
}

/// The text, and every form in which it could lie somewhere: hex, base64 of any alignment, and the same of the bytes that it
/// stands for.
fn forms(text: &str) -> Vec<String> {
    let bare = text.strip_prefix("prs_").or_else(|| text.strip_prefix("whsec_")).unwrap_or(text);
    let decoded = BASE64URL_NOPAD.decode(bare.as_bytes()).or_else(|_| BASE64.decode(bare.as_bytes()));
    let mut forms = vec![bare.to_owned()];
    for bytes in [Some(bare.as_bytes().to_vec()), decoded.ok()].into_iter().flatten() {
        forms.push(HEXLOWER.encode(&bytes));
        forms.extend((0..3).flat_map(|before| aligned(&bytes, before)));
    }
    forms
}

/// Base64 of the bytes as it looks behind so many others, without its ends, which depend on the neighbours.
fn aligned(bytes: &[u8], before: usize) -> [String; 2] {
    let padded = [&vec![0; before], bytes].concat();
    [BASE64_NOPAD.encode(&padded), BASE64URL_NOPAD.encode(&padded)].map(|text| {
        let first = if before == 0 { 0 } else { 4 };
        text[first..text.len() - 4].to_owned()
    })
}

pub(crate) fn assert_nowhere(planted: &Planted, place: &str, text: &str) {
    let lower = text.to_lowercase();
    for (name, secret) in planted {
        for form in forms(secret) {
            let found = text.find(&form).or_else(|| lower.find(&form));
            let near =
                found.map(|at| String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(200)..at]).into_owned());
            assert!(near.is_none(), "{name} is in {place} as {form}, behind {near:?}");
        }
    }
}

#[tokio::test]
async fn no_planted_secret_is_in_a_dump_a_log_a_metric_or_a_refusal() -> Result<()> {
    let sim = IdentityServer::start(GithubApp {
        id: "postroad".to_owned(),
        secret: CLIENT_SECRET.to_owned(),
        redirect_uris: Vec::new(),
    })
    .await?;
    let setup = Setup::default()
        .with("RUST_LOG", "trace")
        .with("POSTROAD_EGRESS_ALLOW", "127.0.0.0/8,:9")
        .with("POSTROAD_OAUTH_GITHUB_CLIENT_ID", "postroad")
        .with("POSTROAD_OAUTH_GITHUB_CLIENT_SECRET", CLIENT_SECRET)
        .with("POSTROAD_OAUTH_GITHUB_URL", sim.base_url());
    let world = World::start_with(setup, "1000").await?;
    let mut owner = Browser::new(&world.all.base_url);
    let mut planted = plant(&world, &mut owner).await?;
    planted.extend(come_by_github(&world.all.base_url, &sim, &mut owner).await?);
    let id = planted.iter().position(|(name, _)| *name == "the key's id").context("a key has an id")?;
    let (_, key_id) = planted.remove(id);
    let number = numbers(1);
    world.operator().import(&agreed(&number)).await?;
    let message = world.post(&news_for(&number[0])).await?;
    world.arrives(&message).await?;
    let secret = planted.iter().find(|(name, _)| *name == "the key's secret").context("a key has a secret")?.1.clone();
    use_all(&world, &mut owner, (&key_id, &secret)).await?;
    let words = [PASSWORD, WRONG_PASSWORD, GUESTS_PASSWORD, ACCESS_TOKEN, APP_SECRET, VERIFY_TOKEN, MISPLACED];
    planted.extend(words.map(|word| ("what was typed", word.to_owned())));
    let of_the_operator = ["simulated-token", "simulated-app-secret", "simulated-verify-token"];
    planted.extend(of_the_operator.map(|word| ("what the operator connected with", word.to_owned())));

    let dump = world.installation.server.dump("postroad").await?;
    ensure!(dump.contains("COPY public.api_keys") && dump.contains(&key_id), "the dump is whole");
    ensure!(dump.contains("enc:v1:") && dump.contains("$argon2id$"), "and holds what stands for the secrets");
    assert_nowhere(&planted, "the dump", &dump);
    let metrics = http_client().get(format!("{}/metrics", world.all.base_url)).send().await?.text().await?;
    ensure!(metrics.contains("postroad_api_auth_failures_total"), "{metrics}");
    assert_nowhere(&planted, "the metrics", &metrics);
    let logs = world.installation.logs()?;
    ensure!(logs.contains(r#""level":"TRACE""#), "the log is talkative");
    assert_nowhere(&planted, "the log", &logs);
    ensure!(owner.heard.contains("wrong_credentials") && owner.heard.contains("unauthorized"), "{}", owner.heard);
    assert_nowhere(&planted, "a refusal", &owner.heard);
    Ok(())
}
