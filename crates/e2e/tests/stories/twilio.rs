use std::io::Write;

use anyhow::{Context, Result, anyhow, ensure};
use postroad_core::signature::Secret;
use postroad_e2e::{Client, Installation, Key, Role, Setup, free_port, fresh_request_id, until};
use postroad_simulators::twilio::{Action, Inbound, Outcome, Rule, TwilioConfig, TwilioSim};
use serde_json::{Value, json};

use crate::world::PATIENCE;

const ADA: &str = "+12025550123";
const NUMBER: &str = "+12025550100";

/// An operator connected a number at Twilio, and an installation runs.
struct Town {
    installation: Installation,
    sim: TwilioSim,
    /// Ends with the story.
    _all: Role,
    client: Client,
}

impl Town {
    async fn start(provider: &str) -> Result<Self> {
        let port = free_port()?;
        let public_url = format!("http://127.0.0.1:{port}");
        let address = |path: &str| Some(format!("{public_url}/webhooks/twilio/{path}"));
        let config = TwilioConfig {
            any_sender: true,
            any_content: true,
            sms_url: address("sms"),
            whatsapp_url: address("whatsapp"),
            ..TwilioConfig::default()
        };
        let sim = TwilioSim::start(config).await?;
        let setup = Setup::default()
            .with("POSTROAD_TWILIO_URL", sim.base_url())
            .with("POSTROAD_PUBLIC_URL", public_url.clone())
            .with("POSTROAD_UNKNOWN_GRACE_S", "30")
            .with("POSTROAD_TENANT", "acme");
        let mut installation = Installation::start(setup).await?;
        installation.postroad(&["tenants", "create", "acme"]).await?;
        connect(&installation, provider).await?;
        let key = key(&installation).await?;
        let mut all = installation.spawn("all", port, &[])?;
        all.healthy().await?;
        let client = Client::new(all.base_url.clone(), key);
        Ok(Self { installation, sim, _all: all, client })
    }

    async fn agreed(&self, number: &str, channel: &str) -> Result<()> {
        let file = file(&self.installation, "csv", &format!("phone,consent\n{number},yes\n"))?;
        let path = file.path().to_str().context("a path is text")?;
        self.installation.postroad(&["import", "contacts", path, "--channel", channel]).await?;
        Ok(())
    }

    async fn post(&self, body: &Value) -> Result<String> {
        let answer = self.client.post("/v1/messages", &fresh_request_id(), body).await?;
        ensure!(answer.status == 202, "{}: {}", answer.status, answer.body);
        Ok(answer.body["id"].as_str().context("an accepted message has an id")?.to_owned())
    }

    async fn reaches(&self, id: &str, state: &str) -> Result<()> {
        let reached =
            until(&format!("{id} is {state}"), PATIENCE, || async { Ok(self.message(id).await?["state"] == state) })
                .await;
        match reached {
            Err(error) => Err(error.context(self.message(id).await?)),
            Ok(()) => Ok(()),
        }
    }

    async fn message(&self, id: &str) -> Result<Value> {
        let answer = self.client.get(&format!("/v1/messages/{id}")).await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.body);
        Ok(answer.body)
    }

    async fn count(&self, sql: &'static str) -> Result<i64> {
        let mut db = self.installation.database.connect().await?;
        Ok(sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut db).await?)
    }
}

async fn connect(installation: &Installation, provider: &str) -> Result<()> {
    let file = file(installation, "json", &json!({ "auth_token": "simulated-auth-token" }).to_string())?;
    let path = file.path().to_str().context("a path is text")?;
    let sid = "account_sid=AC00000000000000000000000000000001";
    let connect = ["accounts", "connect", provider, NUMBER, "--set", sid, "--credentials", path, "--rate", "100"];
    installation.postroad(&connect).await?;
    Ok(())
}

