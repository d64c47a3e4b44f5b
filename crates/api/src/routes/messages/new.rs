//! What a caller writes to have something sent.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use postroad_app::messages::Draft;
use postroad_core::{
    account::Channel,
    consent::Purpose,
    gates::QuietPolicy,
    ids::{AccountId, AttachmentId, MessageId},
    limits::PLACEHOLDERS_MAX,
    message::{Body, Button, Class, Content, Media, MediaKind, TemplateUse},
};
use serde::Deserialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, RefOr, Schema, Type, schema::AdditionalProperties},
};

use crate::{
    problem::Problem,
    schema::{ChannelWord, MediaKindWord, PurposeWord, QuietPolicyWord},
};

/// What is said: which of the fields below `type` speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::routes) enum Kind {
    /// `text`.
    Text,
    /// `template`.
    Template,
    /// `media`.
    Media,
    /// `text` and `buttons`.
    Interactive,
}

/// How urgent it is.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Urgency {
    /// One-time codes: they go first, at any hour.
    Auth,
    #[default]
    Transactional,
}

/// A message to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(
    json!({"to": "+12025550123", "type": "text", "text": "Your parcel is on its way."}),
    json!({"to": "+12025550123", "type": "template", "purpose": "marketing",
           "template": {"name": "spring_sale", "language": "en_US", "parameters": {"1": "Ada", "2": "20 %"}}}),
    json!({"to": "+12025550123", "channel": "sms", "type": "text", "text": "Your code is 123456.", "class": "auth",
           "not_after": "2026-03-02T12:10:00Z"}),
    json!({"to": "+12025550123", "type": "interactive", "text": "Does Tuesday suit you?",
           "buttons": [{"id": "yes", "title": "Yes"}, {"id": "no", "title": "No"}]}),
))]
pub(super) struct NewMessage {
    /// A telephone number with its country code, or the channel's own kind of address.
    #[schema(min_length = 1, max_length = 320)]
    to: String,
    #[serde(rename = "type")]
    kind: Kind,
    /// With `text` and `interactive`.
    #[schema(min_length = 1, max_length = 4096)]
    text: Option<String>,
    /// Whether the first link of `text` is shown with a preview.
    preview_url: Option<bool>,
    template: Option<NewTemplate>,
    media: Option<NewMedia>,
    /// Reply buttons, with `interactive`.
    #[schema(min_items = 1, max_items = 3)]
    buttons: Option<Vec<NewButton>>,
    /// Absent: that of the account, or of the only one there is.
    #[schema(value_type = Option<ChannelWord>)]
    channel: Option<Channel>,
    /// Absent: the channel's primary account, or the only one.
    #[schema(value_type = Option<String>, pattern = "^acc_[0-9a-f]{32}$")]
    account_id: Option<AccountId>,
    #[serde(default)]
    class: Urgency,
    /// Absent: `transactional`.
    #[schema(value_type = Option<PurposeWord>)]
    purpose: Option<Purpose>,
    /// Absent: `exempt` for `auth`, else `hold`.
    #[schema(value_type = Option<QuietPolicyWord>)]
    quiet_policy: Option<QuietPolicy>,
    /// Not before this instant; at most 366 days ahead.
    send_at: Option<DateTime<Utc>>,
    /// Not at or after this instant: then it has expired.
    not_after: Option<DateTime<Utc>>,
    /// The message it answers.
    #[schema(value_type = Option<String>, pattern = "^msg_[0-9a-f]{32}$")]
    reply_to: Option<MessageId>,
}

/// An approved template with its values.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct NewTemplate {
    #[schema(min_length = 1, max_length = 512)]
    name: String,
    /// As the provider spells it.
    #[schema(min_length = 2, max_length = 15, example = "en_US")]
    language: String,
    #[serde(default)]
    parameters: Parameters,
    header: Option<NewMedia>,
    /// Payloads of quick-reply buttons, by place.
    #[serde(default)]
    #[schema(max_items = 10)]
    button_payloads: Vec<String>,
}

/// Values of `{{1}}` to `{{10}}`: a list, or by number without gaps.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(in crate::routes) enum Parameters {
    List(Vec<String>),
    Numbered(BTreeMap<String, String>),
}

impl PartialSchema for Parameters {
    fn schema() -> RefOr<Schema> {
        let value = || ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(1_024));
        let numbered = (1..=PLACEHOLDERS_MAX)
            .fold(ObjectBuilder::new(), |object, number| object.property(number.to_string(), value()));
        let either = OneOfBuilder::new()
            .item(ArrayBuilder::new().items(value()).max_items(Some(PLACEHOLDERS_MAX)))
            .item(numbered.additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false))))
            .description(Some("Values of the placeholders {{1}} to {{10}}: a list, or by number without gaps"));
        RefOr::T(Schema::OneOf(either.build()))
    }
}

impl ToSchema for Parameters {}

