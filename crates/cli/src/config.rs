//! Every setting, read once: flag, then environment, then `postroad.toml`, then default.
//!
//! Reading is a pure function of a lookup, and tells all mistakes together. Values are passed down; nothing below asks the
//! environment again.
//!
//! To add a setting: its line in [`specs`], a field here, and its row in docs/configure.md.

mod first_account;
mod reader;
mod sources;
mod specs;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use chrono::TimeDelta;
use postroad_api::Registration;
use postroad_app::mail::{Mailing, Mails};
use postroad_core::{egress::Policy, quiet_hours::QuietHours, sign_in::IdentityProvider, unknown::Graces};
use postroad_media::S3;
use postroad_schema::Urls;
use secrecy::SecretString;

pub use first_account::FirstAccount;
#[cfg(test)]
pub use reader::Origin;
pub use reader::{Found, Shown};
pub use sources::{Flag, Sources, unread_variables};
pub use specs::SPECS;

use reader::Reader;

/// All that is wrong with the configuration, one line each.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

/// Which database.
#[derive(Clone)]
pub enum Database {
    /// A private server in the data folder.
    Private,
    /// One privileged address: `migrate` makes the roles beside it, and every process finds them by it.
    Privileged { admin: String, urls: Urls },
    /// An address for each role. The owner's is empty where only `migrate` would need it.
    Roles { urls: Urls },
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Text,
}

/// What to log, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `POSTROAD_LOG`. None: text on a terminal, else JSON.
    pub format: Option<LogFormat>,
    /// `RUST_LOG`.
    pub filter: String,
}

/// Everything that can be set from outside.
#[derive(Clone)]
pub struct Config {
    /// `POSTROAD_DATA_DIR`: the private database, and the master key when none is given.
    pub data_dir: PathBuf,
    pub database: Database,
    /// `POSTROAD_REDIS_URL`. None: limits that span accounts are shared out without it.
    pub redis_url: Option<SecretString>,
    /// `POSTROAD_S3_…`. None: files lie in the data folder.
    pub s3: Option<S3>,
    /// `POSTROAD_SMTP_URL` and `POSTROAD_MAIL_FROM`. None: nothing is mailed.
    pub mail: Mails,
    /// `POSTROAD_OAUTH_…`: who else says who somebody is.
    pub identities: BTreeMap<IdentityProvider, Registration>,
    /// `POSTROAD_LISTEN`. Port 0: any free one.
    pub listen: SocketAddr,
    /// `POSTROAD_LISTEN` was given: `work` and `schedule` serve `/health` and `/metrics` then.
    pub listen_was_given: bool,
    /// `POSTROAD_PUBLIC_URL`: how providers and people reach us, without a slash at the end.
    pub public_url: Option<String>,
    /// `POSTROAD_TRUSTED_PROXIES`: whose word on the caller's address is believed. Empty: nobody's.
    pub trusted_proxies: Vec<String>,
    /// `POSTROAD_API_PROCESSES`: processes that serve the API, 1 to 1,000. Without Redis each keeps to its part of a rate.
    pub api_processes: u32,
    /// `POSTROAD_WORKERS`: job handlers that run at once. 1 to 512.
    pub workers: usize,
    /// `POSTROAD_SHUTDOWN_GRACE_S`: what a stop may take. 0 to 600 seconds.
    pub shutdown_grace: Duration,
    /// `POSTROAD_UNKNOWN_GRACE_S`, or the graces of each class.
    pub graces: Graces,
    /// `QUIET_HOURS_DEFAULT`
    pub quiet_hours: QuietHours,
    /// `POSTROAD_EGRESS_ALLOW`: what tenants may have called beside the public internet over TLS.
    pub egress: Policy,
    /// `POSTROAD_MASTER_KEYS`. None: a file in the data folder.
    pub master_keys: Option<SecretString>,
    pub log: Log,
    /// Base addresses of providers that are not the usual ones, by provider.
    pub base_urls: HashMap<String, String>,
    /// The account that an empty installation starts with.
    pub first_account: Option<FirstAccount>,
    /// `POSTROAD_TENANT`: whom commands are about that name no tenant.
    pub tenant: Option<String>,
    /// `POSTROAD_API_KEY` and `POSTROAD_API_SECRET`, for `sign`.
    pub api_key: Option<String>,
    pub api_secret: Option<SecretString>,
}

