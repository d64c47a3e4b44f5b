//! Our words and ids as OpenAPI describes them.

mod filter;
pub(crate) mod variable;

use postroad_core::{
    account::{AccountStatus, Channel},
    campaign::{
        CampaignEvent, CampaignState, LocalLate,
        experiment::Metric,
        preflight::{Finding, Severity},
    },
    consent::{ConsentAction, Purpose, SuppressionReason},
    conversation::{ConversationState, Priority, Role},
    credit::{Category, EntryKind},
    endpoint::{DeliveryState, EndpointEvent},
    gates::{CapKind, GateName, QuietPolicy, Reason},
    inbound::Silence,
    live::Presence,
    media::MediaState,
    message::{Direction, MediaKind},
    notification::NotificationKind,
    privacy::Bodies,
    scope::Scope,
    segment::Standing,
    send::SendState,
    sight::Sees,
    targets::{CountedIn, Timeliness},
    template::{TemplateCategory, TemplateStatus},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

pub use filter::SegmentFilter;

fn words(description: &str, words: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .enum_values(Some(words))
        .build()
        .into()
}

macro_rules! vocabularies {
    ($($(#[$doc:meta])* $name:ident = $word:ty, $description:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                words($description, <$word>::ALL.iter().map(|word| word.as_str()))
            }
        }

        impl ToSchema for $name {}
    )+};
}

vocabularies! {
    ChannelWord = Channel, "Where people are reached";
    SilenceWord = Silence, "Why the webhook of an account counts as silent";
    PurposeWord = Purpose, "What a message is for: consent is asked per channel and purpose";
    QuietPolicyWord = QuietPolicy, "What quiet hours mean for a message";
    GateWord = GateName, "A rule that decides whether a message may leave now";
    ReasonWord = Reason, "Why a message waits or is refused";
    StateWord = SendState, "Where a message stands";
    DirectionWord = Direction, "Who said it: a person, or we";
    MediaKindWord = MediaKind, "What a file is";
    MediaStateWord = MediaState, "Where a file stands";
    ConsentActionWord = ConsentAction, "What a person said about being written to";
    SuppressionReasonWord = SuppressionReason, "Why nobody may write to an address";
    AccountStatusWord = AccountStatus, "Whether an account may send";
    TemplateStatusWord = TemplateStatus, "A template's standing at the provider";
    TemplateCategoryWord = TemplateCategory, "What the provider prices and polices a template as";
    CampaignStateWord = CampaignState, "Where a campaign stands";
    LocalLateWord = LocalLate, "What becomes of people for whom the local time has passed";
    CampaignEventWord = CampaignEvent, "What happened to a campaign";
    FindingWord = Finding, "One thing about a campaign that is not as it should be";
    MetricWord = Metric, "What makes one message better than another";
    SeverityWord = Severity, "Whether a campaign can go on";
    StandingWord = Standing, "What would become of a message to somebody";
    ConversationStateWord = ConversationState, "Where a conversation stands";
    PriorityWord = Priority, "How urgent a conversation is";
    TimelinessWord = Timeliness, "How a conversation stands to its targets";
    CountedInWord = CountedIn, "Which time counts";
    RoleWord = Role, "What a member may do";
    SeesWord = Sees, "Which conversations a member sees: everything, those of their department or of none, or those given to them";
    PresenceWord = Presence, "Whether a member is there";
    NotificationKindWord = NotificationKind, "Why a member is told";
    CapKindWord = CapKind, "How a frequency cap counts";
    BodiesWord = Bodies, "How what people say rests in the database: in the open, or sealed under the tenant's data key";
    EndpointEventWord = EndpointEvent, "What an endpoint may be told of";
    DeliveryStateWord = DeliveryState, "Where a delivery to an endpoint stands";
    CreditCategoryWord = Category, "What a message is for, as prices tell messages apart";
    CreditEntryWord = EntryKind, "What a line of a wallet's statement does";
    ScopeWord = Scope, "What an API client may do";
}
