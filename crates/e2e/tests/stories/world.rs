//! What most stories begin with: an operator who connected a number, registered a template and made a key, with the commands
//! of the binary, and an installation that runs.

use std::{io::Write, time::Duration};

use anyhow::{Context, Result, anyhow, ensure};
use postroad_core::signature::Secret;
use postroad_e2e::{Client, Installation, Key, Role, Setup, free_port, fresh_request_id, until, webhook};
use postroad_simulators::meta::{MetaConfig, MetaSim, Search, Sent};
use serde_json::{Value, json};

pub const PHONE_NUMBER_ID: &str = "100000000000001";
/// Longer than anything takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(45);

pub struct World {
    pub installation: Installation,
    pub sim: MetaSim,
    pub all: Role,
    pub account: String,
    pub template: String,
    pub client: Client,
}

impl World {
    pub async fn start() -> Result<Self> {
        Self::start_with(Setup::default(), "1000").await
    }

    /// `rate`: messages per second of the account.
    pub async fn start_with(setup: Setup, rate: &str) -> Result<Self> {
        let port = free_port()?;
        let webhook_url = Some(format!("http://127.0.0.1:{port}{}", webhook::PATH));
        let sim =
            MetaSim::start(MetaConfig { webhook_url, any_template: true, any_number: true, ..MetaConfig::default() })
                .await?;
        let setup = Setup { meta_url: Some(sim.base_url()), ..setup }.with("POSTROAD_TENANT", "acme");
        let mut installation = Installation::start(setup).await?;
        let operator = Operator(&installation);
        operator.run(&["tenants", "create", "acme"]).await?;
        let account = operator.connect(rate).await?;
        let template = operator.template(&account).await?;
        let key = operator.key(true).await?;
        let mut all = installation.spawn("all", port, &[])?;
        all.healthy().await?;
        let client = Client::new(all.base_url.clone(), key);
        Ok(Self { installation, sim, all, account, template, client })
    }

    pub fn operator(&self) -> Operator<'_> {
        Operator(&self.installation)
    }

    /// Posts one message and returns its id.
    pub async fn post(&self, body: &Value) -> Result<String> {
        let answer = self.client.post("/v1/messages", &fresh_request_id(), body).await?;
        ensure!(answer.status == 202, "{}: {}", answer.status, answer.body);
        Ok(answer.body["id"].as_str().context("an accepted message has an id")?.to_owned())
    }

    pub async fn message(&self, id: &str) -> Result<Value> {
        let answer = self.client.get(&format!("/v1/messages/{id}")).await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.body);
        Ok(answer.body)
    }

    pub async fn explanation(&self, id: &str) -> Result<Value> {
        let answer = self.client.get(&format!("/v1/messages/{id}/explain")).await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.body);
        Ok(answer.body)
    }

    pub async fn reaches(&self, id: &str, state: &str) -> Result<()> {
        self.reaches_one_of(id, &[state]).await
    }

    /// Delivered, and perhaps read already.
    pub async fn arrives(&self, id: &str) -> Result<()> {
        self.reaches_one_of(id, &["delivered", "read"]).await
    }

    async fn reaches_one_of(&self, id: &str, states: &[&str]) -> Result<()> {
        let reached = until(&format!("{id} is one of {states:?}"), PATIENCE, || async {
            Ok(self.message(id).await?["state"].as_str().is_some_and(|state| states.contains(&state)))
        })
        .await;
        match reached {
            Err(error) => Err(error.context(self.message(id).await?)),
            Ok(()) => Ok(()),
        }
    }

    /// What the provider got for this number, in the order of arrival.
    pub fn sent_to(&self, number: &str) -> Vec<Sent> {
        self.sim.messages(&Search { recipient: Some(number.to_owned()), ..Search::default() })
    }
}

/// Numbers that ring nowhere.
pub fn numbers(count: u32) -> Vec<String> {
    (1..=count).map(|n| format!("+155501{n:05}")).collect()
}

/// A file of people who all agreed to be written to.
pub fn agreed<T: AsRef<str>>(numbers: &[T]) -> String {
    let rows = numbers.iter().map(|number| [number.as_ref(), ",yes\n"].concat());
    ["phone,consent\n".to_owned()].into_iter().chain(rows).collect()
}

/// The template that the account has, to one person.
pub fn news_for(number: &str) -> Value {
    json!({
        "to": number,
        "type": "template",
        "template": { "name": "order_news", "language": "en_US", "parameters": { "1": "Ada" } },
    })
}

/// Somebody at the command line.
pub struct Operator<'a>(&'a Installation);

impl Operator<'_> {
    /// Runs a command and returns what it printed, without the line break.
    pub async fn run(&self, args: &[&str]) -> Result<String> {
        Ok(self.0.postroad(args).await?.trim().to_owned())
    }

    async fn connect(&self, rate: &str) -> Result<String> {
        let credentials = json!({
            "access_token": "simulated-token",
            "app_secret": "simulated-app-secret",
            "verify_token": "simulated-verify-token",
        });
        let file = self.file("json", &credentials.to_string())?;
        let connect = [
            "accounts",
            "connect",
            "whatsapp_cloud",
            PHONE_NUMBER_ID,
            "--set",
            "waba_id=200000000000001",
            "--credentials",
        ];
        self.run(&[&connect[..], &[path(&file)?, "--rate", rate]].concat()).await
    }

    async fn template(&self, account: &str) -> Result<String> {
        let create = [
            "templates",
            "create",
            "order_news",
            "--category",
            "utility",
            "--body",
            "Hello {{1}}",
            "--approved",
            "--account",
        ];
        self.run(&[&create[..], &[account]].concat()).await
    }

    pub async fn key(&self, live: bool) -> Result<Key> {
        self.make_key(if live { &["--live"] } else { &[] }).await
    }

    /// A live key that may do these things.
    pub async fn key_for(&self, scopes: &[&str]) -> Result<Key> {
        let scopes: Vec<&str> = scopes.iter().flat_map(|scope| ["--scope", *scope]).collect();
        self.make_key(&[&["--live"], &scopes[..]].concat()).await
    }

    async fn make_key(&self, more: &[&str]) -> Result<Key> {
        let create = ["keys", "create", "--name", "shop", "--rate", "1000", "--burst", "1000", "--json"];
        let create = [&create[..], more].concat();
        let made: Value = serde_json::from_str(&self.run(&create).await?)?;
        let text = |name: &str| made[name].as_str().with_context(|| format!("no {name} in {made}"));
        let secret = Secret::parse(text("secret")?).map_err(|error| anyhow!(error))?;
        Ok(Key { id: text("key")?.to_owned(), secret })
    }

    /// Takes in a file of people and returns the report.
    pub async fn import(&self, csv: &str) -> Result<Value> {
        let file = self.file("csv", csv)?;
        Ok(serde_json::from_str(&self.run(&["import", "contacts", path(&file)?, "--json"]).await?)?)
    }

    pub fn file(&self, ending: &str, text: &str) -> Result<tempfile::NamedTempFile> {
        let mut file = tempfile::Builder::new().suffix(&format!(".{ending}")).tempfile_in(self.0.server.folder())?;
        file.write_all(text.as_bytes())?;
        Ok(file)
    }
}

fn path(file: &tempfile::NamedTempFile) -> Result<&str> {
    file.path().to_str().context("a path is text")
}
