//! A whole installation to look at: private database, all roles, a simulated provider, and a tenant that uses it.

use std::{
    collections::HashMap,
    fs,
    io::Write,
    net::SocketAddr,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use postroad_app::{
    App,
    accounts::{self, Limits},
    clients::{self, Former, Grant},
    nudge::Nudges,
    templates::{self, NewTemplate},
    tenants::{self, NewTenant},
};
use postroad_core::{
    account::Pace,
    ids::{AccountId, TemplateId, TenantId},
    quiet_hours::QuietHours,
    scope::Scope,
    template::{Parts, TemplateCategory, TemplateStatus},
};
use postroad_providers::reviews_templates;
use postroad_simulators::meta::{self, MetaConfig, MetaSim};
use secrecy::SecretString;
use tempfile::TempDir;

use crate::{
    commands::{process, whose},
    config::{Config, Database},
    connect,
    http::Caller,
    running::Running,
    start::{Schema, Started, start},
};

/// The template of the campaign: marketing.
pub const SALE: &str = "spring_sale";
const SALE_BODY: &str = "Hello {{1}}, today everything is {{2}} off.";
/// The template of single sends: a utility.
pub const NEWS: &str = "order_update";
const NEWS_BODY: &str = "Your order {{1}} is on its way.";
pub const LANGUAGE: &str = "en_US";
/// Messages per second that the simulated number may send: Meta's upgraded throughput.
const RATE_PER_S: u32 = 1_000;
/// From a range that is set aside for fiction.
const OUR_NUMBER: &str = "+44 20 7946 0999";
/// What earlier demonstrations are stopped with.
const EARLIER: &str = "an earlier demonstration";
const SLUG: &str = "demo-";
/// Calls of the API are not what is to be slowed down here.
const CALLS_PER_S: f64 = 10_000.0;

/// Where the demonstration lies.
pub enum Place {
    /// In the data folder, to be looked at later.
    Kept,
    /// In a folder that goes with it.
    Passing,
}

/// An installation that runs, and what it works with.
pub struct Stage {
    pub started: Started,
    pub sim: MetaSim,
    pub caller: Caller,
    pub base_url: String,
    pub data_dir: PathBuf,
    pub key_id: String,
    /// The file that holds the key's secret.
    pub secret_file: PathBuf,
    pub tenant: TenantId,
    pub account: AccountId,
    pub sale: TemplateId,
    /// Goes last.
    folder: Option<TempDir>,
}

impl Stage {
    /// Sets up everything. The roles are handed over apart, so that they can be watched while the stage is used.
    pub async fn set(config: &Config, place: &Place) -> Result<(Self, Running)> {
        let folder = folder(place)?;
        let data_dir = folder.as_ref().map_or_else(|| config.data_dir.clone(), |folder| folder.path().join("postroad"));
        let sim = MetaSim::start(simulated(new_number_id())).await.context("the simulator cannot listen")?;
        let config = staged(config, place, &data_dir, &sim);
        let (nudges, taps) = Nudges::channel();
        let started = start(&config, Schema::Make, nudges).await?;
        let running = Running::start(&started, &config, process::ALL, Some(taps)).await?;
        let address = running.address.context("all roles serve HTTP")?;
        let stage = furnish(started, sim, data_dir, address, folder).await?;
        Ok((stage, running))
    }

    /// Stops what the roles stood on; they have ended before.
    pub async fn strike(self) -> Result<()> {
        self.sim.stop().await;
        self.started.stop().await?;
        self.folder.map_or(Ok(()), TempDir::close).context("the folder of the demonstration could not be removed")
    }

    pub const fn app(&self) -> &App {
        &self.started.app
    }
}

/// Readable for the unprivileged user that a database of root runs as.
fn folder(place: &Place) -> Result<Option<TempDir>> {
    match place {
        Place::Kept => Ok(None),
        Place::Passing => {
            let readable = fs::Permissions::from_mode(0o755);
            Ok(Some(tempfile::Builder::new().prefix("postroad-demo-").permissions(readable).tempdir()?))
        }
    }
}

/// Nobody's database, nobody's provider: whatever the configuration says about them.
fn staged(config: &Config, place: &Place, data_dir: &Path, sim: &MetaSim) -> Config {
    let any_port = matches!(place, Place::Passing) && !config.listen_was_given;
    let listen = if any_port { SocketAddr::from(([127, 0, 0, 1], 0)) } else { config.listen };
    Config {
        data_dir: data_dir.to_owned(),
        database: Database::Private,
        redis_url: None,
        listen,
        public_url: None,
        master_keys: None,
        quiet_hours: QuietHours::DEFAULT,
        base_urls: HashMap::from([(connect::WHATSAPP.to_owned(), sim.base_url())]),
        first_account: None,
        ..config.clone()
    }
}

/// A number per run: webhooks of an earlier one are not taken for this one's.
fn new_number_id() -> String {
    format!("1{:014}", rand::random_range(0..100_000_000_000_000_u64))
}

const ACCESS_TOKEN: &str = "simulated-access-token";
const WABA_ID: &str = "200000000000001";

fn simulated(phone_number_id: String) -> MetaConfig {
    let number = meta::Number {
        phone_number_id,
        waba_id: WABA_ID.to_owned(),
        display_phone_number: OUR_NUMBER.to_owned(),
        rate_per_s: RATE_PER_S,
        ..meta::Number::default()
    };
    MetaConfig { access_token: Some(ACCESS_TOKEN.to_owned()), numbers: vec![number], ..MetaConfig::default() }
}

/// A tenant with an account, two templates and a key; webhooks find their way to us.
async fn furnish(
    started: Started,
    sim: MetaSim,
    data_dir: PathBuf,
    address: SocketAddr,
    folder: Option<TempDir>,
) -> Result<Stage> {
    let app = &started.app;
    let base_url = format!("http://{address}");
    pause_earlier(app).await?;
    let tenant = new_tenant(app).await?;
    let account = connect_account(app, tenant, &sim).await?;
    let sale = new_template(app, tenant, account, &sim, (SALE, TemplateCategory::Marketing, SALE_BODY)).await?;
    new_template(app, tenant, account, &sim, (NEWS, TemplateCategory::Utility, NEWS_BODY)).await?;
    let key = new_key(app, tenant).await?;
    let secret_file = data_dir.join("demo.secret");
    keep_secret(&secret_file, &key.secret.reveal())?;
    sim.configure(|config| config.webhook_url = Some(format!("{base_url}/webhooks/meta/whatsapp")));
    sim.verify_webhook().await.context("our webhook does not answer the provider's question")?;
    let key_id = key.key.key_id;
    let caller = Caller::new(base_url.clone(), key_id.clone(), key.secret, app.clock.clone());
    Ok(Stage { started, sim, caller, base_url, data_dir, key_id, secret_file, tenant, account, sale, folder })
}

/// What an earlier run left waiting is not sent through this one's simulator.
async fn pause_earlier(app: &App) -> Result<()> {
    for tenant in whose::all(app).await? {
        if tenant.slug.starts_with(SLUG) && !tenant.sending_paused {
            tenants::pause(app, tenant.id, EARLIER).await?;
        }
    }
    Ok(())
}

async fn new_tenant(app: &App) -> Result<TenantId> {
    let slug = format!("{SLUG}{}", app.clock.now().format("%Y%m%d-%H%M%S"));
    let new = NewTenant {
        time_zone: Some("UTC".to_owned()),
        quiet_hours: Some(QuietHours::DEFAULT),
        ..NewTenant::named(slug, "Demonstration")
    };
    Ok(tenants::create(app, &new).await?)
}

async fn connect_account(app: &App, tenant: TenantId, sim: &MetaSim) -> Result<AccountId> {
    let simulated = sim.config();
    let number = simulated.numbers.first().context("the simulator has a number")?;
    let values = [
        ("access_token", ACCESS_TOKEN),
        ("app_secret", &simulated.app_secret),
        ("verify_token", &simulated.verify_token),
        ("waba_id", WABA_ID),
    ];
    let values = values.map(|(name, value)| (name.to_owned(), SecretString::from(value))).to_vec();
    let mut account = connect::new_account(connect::provider(connect::WHATSAPP)?, &number.phone_number_id, values)?;
    account.limits = Limits { pace: Pace { per_s: RATE_PER_S.into(), ..account.limits.pace }, ..account.limits };
    Ok(accounts::connect(app, tenant, account).await?)
}

/// Approved there and known here.
async fn new_template(
    app: &App,
    tenant: TenantId,
    account: AccountId,
    sim: &MetaSim,
    (name, category, body): (&str, TemplateCategory, &str),
) -> Result<TemplateId> {
    let provider_ref = sim.register_template(meta::Template {
        name: name.to_owned(),
        language: LANGUAGE.to_owned(),
        category: category.as_str().to_uppercase(),
        components: vec![serde_json::json!({"type": "BODY", "text": body})],
        ..meta::Template::default()
    });
    let new = NewTemplate {
        account,
        name: name.to_owned(),
        language: LANGUAGE.to_owned(),
        category,
        body: body.to_owned(),
        parts: Parts::default(),
        status: TemplateStatus::Approved,
        provider_ref: Some(provider_ref),
    };
    Ok(templates::create(app, tenant, new, reviews_templates).await?.id)
}

async fn new_key(app: &App, tenant: TenantId) -> Result<clients::NewKey> {
    let grant = Grant {
        name: "Demonstration".to_owned(),
        scopes: Scope::ALL.to_vec(),
        rate_per_s: CALLS_PER_S,
        rate_burst: 10_000,
        ..Grant::default()
    };
    let client = clients::create(app, tenant, true, &grant).await?;
    Ok(clients::create_key(app, tenant, client.id, Former::Stay).await?)
}

fn keep_secret(path: &Path, secret: &str) -> Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    Ok(writeln!(file, "{secret}")?)
}
