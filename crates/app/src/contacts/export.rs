//! All contacts as a file, safe to be opened by a spreadsheet, and to be imported again: columns of our own making begin
//! with `postroad_` and are passed over then. Consent is told and not exported: its evidence stays here.

use std::{borrow::Cow, collections::BTreeMap};

use chrono::SecondsFormat;
use postroad_core::{
    account::Channel,
    consent::ConsentAction,
    ids::{ContactId, TenantId},
    limits::{EXPORT_ATTRIBUTES_MAX, EXPORT_PAGE},
};
use postroad_store::{
    Error, TenantTx,
    export::{self, ContactLine, LineAddress},
};

use crate::{App, cells, import::attribute_heading};

const COLUMNS: [&str; 13] = [
    "external_key",
    "display_name",
    "phone",
    "email",
    "language",
    "time_zone",
    "tags",
    "postroad_id",
    "postroad_addresses",
    "postroad_marketing",
    "postroad_transactional",
    "postroad_suppressed",
    "postroad_created_at",
];

/// An export, read piece by piece.
#[derive(Debug)]
pub struct Export {
    tenant: TenantId,
    /// Each has a column.
    attributes: Vec<String>,
    next: Next,
}

#[derive(Debug)]
enum Next {
    Header,
    After(Option<ContactId>),
    Nothing,
}

impl Export {
    pub async fn open(app: &App, tenant: TenantId) -> Result<Self, Error> {
        let mut tx = TenantTx::begin(&app.store, tenant).await?;
        let attributes = export::attribute_names(&mut tx, EXPORT_ATTRIBUTES_MAX).await?;
        Ok(Self { tenant, attributes, next: Next::Header })
    }

    /// The next piece; none behind the last.
    pub async fn next(&mut self, app: &App) -> Result<Option<Vec<u8>>, Error> {
        match self.next {
            Next::Header => {
                self.next = Next::After(None);
                Ok(Some(self.header()))
            }
            Next::After(after) => self.page(app, after).await,
            Next::Nothing => Ok(None),
        }
    }

    fn header(&self) -> Vec<u8> {
        let own = COLUMNS.into_iter().map(Cow::Borrowed);
        let attributes =
            self.attributes.iter().map(|name| Cow::Owned(cells::guard(&attribute_heading(name)).into_owned()));
        cells::rows([own.chain(attributes)])
    }

    async fn page(&mut self, app: &App, after: Option<ContactId>) -> Result<Option<Vec<u8>>, Error> {
        let mut tx = TenantTx::begin(&app.store, self.tenant).await?;
        let lines = export::contacts(&mut tx, after, EXPORT_PAGE).await?;
        let is_last = i64::try_from(lines.len()).unwrap_or(i64::MAX) < EXPORT_PAGE;
        self.next = match lines.last() {
            Some(last) if !is_last => Next::After(Some(last.id)),
            _ => Next::Nothing,
        };
        Ok((!lines.is_empty()).then(|| cells::rows(lines.iter().map(|line| self.cells(line)))))
    }

    fn cells<'a>(&'a self, line: &'a ContactLine) -> impl Iterator<Item = Cow<'a, str>> {
        let text = |text: &'a Option<String>| cells::guard(text.as_deref().unwrap_or_default());
        let owned = |text: String| Cow::Owned(cells::guard(&text).into_owned());
        let own = [
            text(&line.external_key),
            text(&line.display_name),
            cells::guard(phone(&line.addresses)),
            cells::guard(email(&line.addresses)),
            text(&line.language),
            text(&line.time_zone),
            owned(line.tags.join(",")),
            Cow::Owned(line.id.to_string()),
            owned(all(&line.addresses)),
            Cow::Borrowed(word(line.addresses.iter().map(|address| address.marketing))),
            Cow::Borrowed(word(line.addresses.iter().map(|address| address.transactional))),
            Cow::Borrowed(if line.addresses.iter().any(|address| address.is_suppressed) { "yes" } else { "no" }),
            Cow::Owned(line.created_at.to_rfc3339_opts(SecondsFormat::Secs, true)),
        ];
        own.into_iter().chain(self.attributes.iter().map(|name| cell(&line.attributes, name)))
    }
}

fn cell<'a>(attributes: &'a BTreeMap<String, String>, name: &str) -> Cow<'a, str> {
    cells::guard(attributes.get(name).map(String::as_str).unwrap_or_default())
}

/// The first number of the contact, on whatever channel.
fn phone(addresses: &[LineAddress]) -> &str {
    let is_phone = |address: &&LineAddress| {
        matches!(address.channel, Channel::Whatsapp | Channel::Sms | Channel::Voice) && address.address.starts_with('+')
    };
    addresses.iter().find(is_phone).map(|address| address.address.as_str()).unwrap_or_default()
}

fn email(addresses: &[LineAddress]) -> &str {
    let email = addresses.iter().find(|address| address.channel == Channel::Email);
    email.map(|address| address.address.as_str()).unwrap_or_default()
}

/// `whatsapp:+12025550173 email:ada@example.com`: addresses have no blanks.
fn all(addresses: &[LineAddress]) -> String {
    let words: Vec<String> =
        addresses.iter().map(|address| format!("{}:{}", address.channel, address.address)).collect();
    words.join(" ")
}

/// What was said at all addresses together: nothing, one word, or different ones.
fn word(said: impl Iterator<Item = Option<ConsentAction>>) -> &'static str {
    let mut words = said.flatten();
    match words.next() {
        None => "",
        Some(first) if words.all(|word| word == first) => first.as_str(),
        Some(_) => "mixed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_about_several_addresses_are_one_word() {
        let (granted, revoked) = (Some(ConsentAction::Granted), Some(ConsentAction::Revoked));
        for (said, expected) in [
            (vec![], ""),
            (vec![None], ""),
            (vec![None, granted], "granted"),
            (vec![revoked, revoked], "revoked"),
            (vec![granted, revoked], "mixed"),
        ] {
            assert_eq!(word(said.into_iter()), expected);
        }
    }
}
