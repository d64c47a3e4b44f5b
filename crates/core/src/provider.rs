//! What an adapter is: a translator between our words and a provider's HTTP, without IO.
//!
//! The worker's transport carries the requests and owns timeouts, TLS, redaction and the question "did it leave?". An
//! adapter is arithmetic on bytes, tested with recorded ones.

pub mod desk;
pub mod media;

use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    account::{Channel, Pace, Spacing},
    message::{Body, Content},
    send::{Correlation, SendState},
    template::{TemplateCategory, TemplateStatus},
    words::words,
};

/// Does the provider recognise a repeated send?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    None,
    /// The same key within this time returns the first message.
    Key {
        ttl: Duration,
    },
}

/// How our correlation comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    None,
    /// An opaque field of the receipt.
    Opaque,
    /// Our own address of the callback.
    CallbackUrl,
}

/// What can be said about a call after the fact. Recovery of unknown outcomes is derived from this, never per adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    pub idempotency: Idempotency,
    pub echo: Echo,
    /// Receipts are pushed to our webhook.
    pub receipts: bool,
    /// Free text only within 24 h of the person's last message; templates otherwise.
    pub session_window: bool,
    /// What was sent can be asked for: [`Provider::look_up`].
    pub look_up: bool,
}

impl Capabilities {
    pub const fn echoes(&self) -> bool {
        !matches!(self.echo, Echo::None)
    }
}

/// What an adapter needs of a connected account. Never printed: it holds the credentials.
pub struct Connection {
    /// The provider's id of the number, page or bot: WhatsApp's phone number id.
    pub external_id: String,
    /// `https://graph.facebook.com`, or a stand-in.
    pub base_url: String,
    /// Where the provider reaches us, without a slash at its end: `https://messages.example`.
    pub public_url: String,
    pub credentials: Credentials,
}

/// A tenant's secrets at a provider, as the adapter names them.
pub struct Credentials(Vec<(String, SecretString)>);

impl Credentials {
    pub const fn new(named: Vec<(String, SecretString)>) -> Self {
        Self(named)
    }

    pub fn get(&self, name: &str) -> Option<&SecretString> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, secret)| secret)
    }
}

/// One call to make.
#[derive(Debug)]
pub struct Outbound<'a> {
    /// E.164 with `+` for telephone channels; the provider's own id elsewhere.
    pub to: &'a str,
    pub content: &'a Content,
    pub correlation: Correlation,
    /// The provider's id of the message this one answers.
    pub reply_to: Option<&'a str>,
    /// What is stored of the template that the content names.
    pub template: Option<StoredTemplate<'a>>,
    /// How long it is worth delivering. None: as long as the provider tries.
    pub valid_for: Option<Duration>,
}

/// A template, for providers that want more than its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredTemplate<'a> {
    /// The provider's id of it, where the provider keeps templates.
    pub provider_ref: Option<&'a str>,
    /// With its placeholders.
    pub body: &'a str,
}

words! {
    /// What a provider's error means for us; the normalised reasons of the metrics and the reports.
    FaultClass {
        Transient = "transient",
        /// Throughput of the number or account: the lane slows down.
        RateThroughput = "rate_throughput",
        /// This person only.
        RatePair = "rate_pair",
        /// The whole app or business.
        RateApp = "rate_app",
        /// Quality: marketing pauses on this account.
        RateSpam = "rate_spam",
        Maintenance = "maintenance",
        AuthDead = "auth_dead",
        AuthPermission = "auth_permission",
        AccountRestricted = "account_restricted",
        AccountBilling = "account_billing",
        ChannelGone = "channel_gone",
        NeedsTemplate = "needs_template",
        PermanentRecipient = "permanent_recipient",
        PermanentRequest = "permanent_request",
        PermanentMedia = "permanent_media",
        PermanentTemplate = "permanent_template",
        TemplatePaused = "template_paused",
        TemplateDisabled = "template_disabled",
        OptedOut = "opted_out",
        MarketingCap = "marketing_cap",
        /// We do not know this code: treated as permanent when the answer is a documented refusal.
        Unrecognised = "unrecognised",
        /// No answer, or none that can be read.
        NoAnswer = "no_answer",
    }
}

/// What a fault does beyond the one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    None,
    /// The lane halves its pace and recovers step by step.
    SlowDown,
    /// The lane rests for this long.
    Rest(Duration),
    /// No marketing leaves this account until its quality recovers or a person acts; everything else does.
    PauseMarketing,
    /// Stop the account until a person acts.
    Stop,
    /// Record that the person wants no marketing here.
    OptOut,
    /// The template can not be used now.
    PauseTemplate,
}

/// Why a call, or a delivery, did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The provider's own code: `131047`.
    pub code: String,
    pub class: FaultClass,
}

