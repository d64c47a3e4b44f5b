//! What a page says to each of its people, and when.

use std::{borrow::Cow, collections::HashMap};

use chrono::{DateTime, Utc};
use postroad_core::{
    campaign::{LocalLate, local, variable},
    ids::{MessageId, TemplateId, TenantId},
    message::{Body, Content, TemplateUse},
    template::variant,
};
use postroad_store::recipients::{Draft, Page, Person};

use crate::{secrets::LinkKey, tokens, variables};

/// Of one page.
pub(super) struct Wording<'a> {
    page: &'a Page,
    tenant: TenantId,
    public_url: &'a str,
    key: &'a LinkKey,
    /// When the clocks of each zone show the campaign's time.
    instants: HashMap<&'static str, DateTime<Utc>>,
    /// Of the variants.
    languages: Vec<&'a str>,
}

impl<'a> Wording<'a> {
    pub(super) fn new(page: &'a Page, tenant: TenantId, public_url: &'a str, key: &'a LinkKey) -> Self {
        let instants = page.local_at.into_iter().flat_map(local::instants);
        let variants = page.variants.iter().flat_map(|variants| &variants.0);
        Self {
            page,
            tenant,
            public_url,
            key,
            instants: instants.map(|(zone, at)| (zone.name(), at)).collect(),
            languages: variants.map(|variant| variant.language.as_str()).collect(),
        }
    }

    pub(super) fn draft(&self, person: &Person, message: MessageId, now: DateTime<Utc>) -> Draft {
        let zone = person.time_zone.as_deref().unwrap_or(&self.page.time_zone);
        let local_at = self.instants.get(zone).copied();
        let (template, language) = self.template(person.language.as_deref());
        Draft {
            message,
            template,
            content: Content::Template(TemplateUse {
                name: self.page.template_name.clone(),
                language: language.to_owned(),
                parameters: self.parameters(person, message),
                header: None,
                button_payloads: Vec::new(),
            }),
            run_at: local_at.map_or(now, |at| at.max(now)),
            not_after: local_at.filter(|at| self.is_skipped(*at)).or(self.page.not_after),
            contact: person.contact,
            address: person.address,
        }
    }

    /// It was too late for this zone when the campaign began: it expires at once, and says so.
    fn is_skipped(&self, local_at: DateTime<Utc>) -> bool {
        self.page.local_late == LocalLate::Skip && local_at <= self.page.started_at
    }

    fn template(&self, spoken: Option<&str>) -> (TemplateId, &str) {
        let picked = variant::pick(&self.languages, spoken, None);
        let variants = self.page.variants.iter().flat_map(|variants| &variants.0);
        let variant = picked.and_then(|picked| variants.into_iter().find(|variant| variant.language == picked));
        variant.map_or((self.page.template, &self.page.language), |variant| {
            (TemplateId::from_uuid(variant.template), &variant.language)
        })
    }

    /// A placeholder without a value is left out: the template gate then refuses the message, and says why.
    fn parameters(&self, person: &Person, message: MessageId) -> Vec<Body> {
        let read = variable::Person { display_name: person.display_name.as_deref(), attributes: &person.attributes };
        let value = |(place, variable): (usize, &'a variable::Variable)| {
            let linked = |link: &str| {
                let token = tokens::for_message(self.tenant, message, self.key);
                variables::link_of(link, place, self.public_url, &token)
            };
            variable.value(read, linked).map(|value| Body(Cow::into_owned(value)))
        };
        (1..).zip(&self.page.variables.0).filter_map(value).collect()
    }
}