impl Config {
    /// Reads every setting through `lookup`, by its name in the environment. Also returns what was read, for showing it.
    pub fn read(lookup: impl Fn(&str) -> Option<Found>) -> Result<(Self, Vec<Shown>), ConfigError> {
        let mut reader = Reader::new(&lookup);
        let config = Self {
            data_dir: reader.get(&specs::DATA_DIR, parse::path),
            database: database(&mut reader),
            redis_url: reader.read(&specs::REDIS_URL, parse::redis_url),
            s3: s3(&mut reader),
            mail: mail(&mut reader),
            identities: identities(&mut reader),
            listen: reader.get(&specs::LISTEN, parse::address),
            listen_was_given: reader.is_given(&specs::LISTEN),
            public_url: reader.read(&specs::PUBLIC_URL, parse::http_url),
            trusted_proxies: reader.read(&specs::TRUSTED_PROXIES, parse::networks).unwrap_or_default(),
            api_processes: reader.get(&specs::API_PROCESSES, |text| parse::number(text, 1..=1_000)),
            workers: reader.get(&specs::WORKERS, |text| parse::number(text, 1..=512)),
            shutdown_grace: reader.get(&specs::SHUTDOWN_GRACE_S, |text| parse::seconds(text, 0..=600)),
            graces: graces(&mut reader),
            quiet_hours: reader.get(&specs::QUIET_HOURS, parse::quiet_hours),
            egress: reader.read(&specs::EGRESS_ALLOW, parse::egress).unwrap_or_default(),
            master_keys: reader.read(&specs::MASTER_KEYS, parse::master_keys),
            log: log(&mut reader),
            base_urls: base_urls(&mut reader),
            first_account: first_account::read(&mut reader),
            tenant: reader.read(&specs::TENANT, parse::text),
            api_key: reader.read(&specs::API_KEY, parse::api_key),
            api_secret: reader.read(&specs::API_SECRET, parse::api_secret),
        };
        Ok((config, reader.finish()?))
    }
}

/// A bucket needs a key; without a bucket nothing else of it means anything.
fn s3(reader: &mut Reader<'_>) -> Option<S3> {
    let bucket = reader.read(&specs::S3_BUCKET, parse::text);
    let endpoint = reader.read(&specs::S3_ENDPOINT, parse::http_url);
    let region = reader.get(&specs::S3_REGION, parse::text);
    let key = reader.read(&specs::S3_ACCESS_KEY_ID, parse::text);
    let secret = reader.read(&specs::S3_SECRET_ACCESS_KEY, parse::secret);
    let path_style = reader.get(&specs::S3_USE_PATH_STYLE, parse::truth);
    match (bucket, key, secret) {
        (Some(bucket), Some(access_key_id), Some(secret_access_key)) => {
            Some(S3 { endpoint, bucket, region, access_key_id, secret_access_key, path_style })
        }
        (None, None, None) if endpoint.is_none() => None,
        _ => {
            let names = [specs::S3_BUCKET, specs::S3_ACCESS_KEY_ID, specs::S3_SECRET_ACCESS_KEY].map(|spec| spec.name);
            let [bucket, key, secret] = names;
            reader.object(format!("{bucket}, {key} and {secret} belong together; expected all of them, or none"));
            None
        }
    }
}

/// A server needs somebody who sends.
fn mail(reader: &mut Reader<'_>) -> Mails {
    let url = reader.read(&specs::SMTP_URL, parse::smtp_url);
    let from = reader.read(&specs::MAIL_FROM, parse::mail_from);
    match (url, from) {
        (Some(url), Some(from)) => Some(Arc::new(Mailing { url, from })),
        (None, None) => None,
        _ => {
            let (url, from) = (specs::SMTP_URL.name, specs::MAIL_FROM.name);
            reader.object(format!("{url} and {from} belong together; expected both of them, or none"));
            None
        }
    }
}