/// A call whose outcome is unknown, to be looked for in the provider's list.
#[derive(Debug)]
pub struct Lost<'a> {
    pub outbound: Outbound<'a>,
    /// When the call began, by our clock.
    pub began_at: DateTime<Utc>,
}

/// A message in the provider's list that may be the lost one: same person, same words, same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    pub provider_ref: String,
    /// How far it got: one of sent, delivered, read, failed. None: not that far yet.
    pub state: Option<SendState>,
    pub fault: Option<Fault>,
}

/// How a call ended, in four words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it. Delivery is reported later.
    Accepted { provider_ref: String },
    /// Nothing was sent. Try again, not before `after` when the provider names a time.
    Retry { fault: Fault, after: Option<Duration> },
    /// Nothing was sent, and nothing will change that.
    Rejected { fault: Fault },
    /// The request may have been carried out. Never resend without evidence or policy.
    Unknown { fault: Fault },
}

/// Content that this provider cannot carry. Found before anything leaves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error("{provider} cannot carry {kind}")]
    Unsupported { provider: &'static str, kind: &'static str },
    #[error("the account has no credential {name}")]
    MissingCredential { name: &'static str },
    #[error("the request cannot be written: {0}")]
    Malformed(String),
}

/// A webhook whose signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is missing or wrong")]
pub struct Forged;

/// A webhook body that cannot be read at all. It stays in the journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body cannot be read: {0}")]
pub struct Unreadable(pub String);

/// One thing a provider told us.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The provider's id of the account it concerns; [`Connection::external_id`], or the business account for templates.
    pub account_ref: String,
    /// Equal for repetitions of one event, different for different ones, within one account.
    pub key: String,
    /// The provider's time.
    pub at: DateTime<Utc>,
    pub kind: EventKind,
}

#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "what people say is most of what comes, and lives for one batch")]
pub enum EventKind {
    Receipt(Receipt),
    Inbound(Inbound),
    Template(TemplateChange),
    Preference(Preference),
    /// Something about the account that an operator should read.
    Account {
        what: String,
        detail: String,
    },
    /// Understood to be there, not acted on: kept, so that counts in equal counts out.
    Ignored {
        what: String,
    },
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    pub provider_ref: String,
    pub correlation: Option<Correlation>,
    /// One of sent, delivered, read, failed.
    pub state: SendState,
    pub fault: Option<Fault>,
    /// What the provider charges it as: `marketing`.
    pub price_category: Option<String>,
}

/// What a person said.
#[derive(Debug, Clone, PartialEq)]
pub struct Inbound {
    pub provider_ref: String,
    /// E.164 with `+`, when the provider knows it and the person does not hide it.
    pub phone: Option<String>,
    /// The provider's id of the person within the business: WhatsApp's business-scoped user id.
    pub scoped_id: Option<String>,
    pub profile_name: Option<String>,
    pub content: Content,
    /// The provider's id of the message this one answers.
    pub reply_to: Option<String>,
    /// The person asks to stop, in the provider's own words for it, or by an opt-out keyword.
    pub opts_out: bool,
    /// It starts or renews the provider's session window. Not so for an edit, a revocation or a note of the system.
    pub opens_session: bool,
}

impl Inbound {
    /// The address that they speak from. None: nobody is named.
    pub fn from(&self) -> Option<&str> {
        self.phone.as_deref().or(self.scoped_id.as_deref())
    }
}

/// A template's new standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateChange {
    pub name: String,
    pub language: String,
    pub status: Option<TemplateStatus>,
    pub category: Option<TemplateCategory>,
    pub reason: Option<String>,
}

/// A person's choice about marketing, made in the provider's own interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preference {
    pub phone: Option<String>,
    pub scoped_id: Option<String>,
    pub wants_marketing: bool,
}

/// A webhook request as it arrived.
#[derive(Debug)]
pub struct Hook<'a> {
    pub headers: &'a http::HeaderMap,
    /// The public address it was sent to.
    pub url: &'a str,
    pub body: &'a [u8],
    /// By our clock: some signatures age.
    pub received_at: DateTime<Utc>,
}

/// A webhook that was verified and stored, as one account reads it.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// [`Connection::external_id`] of the account whose secret verified it.
    pub account: &'a str,
    /// The public address it was sent to.
    pub url: &'a str,
    pub body: &'a [u8],
    pub received_at: DateTime<Utc>,
}

/// How many people a portfolio may write to within 24 hours, outside the windows that they open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// None: as many as there are.
    pub people_max: Option<u32>,
}

/// One field of the form that connects an account.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CredentialField {
    pub name: &'static str,
    pub label: &'static str,
    pub secret: bool,
    pub required: bool,
}

/// Where the secret that we made for an account lies among its credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnSecret {
    pub name: &'static str,
    /// The one before it, which holds until [`Self::former_until`].
    pub former: &'static str,
    /// An instant, RFC 3339.
    pub former_until: &'static str,
}

