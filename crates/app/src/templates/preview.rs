//! How a template reads: for people as a campaign would write to them, or for nobody in particular.

use std::borrow::Cow;

use postroad_core::{
    account::Channel,
    campaign::variable::Person,
    ids::{ContactId, TemplateId, TenantId},
    limits::TEMPLATE_PREVIEWS_MAX,
    segments::Estimate,
    template::{self, Parts, TemplateError as BodyError},
};
use postroad_store::{
    TenantTx, accounts,
    campaigns::Variable,
    contacts::{self, Contact},
};

use super::{Template, TemplateError, check, find};
use crate::{App, variables};

/// What is to be shown.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// One per placeholder, as a campaign spells them. Without contacts they may be left out: the samples stand for them.
    pub variables: Vec<Variable>,
    /// At most 20. None: the template is shown once, for nobody.
    pub contacts: Vec<ContactId>,
}

/// A template as people would read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub parts: Parts,
    pub readings: Vec<Reading>,
}

/// The body for one person. Never printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub contact: Option<ContactId>,
    /// Placeholders without a value stand in it as they are. None: it cannot be written, and `problem` says why.
    pub text: Option<String>,
    /// Placeholders without a value, from 1. The person would get nothing.
    pub missing: Vec<usize>,
    pub problem: Option<BodyError>,
    pub chars: usize,
    /// Of a text message: what the carrier bills.
    pub estimate: Option<Estimate>,
}

/// Shows the template to the people named, in their order.
pub async fn preview(app: &App, tenant: TenantId, id: TemplateId, wanted: &Wanted) -> Result<Shown, TemplateError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let template = find(&mut tx, id).await?;
    let account = accounts::find(&mut tx, template.account).await?.ok_or(TemplateError::UnknownAccount)?;
    check_wanted(&template, wanted)?;
    let (variables, channel) = (&wanted.variables, account.channel);
    let view = View { template: &template, variables, channel, public_url: &app.public_url };
    let readings = if wanted.contacts.is_empty() {
        vec![view.reading(None)]
    } else {
        people(&mut tx, &wanted.contacts).await?.iter().map(|person| view.reading(Some(person))).collect()
    };
    Ok(Shown { parts: template.parts, readings })
}

fn check_wanted(template: &Template, wanted: &Wanted) -> Result<(), TemplateError> {
    if wanted.contacts.len() > TEMPLATE_PREVIEWS_MAX {
        return Err(TemplateError::TooManyContacts(wanted.contacts.len()));
    }
    wanted.variables.iter().try_for_each(check::variable)?;
    let (placeholders, values) = (template.placeholders, wanted.variables.len());
    let for_samples = wanted.contacts.is_empty() && values == 0;
    if for_samples || values == placeholders {
        return Ok(());
    }
    Err(BodyError::Count { placeholders, values }.into())
}

async fn people(tx: &mut TenantTx, ids: &[ContactId]) -> Result<Vec<Contact>, TemplateError> {
    let mut people = Vec::with_capacity(ids.len());
    for id in ids {
        people.push(contacts::find(tx, *id).await?.ok_or(TemplateError::UnknownContact(*id))?);
    }
    Ok(people)
}

struct View<'a> {
    template: &'a Template,
    variables: &'a [Variable],
    channel: Channel,
    public_url: &'a str,
}

impl View<'_> {
    fn reading(&self, person: Option<&Contact>) -> Reading {
        let values: Vec<Option<String>> = (0..self.template.placeholders).map(|at| self.value(at, person)).collect();
        let missing = values.iter().zip(1..).filter_map(|(value, place)| value.is_none().then_some(place)).collect();
        // A value is text, so a placeholder may stand for itself.
        let standing = values.into_iter().zip(1_usize..);
        let values: Vec<String> =
            standing.map(|(value, place)| value.unwrap_or_else(|| format!("{{{{{place}}}}}"))).collect();
        let (text, problem) = match template::render(&self.template.body, &values) {
            Ok(text) => (Some(text), None),
            Err(problem) => (None, Some(problem)),
        };
        let is_sms = self.channel == Channel::Sms;
        Reading {
            contact: person.map(|person| person.id),
            chars: text.as_deref().map_or(0, |text| text.chars().count()),
            estimate: text.as_deref().filter(|_| is_sms).map(Estimate::of),
            text,
            missing,
            problem,
        }
    }

    fn value(&self, at: usize, person: Option<&Contact>) -> Option<String> {
        let sample = || self.template.parts.samples.get(at).cloned();
        let linked = |link: &str| variables::example_link(link, at + 1, self.public_url);
        let Some(variable) = self.variables.get(at) else { return sample() };
        match (variable, person) {
            (Variable::Attribute { fallback, .. }, None) => sample().or_else(|| fallback.clone()),
            (variable, person) => variable.value(person.map_or(Person::NOBODY, seen), linked).map(Cow::into_owned),
        }
    }
}

fn seen(contact: &Contact) -> Person<'_> {
    Person { display_name: contact.display_name.as_deref(), attributes: &contact.attributes }
}
