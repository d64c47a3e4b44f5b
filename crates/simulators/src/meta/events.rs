//! What Meta tells about an account, on command: templates, preferences, quality. Told events also change the simulator:
//! a paused template refuses sends, a stopped recipient refuses marketing.
//!
//! Source: developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock;

use super::payload::{Metadata, escaped_raw, is_phone, user_id};
use super::queue::{Change, Event};
use super::state::State;
use super::templates::Template;

/// A body of `POST /_sim/events`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum AccountEvent {
    /// `message_template_status_update`. The WABA is that of the first number unless given.
    TemplateStatus {
        #[serde(default)]
        waba_id: Option<String>,
        name: String,
        #[serde(default = "english")]
        language: String,
        /// APPROVED, REJECTED, PAUSED, DISABLED, FLAGGED...
        status: String,
        #[serde(default)]
        reason: Option<String>,
        /// Of `other_info`: FIRST_PAUSE, SECOND_PAUSE, RATE_LIMITING_PAUSE, UNPAUSE, DISABLED.
        #[serde(default)]
        title: Option<String>,
    },
    /// `template_category_update`
    TemplateCategory {
        #[serde(default)]
        waba_id: Option<String>,
        name: String,
        #[serde(default = "english")]
        language: String,
        category: String,
    },
    /// `user_preferences`: `stop` or `resume` of marketing messages.
    UserPreference {
        #[serde(default)]
        number: Option<String>,
        recipient: String,
        value: Preference,
    },
    /// `phone_number_quality_update`
    NumberQuality {
        #[serde(default)]
        number: Option<String>,
        /// UPGRADE, DOWNGRADE, FLAGGED, UNFLAGGED, THROUGHPUT_UPGRADE...
        change: String,
        #[serde(default)]
        limit: Option<String>,
        /// Changes the number's throughput as well.
        #[serde(default)]
        rate_per_s: Option<u32>,
    },
    /// Anything else.
    Other {
        #[serde(default)]
        waba_id: Option<String>,
        field: String,
        value: Value,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preference {
    Stop,
    Resume,
}

fn english() -> String {
    "en_US".to_owned()
}

/// Why an event or an inbound message cannot be told.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TellError {
    #[error("there is no template {name} in {language}")]
    NoTemplate { name: String, language: String },
    #[error("there is no number {0}")]
    NoNumber(String),
    #[error("give a sender: from, user_id or both")]
    NoSender,
}

impl AccountEvent {
    pub(crate) fn approved(waba_id: &str, name: String, language: String) -> Self {
        let (waba_id, status) = (Some(waba_id.to_owned()), "APPROVED".to_owned());
        Self::TemplateStatus { waba_id, name, language, status, reason: None, title: None }
    }

    pub(crate) fn rejected(waba_id: &str, name: String, language: String, reason: String) -> Self {
        let (waba_id, status) = (Some(waba_id.to_owned()), "REJECTED".to_owned());
        Self::TemplateStatus { waba_id, name, language, status, reason: Some(reason), title: None }
    }
}

impl State {
    /// Carries out an event and queues its webhook.
    pub(crate) fn tell(&mut self, event: AccountEvent) -> Result<(), TellError> {
        let change = match event {
            AccountEvent::TemplateStatus { waba_id, name, language, status, reason, title } => {
                let template = self.template_named(waba_id, &name, &language)?;
                template.status.clone_from(&status);
                if status == "REJECTED" {
                    template.rejected_reason = reason.clone().unwrap_or_else(|| "INVALID_FORMAT".to_owned());
                }
                template_status(template, &status, reason, title)
            }
            AccountEvent::TemplateCategory { waba_id, name, language, category } => {
                let template = self.template_named(waba_id, &name, &language)?;
                let previous = std::mem::replace(&mut template.category, category);
                template_category(template, &previous)
            }
            AccountEvent::UserPreference { number, recipient, value } => {
                self.prefer(number, recipient.trim_start_matches('+'), value)?
            }
            AccountEvent::NumberQuality { number, change, limit, rate_per_s } => {
                self.change_quality(number, &change, limit.as_deref(), rate_per_s)?
            }
            AccountEvent::Other { waba_id, field, value } => {
                let waba_id = waba_id.unwrap_or_else(|| self.config.pattern().waba_id);
                Told { waba_id, field, value, in_entry: true }
            }
        };
        self.queue_change(change);
        Ok(())
    }

    fn template_named(
        &mut self,
        waba_id: Option<String>,
        name: &str,
        language: &str,
    ) -> Result<&mut Template, TellError> {
        let waba_id = waba_id.unwrap_or_else(|| self.config.pattern().waba_id);
        let at = self.templates.position(&waba_id, name, language);
        let missing = || TellError::NoTemplate { name: name.to_owned(), language: language.to_owned() };
        at.and_then(|at| self.templates.get_mut(at)).ok_or_else(missing)
    }