/// A translator. Registered by one line in `postroad-providers`.
pub trait Provider: Send + Sync {
    /// Stored in accounts and shown in logs: `whatsapp_cloud`.
    fn name(&self) -> &'static str;
    fn channel(&self) -> Channel;
    /// Where its API lives, when no stand-in is configured.
    fn base_url(&self) -> &'static str;
    fn capabilities(&self) -> Capabilities;
    /// What a new account starts with.
    fn pace(&self) -> Pace;
    /// The limit between two messages to one person, if the provider has one.
    fn spacing(&self) -> Option<Spacing>;
    fn credential_fields(&self) -> &'static [CredentialField];
    /// Whether the values of the form that are no secrets can be; why not, for the person who fills it in.
    fn check_settings(&self, _setting: &dyn Fn(&str) -> Option<String>) -> Result<(), &'static str> {
        Ok(())
    }

    fn request(&self, connection: &Connection, outbound: &Outbound<'_>) -> Result<http::Request<Vec<u8>>, BuildError>;
    /// Tells read, and that an answer is being typed. None where the provider has no such call.
    fn mark_read(
        &self,
        _connection: &Connection,
        _provider_ref: &str,
        _typing: bool,
    ) -> Option<Result<http::Request<Vec<u8>>, BuildError>> {
        None
    }
    /// Whether [`Content::Reaction`] can be sent.
    fn carries_reactions(&self) -> bool {
        false
    }
    /// A cheap call that proves the credentials: any 2xx is a proof.
    fn probe(&self, connection: &Connection) -> Result<http::Request<Vec<u8>>, BuildError>;
    /// Asks how many people the account's portfolio may write to. None where the provider has no such limit.
    fn ask_quota(&self, _connection: &Connection) -> Option<Result<http::Request<Vec<u8>>, BuildError>> {
        None
    }
    /// What it answered. None: nothing that we understand.
    fn quota(&self, _response: &http::Response<Vec<u8>>) -> Option<Quota> {
        None
    }
    fn outcome(&self, response: &http::Response<Vec<u8>>) -> Outcome;
    /// Asks for what was sent to the person around the time of a lost call. None where the provider has no such list.
    fn look_up(
        &self,
        _connection: &Connection,
        _lost: &Lost<'_>,
    ) -> Option<Result<http::Request<Vec<u8>>, BuildError>> {
        None
    }
    /// What the list holds of it. None: nothing that we understand.
    fn traces(
        &self,
        _response: &http::Response<Vec<u8>>,
        _connection: &Connection,
        _lost: &Lost<'_>,
    ) -> Option<Vec<Trace>> {
        None
    }
    /// What a fault does to the lane.
    fn effect(&self, fault: &Fault) -> Effect;

    /// The answer to a provider that asks, by GET, whether a webhook address is ours: the challenge, when the query carries
    /// our verify token. None where the provider does not ask, or the token is wrong.
    fn handshake(&self, _query: &str, _credentials: &Credentials) -> Option<String> {
        None
    }
    /// Which accounts a webhook speaks of, read without trusting it: the first step of finding the secret to verify with.
    /// None of them: it is for another adapter at the same address.
    fn accounts_in(&self, hook: &Hook<'_>) -> Result<Vec<String>, Unreadable>;
    fn verify(&self, hook: &Hook<'_>, credentials: &Credentials) -> Result<(), Forged>;
    /// The secret of an account that we make, and the provider is told: its names among the credentials. None where secrets come from
    /// the provider.
    fn own_secret(&self) -> Option<&'static OwnSecret> {
        None
    }
    /// The path of the webhook that is this account's alone, by our id of it and its settings. None where an address serves all.
    fn webhook_path(&self, _account: &str, _setting: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        None
    }
    /// What a post goes by when it is repeated, of a post that was verified: the journal keeps one of each account. At most 256 bytes.
    /// None where repetitions are known by their events alone.
    fn delivery<'a>(&self, _hook: &Hook<'a>) -> Option<&'a str> {
        None
    }
    fn events(&self, told: &Told<'_>) -> Result<Vec<Event>, Unreadable>;

    /// How templates are kept there. None: the provider looks at no template, so ours need nobody's approval.
    fn templates(&self) -> Option<&dyn desk::TemplateDesk> {
        None
    }

    /// How files that people sent are fetched there. None: nobody can send one, or it comes with the webhook.
    fn media(&self) -> Option<&dyn media::MediaDesk> {
        None
    }

    /// An address of this channel in its one spelling: E.164 for telephone channels.
    fn normalise(&self, address: &str) -> Option<String>;

    /// How the text of a body is shown in a list, at most 200 characters; `None` for content without text.
    fn preview(&self, content: &Content) -> Option<Body> {
        match content {
            Content::Text { body, .. } | Content::Interactive { body, .. } | Content::Reply { body, .. } => {
                Some(Body(body.0.chars().take(200).collect()))
            }
            _ => None,
        }
    }
}
