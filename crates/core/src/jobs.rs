//! Payloads of the queues: ids and choices, never state. A job is a wake-up; the ledger is the truth.
//!
//! To add a job: a payload here with its [`Job`] line, and its handler in the worker. The snapshot test keeps old payloads
//! readable.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{
        AccountId, AttachmentId, AutomationId, CampaignId, ContactId, ConversationId, DeliveryId, EndpointId, ImportId,
        JournalId, MailId, MessageId, RunId, TemplateId, TenantId,
    },
    words::words,
};

words! {
    /// A promise of latency. Each queue has its own workers, so that bulk never starves interactive work.
    Queue {
        /// Wakes the lane of an account.
        Lane = "lane",
        /// Webhooks to normalise and apply.
        Inbound = "inbound",
        /// Pages of campaigns to plan.
        Campaign = "campaign",
        /// Files of contacts to read.
        Import = "import",
        /// Events that automations wait for, and their runs.
        Automation = "automation",
        /// Templates to submit, list and delete at their providers.
        Template = "template",
        /// Files to fetch at their providers and to look at.
        Media = "media",
        /// What tenants' endpoints are told.
        Delivery = "delivery",
        /// Mail of the installation itself: invitations, ways to a new password.
        Mail = "mail",
        /// Purges and reconciliation.
        Maintenance = "maintenance",
    }
}

/// What all payloads have.
pub trait Job: Serialize + for<'de> Deserialize<'de> + Send + Sync + Unpin + 'static {
    const QUEUE: Queue;

    /// Two jobs of one key are one job, as long as the first is not pruned.
    fn key(&self) -> String;
}

/// Wakes one lane: some worker leases and drains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WakeLane {
    pub tenant: TenantId,
    pub account: AccountId,
    /// Of the lane when the job was written; the key carries it, so that finished jobs do not mute new ones.
    pub generation: i64,
}

impl Job for WakeLane {
    const QUEUE: Queue = Queue::Lane;

    fn key(&self) -> String {
        format!("lane:{}:{}", self.account.uuid().simple(), self.generation)
    }
}

/// Says that webhooks were stored. The handler takes whatever is unread, oldest first, so one job stands for many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadJournal {
    /// The first entry of the batch that was stored with this job.
    pub first: JournalId,
}

impl Job for ReadJournal {
    const QUEUE: Queue = Queue::Inbound;

    fn key(&self) -> String {
        format!("journal:{}", self.first.uuid().simple())
    }
}

/// Writes the next pages of recipients of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCampaign {
    pub tenant: TenantId,
    pub campaign: CampaignId,
    /// The page this job continues at; the row's own cursor decides what is written.
    pub page: i32,
    /// How often the campaign was started or resumed.
    pub generation: i32,
}

impl Job for PlanCampaign {
    const QUEUE: Queue = Queue::Campaign;

    fn key(&self) -> String {
        format!("plan:{}:{}:{}", self.campaign.uuid().simple(), self.generation, self.page)
    }
}

/// Reads on in a file of contacts that came over the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadImport {
    pub tenant: TenantId,
    pub import: ImportId,
    /// The lines that were done when the job was written; the row's own count decides what is read.
    pub at: i64,
    /// 0, or the instant in unix seconds at which a sweep found that nobody reads the file.
    #[serde(default)]
    pub woken: i64,
}

impl Job for ReadImport {
    const QUEUE: Queue = Queue::Import;

    fn key(&self) -> String {
        format!("import:{}:{}:{}", self.import.uuid().simple(), self.at, self.woken)
    }
}

/// What is to be done about templates at their provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum TendTemplates {
    /// Puts a template before the provider.
    Submit {
        tenant: TenantId,
        template: TemplateId,
        /// Which of its submissions; the row says whether the provider has answered it.
        submission: i32,
        /// 0, or the instant in unix seconds at which a listing found that nobody submits it.
        woken: i64,
    },
    /// Deletes a template at the provider.
    Remove { tenant: TenantId, template: TemplateId, woken: i64 },
    /// Lists what the provider has, from a page on.
    List {
        tenant: TenantId,
        account: AccountId,
        /// When the listing began, in unix seconds: what was not seen since is gone.
        began: i64,
        page: u32,
        /// The provider's cursor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
}

impl Job for TendTemplates {
    const QUEUE: Queue = Queue::Template;

    fn key(&self) -> String {
        match self {
            Self::Submit { template, submission, woken, .. } => {
                format!("submit:{}:{submission}:{woken}", template.uuid().simple())
            }
            Self::Remove { template, woken, .. } => format!("remove:{}:{woken}", template.uuid().simple()),
            Self::List { account, began, page, .. } => format!("list:{}:{began}:{page}", account.uuid().simple()),
        }
    }
}

