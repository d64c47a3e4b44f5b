//! `/{WABA id}/message_templates` and `/{template id}`: templates as their owner manages them.
//!
//! Source: facebook/openapi; developers.facebook.com/documentation/business-messaging/whatsapp/templates;
//! developers.facebook.com/docs/graph-api/reference/whats-app-business-hsm for `rejected_reason`.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::server::Reply;

use super::errors::Refusal;
use super::events::AccountEvent;
use super::fate::unknown;
use super::message::missing;
use super::query::Query;
use super::reply;
use super::state::State;
use super::templates::{TEMPLATES_MAX, Template};

/// Templates on one page when the caller asks for no number.
const PAGE: usize = 25;
const NAME_CHARS_MAX: usize = 512;

#[derive(Deserialize)]
struct New {
    name: Option<String>,
    language: Option<String>,
    category: Option<String>,
    components: Option<Vec<Value>>,
}

impl State {
    pub(crate) fn list_templates(&self, waba_id: &str, query: &Query) -> Reply {
        let wanted = |template: &&Template| {
            query.get("name").is_none_or(|name| template.name == name)
                && query.get("status").is_none_or(|status| template.status == status)
                && query.get("language").is_none_or(|language| template.language == language)
        };
        let from = query.number("after").unwrap_or(0);
        let limit = query.number("limit").unwrap_or(PAGE);
        let all: Vec<&Template> = self.templates.of(waba_id).filter(wanted).collect();
        let page: Vec<Value> = all.iter().skip(from).take(limit).map(|template| shown(template)).collect();
        let to = from + page.len();
        let mut answer =
            json!({ "data": page, "paging": { "cursors": { "before": from.to_string(), "after": to.to_string() } } });
        if query.get("summary").is_some() {
            let count = self.templates.of(waba_id).count();
            answer["summary"] = json!({
                "total_count": all.len(),
                "message_template_count": count,
                "message_template_limit": TEMPLATES_MAX,
                "are_translations_complete": true,
            });
        }
        if to < all.len() {
            answer["paging"]["next"] = format!("/{waba_id}/message_templates?after={to}&limit={limit}").into();
        }
        reply::ok(&answer)
    }

    /// Returns the answer, and the verdict of the review, for when that is due.
    pub(crate) fn create_template(&mut self, waba_id: &str, body: &[u8]) -> Result<(Reply, AccountEvent), Refusal> {
        let new: New = serde_json::from_slice(body).map_err(|error| Refusal::because(100, error.to_string()))?;
        let template = self.checked(waba_id, new)?;
        let at = self.templates.register(template);
        let template = self.templates.get(at).expect("it was registered just now");
        let answer = reply::ok(&json!({ "id": template.id, "status": template.status, "category": template.category }));
        let verdict = self.verdict(template);
        Ok((answer, verdict))
    }

    fn verdict(&self, template: &Template) -> AccountEvent {
        let (waba_id, name, language) = (&template.waba_id, template.name.clone(), template.language.clone());
        match &self.config.reject_templates_for {
            Some(reason) => AccountEvent::rejected(waba_id, name, language, reason.clone()),
            None => AccountEvent::approved(waba_id, name, language),
        }
    }

    fn checked(&self, waba_id: &str, new: New) -> Result<Template, Refusal> {
        let name = new.name.ok_or_else(|| missing("name"))?;
        let language = new.language.ok_or_else(|| missing("language"))?;
        let category = new.category.ok_or_else(|| missing("category"))?.to_ascii_uppercase();
        let components = new.components.ok_or_else(|| missing("components"))?;
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.bytes().all(allowed) {
            return Err(Refusal::because(100, "Param name must be lowercase letters, digits and underscores."));
        }
        if !matches!(category.as_str(), "MARKETING" | "UTILITY" | "AUTHENTICATION") {
            return Err(Refusal::because(100, "Param category must be one of {AUTHENTICATION, MARKETING, UTILITY}."));
        }
        if self.templates.position(waba_id, &name, &language).is_some() {
            return Err(Refusal::because(100, "Content in This Language Already Exists").subcode(2_388_024));
        }
        if self.templates.of(waba_id).count() >= TEMPLATES_MAX {
            return Err(Refusal::because(100, "Message template limit exceeded").subcode(2_388_019));
        }
        let (waba_id, status) = (waba_id.to_owned(), "PENDING".to_owned());
        Ok(Template { waba_id, name, language, category, status, components, ..Template::default() })
    }

    pub(crate) fn delete_templates(&mut self, waba_id: &str, query: &Query) -> Result<Reply, Refusal> {
        let name = query.get("name").ok_or_else(|| missing("name"))?;
        match self.templates.delete(waba_id, name, query.get("hsm_id")) {
            0 => Err(Refusal::because(100, "Message template name was not found.").subcode(2_593_002)),
            _ => Ok(reply::success()),
        }
    }

    /// `GET /{template id}`
    pub(crate) fn template(&self, id: &str) -> Option<Reply> {
        let at = self.templates.position_of_id(id)?;
        self.templates.get(at).map(|template| reply::ok(&shown(template)))
    }

    /// `POST /{template id}`: changed templates are reviewed again. Returns the answer and the verdict.
    pub(crate) fn edit_template(&mut self, id: &str, body: &[u8]) -> Result<(Reply, AccountEvent), Refusal> {
        let new: New = serde_json::from_slice(body).map_err(|error| Refusal::because(100, error.to_string()))?;
        let known = self.templates.position_of_id(id).and_then(|at| self.templates.get(at));
        let mut template = known.ok_or_else(|| unknown(id))?.clone();
        if let Some(components) = new.components {
            template.components = components;
        }
        if let Some(category) = new.category {
            template.category = category;
        }
        "PENDING".clone_into(&mut template.status);
        "NONE".clone_into(&mut template.rejected_reason);
        let verdict = self.verdict(&template);
        self.templates.register(template);
        Ok((reply::success(), verdict))
    }
}

fn shown(template: &Template) -> Value {
    json!({
        "id": template.id,
        "name": template.name,
        "language": template.language,
        "status": template.status,
        "category": template.category,
        "components": template.components,
        "rejected_reason": template.rejected_reason,
        "parameter_format": "POSITIONAL",
    })
}