fn identities(reader: &mut Reader<'_>) -> BTreeMap<IdentityProvider, Registration> {
    let all = [
        (IdentityProvider::Google, specs::OAUTH_GOOGLE),
        (IdentityProvider::Facebook, specs::OAUTH_FACEBOOK),
        (IdentityProvider::Github, specs::OAUTH_GITHUB),
    ];
    all.into_iter().filter_map(|(provider, specs)| Some((provider, registration(reader, &specs)?))).collect()
}

/// An id needs its secret.
fn registration(reader: &mut Reader<'_>, specs: &specs::Oauth) -> Option<Registration> {
    let client_id = reader.read(&specs.client_id, parse::text);
    let client_secret = reader.read(&specs.client_secret, parse::secret);
    let base_url = reader.read(&specs.url, parse::http_url);
    match (client_id, client_secret) {
        (Some(client_id), Some(client_secret)) => Some(Registration { client_id, client_secret, base_url }),
        (None, None) => None,
        _ => {
            let (id, secret) = (specs.client_id.name, specs.client_secret.name);
            reader.object(format!("{id} and {secret} belong together; expected both of them, or none"));
            None
        }
    }
}

/// One address is a privileged one; three are the roles'.
fn database(reader: &mut Reader<'_>) -> Database {
    let app = reader.read(&specs::DATABASE_URL, parse::database_url);
    let owner = reader.read(&specs::OWNER_URL, parse::database_url);
    let system = reader.read(&specs::SYSTEM_URL, parse::database_url);
    match (app, owner, system) {
        (None, None, None) => Database::Private,
        (Some(admin), None, None) => privileged(admin),
        (Some(app), owner, Some(system)) => {
            Database::Roles { urls: Urls { owner: owner.unwrap_or_default(), app, system } }
        }
        _ => {
            let names = [specs::DATABASE_URL, specs::OWNER_URL, specs::SYSTEM_URL].map(|spec| spec.name);
            let [app, owner, system] = names;
            reader.object(format!("{app}, {owner} and {system} belong together; expected all of them, or {app} alone"));
            Database::Private
        }
    }
}

/// The roles work in the database that the address names; in `postroad` when it names none, or the server's own.
fn privileged(admin: String) -> Database {
    let named = url::Url::parse(&admin).map(|url| url.path().trim_start_matches('/').to_owned()).unwrap_or_default();
    let database = if matches!(named.as_str(), "" | "postgres") { "postroad" } else { &named };
    let urls = Urls::beside(&admin, database).expect("the address was parsed before");
    Database::Privileged { admin, urls }
}

fn graces(reader: &mut Reader<'_>) -> Graces {
    match reader.read(&specs::UNKNOWN_GRACE_S, |text| parse::seconds(text, 1..=86_400)) {
        None => Graces::default(),
        Some(grace) => {
            let grace = TimeDelta::from_std(grace).expect("a day fits");
            Graces { auth: grace, other: grace }
        }
    }
}

fn log(reader: &mut Reader<'_>) -> Log {
    Log { format: reader.read(&specs::LOG, parse::log_format), filter: reader.get(&specs::RUST_LOG, parse::filter) }
}

/// Which providers a base address is for.
const BASE_URLS: &[(specs::Spec, &[&str])] =
    &[(specs::META_URL, &["whatsapp_cloud"]), (specs::TWILIO_URL, &["twilio_sms", "twilio_whatsapp"])];

fn base_urls(reader: &mut Reader<'_>) -> HashMap<String, String> {
    let mut urls = HashMap::new();
    for (spec, providers) in BASE_URLS {
        if let Some(url) = reader.read(spec, parse::http_url) {
            urls.extend(providers.iter().map(|provider| ((*provider).to_owned(), url.clone())));
        }
    }
    urls
}

/// One function for each kind of value.
#[expect(clippy::unnecessary_wraps, reason = "every parser has one shape")]
mod parse {
    use std::{net::SocketAddr, ops::RangeInclusive, path::PathBuf, time::Duration};

    use postroad_app::{mail::Mailing, secrets::Keyring};
    use postroad_core::{cidr::AllowList, egress::Policy, quiet_hours::QuietHours, signature::Secret};
    use secrecy::SecretString;
    use tracing_subscriber::EnvFilter;