/// A file that the provider fetches.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct NewMedia {
    #[schema(value_type = MediaKindWord)]
    kind: MediaKind,
    /// Where the provider fetches it. Either this or `attachment_id`.
    #[schema(min_length = 9, max_length = 2048, pattern = "^https://")]
    link: Option<String>,
    /// A file of ours that is `stored`.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^att_[0-9a-f]{32}$")]
    attachment_id: Option<AttachmentId>,
    #[schema(min_length = 1, max_length = 1024)]
    caption: Option<String>,
    #[schema(min_length = 1, max_length = 240)]
    filename: Option<String>,
}

/// A reply button.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct NewButton {
    /// Comes back in the reply.
    #[schema(min_length = 1, max_length = 256)]
    id: String,
    #[schema(min_length = 1, max_length = 20)]
    title: String,
}

/// Messages to be sent together.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBatch {
    #[schema(min_items = 1, max_items = 1000)]
    messages: Vec<NewMessage>,
}

impl NewBatch {
    pub(super) fn into_drafts(self) -> Result<Vec<Draft>, Problem> {
        self.messages.into_iter().map(NewMessage::into_draft).collect()
    }
}

impl NewMessage {
    pub(super) fn into_draft(self) -> Result<Draft, Problem> {
        let class = match self.class {
            Urgency::Auth => Class::Auth,
            Urgency::Transactional => Class::Transactional,
        };
        Ok(Draft {
            channel: self.channel,
            account: self.account_id,
            class,
            purpose: self.purpose.unwrap_or(Purpose::Transactional),
            quiet_policy: self.quiet_policy,
            send_at: self.send_at,
            not_after: self.not_after,
            reply_to: self.reply_to,
            to: self.to.clone(),
            content: self.into_content()?,
        })
    }

    fn into_content(self) -> Result<Content, Problem> {
        let Self { kind, text, preview_url, template, media, buttons, .. } = self;
        Parts { kind, text, preview_url, template, media, buttons }.into_content()
    }
}

/// The fields of which each type has some.
pub(in crate::routes) struct Parts {
    pub(in crate::routes) kind: Kind,
    pub(in crate::routes) text: Option<String>,
    pub(in crate::routes) preview_url: Option<bool>,
    pub(in crate::routes) template: Option<NewTemplate>,
    pub(in crate::routes) media: Option<NewMedia>,
    pub(in crate::routes) buttons: Option<Vec<NewButton>>,
}

impl Parts {
    /// Exactly the fields that `type` speaks of.
    pub(in crate::routes) fn into_content(self) -> Result<Content, Problem> {
        let (kind, preview_url) = (self.kind, self.preview_url);
        match (kind, self.text, self.template, self.media, self.buttons) {
            (Kind::Text, Some(text), None, None, None) => {
                Ok(Content::Text { body: Body(text), preview_url: preview_url.unwrap_or_default() })
            }
            (Kind::Template, None, Some(template), None, None) if preview_url.is_none() => template.into_content(),
            (Kind::Media, None, None, Some(media), None) if preview_url.is_none() => {
                Ok(Content::Media(media.into_media()?))
            }
            (Kind::Interactive, Some(text), None, None, Some(buttons)) if preview_url.is_none() => {
                Ok(Content::Interactive { body: Body(text), buttons: buttons.into_iter().map(Button::from).collect() })
            }
            _ => Err(mismatch(kind)),
        }
    }
}

fn mismatch(kind: Kind) -> Problem {
    let needed = match kind {
        Kind::Text => "text needs text, may have preview_url, and has",
        Kind::Template => "template needs template, and has",
        Kind::Media => "media needs media, and has",
        Kind::Interactive => "interactive needs text and buttons, and has",
    };
    Problem::invalid("content_mismatch", format_args!("a message of type {needed} no other content"))
}

impl NewTemplate {
    fn into_content(self) -> Result<Content, Problem> {
        Ok(Content::Template(TemplateUse {
            name: self.name,
            language: self.language,
            parameters: self.parameters.into_list()?,
            header: self.header.map(NewMedia::into_media).transpose()?,
            button_payloads: self.button_payloads,
        }))
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Parameters {
    fn into_list(self) -> Result<Vec<Body>, Problem> {
        match self {
            Self::List(values) => Ok(values.into_iter().map(Body).collect()),
            Self::Numbered(mut by_number) => {
                let count = by_number.len();
                let values: Option<Vec<Body>> =
                    (1..=count).map(|number| by_number.remove(&number.to_string()).map(Body)).collect();
                values.filter(|_| count <= PLACEHOLDERS_MAX).ok_or_else(misnumbered)
            }
        }
    }
}

fn misnumbered() -> Problem {
    let detail = format_args!("parameters are numbered from \"1\" to \"{PLACEHOLDERS_MAX}\" without gaps");
    Problem::invalid("template_parameters", detail)
}

impl NewMedia {
    fn into_media(self) -> Result<Media, Problem> {
        let Self { kind, link, attachment_id, caption, filename } = self;
        if link.is_some() == attachment_id.is_some() {
            return Err(Problem::invalid("content_mismatch", "media needs either a link or an attachment_id"));
        }
        let (link, caption) = (link.unwrap_or_default(), caption.map(Body));
        Ok(Media { kind, link, caption, filename, attachment: attachment_id })
    }
}

impl From<NewButton> for Button {
    fn from(new: NewButton) -> Self {
        Self { id: new.id, title: Body(new.title) }
    }
}