    fn prefer(&mut self, number: Option<String>, recipient: &str, value: Preference) -> Result<Told, TellError> {
        let number = self.number_or_first(number)?;
        for name in [recipient.to_owned(), user_id(recipient)] {
            match value {
                Preference::Stop => self.stopped.insert(name),
                Preference::Resume => self.stopped.remove(&name),
            };
        }
        let from = self.numbers.get(number);
        let (wa_id, user_id) = (Some(recipient).filter(|id| is_phone(id)), user_id(recipient));
        let detail = match value {
            Preference::Stop => "User requested to stop marketing messages",
            Preference::Resume => "User requested to resume marketing messages",
        };
        let value = json!({
            "messaging_product": "whatsapp",
            "metadata": Metadata::of(from),
            "contacts": [{ "profile": { "name": "Simulated Contact" }, "wa_id": wa_id, "user_id": user_id }],
            "user_preferences": [{
                "wa_id": wa_id,
                "user_id": user_id,
                "detail": detail,
                "category": "marketing_messages",
                "value": value,
                "timestamp": clock::unix_s(),
            }],
        });
        Ok(Told { waba_id: from.number.waba_id.clone(), field: "user_preferences".to_owned(), value, in_entry: false })
    }

    fn change_quality(
        &mut self,
        number: Option<String>,
        change: &str,
        limit: Option<&str>,
        rate_per_s: Option<u32>,
    ) -> Result<Told, TellError> {
        let now = self.clock.now();
        let index = self.number_or_first(number)?;
        let number = &mut self.numbers.all[index as usize];
        if let Some(rate_per_s) = rate_per_s {
            number.number.rate_per_s = rate_per_s;
            number.arrivals.set_rate(now, rate_per_s);
            let configured = self.config.numbers.iter_mut();
            for same in configured.filter(|same| same.phone_number_id == number.number.phone_number_id) {
                same.rate_per_s = rate_per_s;
            }
        }
        let value = json!({
            "display_phone_number": number.digits,
            "event": change,
            "current_limit": limit,
            "max_daily_conversations_per_business": limit,
        });
        let (waba_id, field) = (number.number.waba_id.clone(), "phone_number_quality_update".to_owned());
        Ok(Told { waba_id, field, value, in_entry: true })
    }

    /// The number with this phone number id, or the first one.
    pub(crate) fn number_or_first(&mut self, phone_number_id: Option<String>) -> Result<u32, TellError> {
        let id = phone_number_id.unwrap_or_else(|| self.config.pattern().phone_number_id);
        let now = self.clock.now();
        let found = self.numbers.find_or_create(&id, &self.config, now);
        found.ok_or(TellError::NoNumber(id))
    }

    pub(crate) fn queue_change(&mut self, told: Told) {
        if !self.wants_webhooks() {
            return;
        }
        let unix_s = told.in_entry.then(clock::unix_s);
        let value = escaped_raw(&told.value);
        let change = Change { waba_id: told.waba_id, field: told.field, unix_s, value };
        self.enqueue(self.clock.now(), Event::Change(Box::new(change)));
    }
}

/// A change and where it belongs.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) waba_id: String,
    pub(crate) field: String,
    pub(crate) value: Value,
    /// Account events have their time beside the WABA's id.
    pub(crate) in_entry: bool,
}

fn template_status(template: &Template, status: &str, reason: Option<String>, title: Option<String>) -> Told {
    let mut value = named(template);
    value["event"] = status.into();
    value["reason"] = reason.unwrap_or_else(|| "NONE".to_owned()).into();
    value["message_template_category"] = template.category.as_str().into();
    if let Some(title) = title {
        value["other_info"] = json!({ "title": title, "description": "Simulated." });
    }
    Told {
        waba_id: template.waba_id.clone(),
        field: "message_template_status_update".to_owned(),
        value,
        in_entry: true,
    }
}

fn template_category(template: &Template, previous: &str) -> Told {
    let mut value = named(template);
    value["previous_category"] = previous.into();
    value["new_category"] = template.category.as_str().into();
    Told { waba_id: template.waba_id.clone(), field: "template_category_update".to_owned(), value, in_entry: true }
}

/// Webhooks write template ids as numbers.
fn named(template: &Template) -> Value {
    let id = template.id.parse::<u64>().map_or_else(|_| Value::from(template.id.as_str()), Value::from);
    json!({
        "message_template_id": id,
        "message_template_name": template.name,
        "message_template_language": template.language,
    })
}