    use super::LogFormat;

    pub(super) fn text(text: &str) -> Result<String, ()> {
        Ok(text.to_owned())
    }

    pub(super) fn path(text: &str) -> Result<PathBuf, ()> {
        Ok(PathBuf::from(text))
    }

    pub(super) fn number<N: TryFrom<u64>>(text: &str, range: RangeInclusive<u64>) -> Result<N, ()> {
        let number: u64 = text.parse().map_err(drop)?;
        if range.contains(&number) { N::try_from(number).map_err(drop) } else { Err(()) }
    }

    pub(super) fn seconds(text: &str, range: RangeInclusive<u64>) -> Result<Duration, ()> {
        number(text, range).map(Duration::from_secs)
    }

    /// The one name that needs no looking up may stand for its address.
    pub(super) fn address(text: &str) -> Result<SocketAddr, ()> {
        text.replacen("localhost:", "127.0.0.1:", 1).parse().map_err(drop)
    }

    /// Without the slash at the end: paths are put behind it.
    pub(super) fn http_url(text: &str) -> Result<String, ()> {
        url_of(text, &["http", "https"]).map(|url| url.as_str().trim_end_matches('/').to_owned())
    }

    pub(super) fn database_url(text: &str) -> Result<String, ()> {
        url_of(text, &["postgres", "postgresql"]).map(|_| text.to_owned())
    }

    pub(super) fn redis_url(text: &str) -> Result<SecretString, ()> {
        url_of(text, &["redis", "rediss"]).map(|_| text.to_owned().into())
    }

    pub(super) fn smtp_url(text: &str) -> Result<SecretString, String> {
        let mailing = Mailing { url: text.into(), from: "postroad@example.com".to_owned() };
        postroad_worker::mail::check(&mailing).map(|()| mailing.url).map_err(|error| error.to_string())
    }

    pub(super) fn mail_from(text: &str) -> Result<String, String> {
        let mailing = Mailing { url: "smtps://mail.example.com".into(), from: text.to_owned() };
        postroad_worker::mail::check(&mailing).map(|()| mailing.from).map_err(|error| error.to_string())
    }

    fn url_of(text: &str, schemes: &[&str]) -> Result<url::Url, ()> {
        let url = url::Url::parse(text).map_err(drop)?;
        if schemes.contains(&url.scheme()) && url.has_host() { Ok(url) } else { Err(()) }
    }

    pub(super) fn quiet_hours(text: &str) -> Result<QuietHours, ()> {
        text.parse().map_err(drop)
    }

    pub(super) fn networks(text: &str) -> Result<Vec<String>, String> {
        let networks: Vec<String> = text.split(',').map(|network| network.trim().to_owned()).collect();
        AllowList::parse(networks.iter().map(String::as_str)).map_err(|error| error.to_string())?;
        Ok(networks)
    }

    pub(super) fn egress(text: &str) -> Result<Policy, String> {
        Policy::parse(text).map_err(|error| error.to_string())
    }

    pub(super) fn master_keys(text: &str) -> Result<SecretString, String> {
        let keys = SecretString::from(text);
        Keyring::parse(&keys).map_err(|error| error.to_string())?;
        Ok(keys)
    }

    pub(super) fn log_format(text: &str) -> Result<LogFormat, ()> {
        match text {
            "json" => Ok(LogFormat::Json),
            "text" => Ok(LogFormat::Text),
            _ => Err(()),
        }
    }

    pub(super) fn truth(text: &str) -> Result<bool, ()> {
        text.parse().map_err(drop)
    }

    pub(super) fn filter(text: &str) -> Result<String, ()> {
        EnvFilter::try_new(text).map_err(drop)?;
        Ok(text.to_owned())
    }

    pub(super) fn api_key(text: &str) -> Result<String, ()> {
        if text.starts_with("prk_") { Ok(text.to_owned()) } else { Err(()) }
    }

    pub(super) fn api_secret(text: &str) -> Result<SecretString, ()> {
        Secret::parse(text).map_err(drop)?;
        Ok(text.into())
    }

    pub(super) fn secret(text: &str) -> Result<SecretString, ()> {
        Ok(text.into())
    }
}
