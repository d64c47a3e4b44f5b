//! Templates as the API reads and shows them.

use chrono::{DateTime, Utc};
use postroad_app::templates;
use postroad_core::{
    ids::AccountId,
    template::{Parts, TemplateCategory, TemplateStatus},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema::{TemplateCategoryWord, TemplateStatusWord};

/// A template to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"account_id": "acc_019f2b00000070008000000000000001", "name": "spring_offer", "language": "en_US",
    "category": "marketing", "body": "Hi {{1}}, {{2}} off until Sunday.", "footer": "Stop any time", "samples": ["Ada", "20 %"]})))]
#[schema(as = TemplateRegistration)]
pub(super) struct NewTemplate {
    #[schema(value_type = String, pattern = "^acc_[0-9a-f]{32}$")]
    account_id: AccountId,
    /// As the provider knows it.
    #[schema(min_length = 1, max_length = 512)]
    name: String,
    /// As the provider spells it.
    #[schema(min_length = 2, max_length = 15, example = "en_US")]
    language: String,
    #[schema(value_type = TemplateCategoryWord)]
    category: TemplateCategory,
    /// With placeholders `{{1}}` to `{{10}}`, numbered without gaps.
    #[schema(min_length = 1, max_length = 4096)]
    body: String,
    #[schema(min_length = 1, max_length = 60)]
    header: Option<String>,
    #[schema(min_length = 1, max_length = 60)]
    footer: Option<String>,
    /// Titles of quick-reply buttons, of up to 25 characters.
    #[serde(default)]
    #[schema(max_items = 10)]
    buttons: Vec<String>,
    /// What stands for the placeholders when somebody looks at it: one each. Needed before it is submitted.
    #[serde(default)]
    #[schema(max_items = 10)]
    samples: Vec<String>,
    /// `approved` for one that the provider has approved already. Absent: `draft`. Where the provider approves no templates,
    /// every template is `approved`.
    #[schema(value_type = Option<TemplateStatusWord>)]
    status: Option<TemplateStatus>,
    /// The provider's id.
    #[schema(min_length = 1, max_length = 200)]
    provider_ref: Option<String>,
}

impl NewTemplate {
    pub(super) fn into_new(self) -> templates::NewTemplate {
        templates::NewTemplate {
            account: self.account_id,
            name: self.name,
            language: self.language,
            category: self.category,
            body: self.body,
            parts: Parts { header: self.header, footer: self.footer, buttons: self.buttons, samples: self.samples },
            status: self.status.unwrap_or(TemplateStatus::Draft),
            provider_ref: self.provider_ref,
        }
    }
}

/// A template in one language.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Template {
    #[schema(pattern = "^tpl_[0-9a-f]{32}$")]
    id: String,
    #[schema(pattern = "^acc_[0-9a-f]{32}$")]
    account_id: String,
    name: String,
    language: String,
    #[schema(value_type = TemplateCategoryWord)]
    category: &'static str,
    #[schema(value_type = TemplateStatusWord)]
    status: &'static str,
    /// What the provider says about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    body: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    footer: Option<String>,
    buttons: Vec<String>,
    /// One for each placeholder, or none.
    samples: Vec<String>,
    /// Values the body needs.
    #[schema(minimum = 0, maximum = 10)]
    placeholders: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_ref: Option<String>,
    /// When the provider last said something about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    synced_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Template {
    pub(super) fn of(template: templates::Template) -> Self {
        Self {
            id: template.id.to_string(),
            account_id: template.account.to_string(),
            name: template.name,
            language: template.language,
            category: template.category.as_str(),
            status: template.status.as_str(),
            status_reason: template.status_reason,
            header: template.parts.header,
            body: template.body,
            footer: template.parts.footer,
            buttons: template.parts.buttons,
            samples: template.parts.samples,
            placeholders: template.placeholders,
            provider_ref: template.provider_ref,
            synced_at: template.synced_at,
            created_at: template.created_at,
            updated_at: template.updated_at,
        }
    }
}