async fn key(installation: &Installation) -> Result<Key> {
    let create = ["keys", "create", "--name", "shop", "--live", "--rate", "1000", "--burst", "1000", "--json"];
    let made: Value = serde_json::from_str(&installation.postroad(&create).await?)?;
    let text = |name: &str| made[name].as_str().with_context(|| format!("no {name} in {made}"));
    let secret = Secret::parse(text("secret")?).map_err(|error| anyhow!(error))?;
    Ok(Key { id: text("key")?.to_owned(), secret })
}

fn file(installation: &Installation, ending: &str, text: &str) -> Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new().suffix(&format!(".{ending}")).tempfile_in(installation.server.folder())?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

fn text(body: &str) -> Value {
    json!({ "to": ADA, "channel": "sms", "type": "text", "text": body })
}

#[tokio::test]
async fn an_sms_is_delivered_by_a_signed_callback_and_stop_ends_it() -> Result<()> {
    let town = Town::start("twilio_sms").await?;
    town.agreed(ADA, "sms").await?;
    let id = town.post(&text("Your order is ready.")).await?;
    town.reaches(&id, "delivered").await?;
    let sent = town.sim.messages(Some(ADA));
    assert_eq!((sent.len(), sent[0].sender.as_str(), sent[0].body.as_str()), (1, NUMBER, "Your order is ready."));

    town.sim.inbound(&Inbound { from: ADA.to_owned(), body: "Stop".to_owned(), ..Inbound::default() })?;
    until("the word is on record", PATIENCE, || async {
        let sql = "select count(*) from consents where action = 'revoked' and source = 'inbound'";
        Ok(town.count(sql).await? > 0)
    })
    .await?;
    let id = town.post(&text("And another thing.")).await?;
    town.reaches(&id, "refused").await?;
    assert_eq!(town.sim.messages(Some(ADA)).len(), 1, "nothing was sent to who said stop");
    Ok(())
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_is_settled_by_its_callback_and_not_repeated() -> Result<()> {
    let town = Town::start("twilio_sms").await?;
    town.agreed(ADA, "sms").await?;
    town.sim.add_rules([Rule::next(1, Action::AcceptThenCut)])?;
    let id = town.post(&text("Once.")).await?;
    town.reaches(&id, "delivered").await?;
    let sent = town.sim.messages(Some(ADA));
    assert_eq!((sent.len(), sent[0].outcome), (1, Outcome::AcceptedThenCut));
    assert_eq!(town.sim.stats().counts.duplicates, 0);
    Ok(())
}

#[tokio::test]
async fn a_call_whose_answer_and_callbacks_were_lost_is_found_in_the_list() -> Result<()> {
    let town = Town::start("twilio_sms").await?;
    town.agreed(ADA, "sms").await?;
    town.sim.configure(|config| config.callbacks.lost = true);
    town.sim.add_rules([Rule::next(1, Action::AcceptThenCut)])?;
    let id = town.post(&text("Once.")).await?;
    town.reaches(&id, "delivered").await?;
    assert_eq!(town.sim.messages(Some(ADA)).len(), 1, "nothing was sent again");
    Ok(())
}

#[tokio::test]
async fn who_writes_on_whatsapp_is_answered_there_and_reads_it() -> Result<()> {
    let town = Town::start("twilio_whatsapp").await?;
    town.agreed(ADA, "whatsapp").await?;
    town.sim.configure(|config| config.receipts.read.share = 1.0);
    let said = Inbound {
        from: format!("whatsapp:{ADA}"),
        to: format!("whatsapp:{NUMBER}"),
        body: "Is it ready?".to_owned(),
        ..Inbound::default()
    };
    town.sim.inbound(&said)?;
    until("the question arrived", PATIENCE, || async {
        Ok(town.count("select count(*) from messages where direction = 'inbound'").await? > 0)
    })
    .await?;
    let answer = json!({ "to": ADA, "channel": "whatsapp", "type": "text", "text": "It is." });
    let id = town.post(&answer).await?;
    town.reaches(&id, "read").await?;
    let sent = town.sim.messages(Some(&format!("whatsapp:{ADA}")));
    assert_eq!((sent.len(), sent[0].sender.clone()), (1, format!("whatsapp:{NUMBER}")));
    Ok(())
}