/// What is to be done about automations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Automate {
    /// Looks at what was told of a tenant, up to this number and further.
    Follow {
        tenant: TenantId,
        seq: i64,
        /// 0, or the instant in unix seconds at which a sweep found that nobody looks.
        woken: i64,
    },
    /// Goes on with the runs about a contact, of which this one is due then.
    GoOn {
        tenant: TenantId,
        contact: ContactId,
        run: RunId,
        /// Unix milliseconds.
        at: i64,
        /// As with `Follow`.
        woken: i64,
    },
    /// Begins runs that wait for no event: the time of a schedule has come, or it is time to look who is idle.
    Fire {
        tenant: TenantId,
        automation: AutomationId,
        /// Unix milliseconds.
        at: i64,
        /// Conversations up to this one were looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<ConversationId>,
    },
}

impl Job for Automate {
    const QUEUE: Queue = Queue::Automation;

    fn key(&self) -> String {
        match self {
            Self::Follow { tenant, seq, woken } => format!("follow:{}:{seq}:{woken}", tenant.uuid().simple()),
            Self::GoOn { run, at, woken, .. } => format!("run:{}:{at}:{woken}", run.uuid().simple()),
            Self::Fire { automation, at, after, .. } => {
                let after = after.map(|after| after.uuid().simple().to_string()).unwrap_or_default();
                format!("fire:{}:{at}:{after}", automation.uuid().simple())
            }
        }
    }
}

/// Says that files are wanted. The handler takes whatever is due, longest first, so one job stands for many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchMedia {
    /// A file that is due, or will be.
    pub first: AttachmentId,
    /// 0, or the instant in unix seconds at which somebody found that more are due.
    #[serde(default)]
    pub woken: i64,
}

impl Job for FetchMedia {
    const QUEUE: Queue = Queue::Media;

    fn key(&self) -> String {
        format!("media:{}:{}", self.first.uuid().simple(), self.woken)
    }
}

/// Says that an endpoint is to be told something. The handler takes whatever is due, longest first, so one job stands for
/// many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliver {
    pub tenant: TenantId,
    pub endpoint: EndpointId,
    /// A delivery that is due.
    pub first: DeliveryId,
    /// Since when, in unix milliseconds.
    pub at: i64,
}

impl Job for Deliver {
    const QUEUE: Queue = Queue::Delivery;

    fn key(&self) -> String {
        format!("deliver:{}:{}", self.first.uuid().simple(), self.at)
    }
}

/// Sends one mail of the installation itself; its row says to whom, and whether it still is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendMail {
    pub mail: MailId,
}

impl Job for SendMail {
    const QUEUE: Queue = Queue::Mail;

    fn key(&self) -> String {
        format!("mail:{}", self.mail.uuid().simple())
    }
}

/// One periodic task at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Maintain {
    /// Deletes finished jobs, old idempotency rows, old request logs.
    Prune { slot: i64 },
    /// Looks on at the people of a campaign, for a dry run that was asked for at this instant in unix microseconds.
    DryRun {
        tenant: TenantId,
        campaign: CampaignId,
        asked: i64,
        /// People that were looked at when the job was written; what is kept with the campaign decides.
        at: i64,
    },
    /// Folds rows into campaign progress and ends campaigns that have nothing left.
    FoldCampaigns { slot: i64 },
    /// Deletes files that are older than their tenants keep them, and those of forgotten people.
    PurgeMedia { slot: i64 },
    /// Asks people about conversations that were resolved.
    AskRatings { slot: i64 },
    /// Lists the templates of every account whose provider keeps them.
    ListTemplates { slot: i64 },
    /// Asks how many people the portfolio of an account may write to, which was connected at this instant in unix seconds.
    LearnQuota { tenant: TenantId, account: AccountId, asked: i64 },
    /// Marks accounts whose webhooks do not come any more.
    NoteSilence { slot: i64 },
    /// Tells the person that we have read what they said, up to this message.
    TellRead { tenant: TenantId, message: MessageId },
    /// Makes two contacts one, of whom the provider says that they are the same person.
    MergeSame { tenant: TenantId, contact: ContactId, other: ContactId },
    /// Looks for a call without an answer in the provider's list, for the nth time.
    LookUp { tenant: TenantId, message: MessageId, attempt: i32, nth: i32 },
}

impl Job for Maintain {
    const QUEUE: Queue = Queue::Maintenance;

    fn key(&self) -> String {
        match self {
            Self::Prune { slot } => format!("prune:{slot}"),
            Self::FoldCampaigns { slot } => format!("fold:{slot}"),
            Self::PurgeMedia { slot } => format!("media:{slot}"),
            Self::AskRatings { slot } => format!("ratings:{slot}"),
            Self::DryRun { campaign, asked, at, .. } => format!("dry:{}:{asked}:{at}", campaign.uuid().simple()),
            Self::ListTemplates { slot } => format!("templates:{slot}"),
            Self::LearnQuota { account, asked, .. } => format!("quota:{}:{asked}", account.uuid().simple()),
            Self::NoteSilence { slot } => format!("silence:{slot}"),
            Self::TellRead { message, .. } => format!("read:{}", message.uuid().simple()),
            Self::MergeSame { contact, other, .. } => {
                format!("same:{}:{}", contact.uuid().simple(), other.uuid().simple())
            }
            Self::LookUp { message, attempt, nth, .. } => format!("look:{}:{attempt}:{nth}", message.uuid().simple()),
        }
    }
}
