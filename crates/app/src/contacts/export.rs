//! All contacts as a file, safe to be opened by a spreadsheet, and to be imported again: columns of our own making begin
//! with `postroad_` and are passed over then. Consent is told and not exported: its evidence stays here.

use chrono::SecondsFormat;
use postroad_core::{
    account::Channel,
    consent::ConsentAction,
    ids::{ContactId, TenantId},
    limits::EXPORT_ATTRIBUTES_MAX,
};
use postroad_store::{
    Result, TenantTx,
    export::{self, ContactLine, LineAddress},
};

use crate::{
    App,
    cells::Cell,
    import::attribute_heading,
    lines::{self, Lines},
};

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

/// All contacts as a file, oldest first.
pub type Export = lines::Export<ContactLines>;

#[derive(Debug)]
pub struct ContactLines {
    /// Each has a column.
    attributes: Vec<String>,
}

impl Export {
    pub async fn open(app: &App, tenant: TenantId) -> Result<Self> {
        let mut tx = TenantTx::begin(&app.store, tenant).await?;
        let attributes = export::attribute_names(&mut tx, EXPORT_ATTRIBUTES_MAX).await?;
        Ok(Self::of(tenant, ContactLines { attributes }))
    }
}

impl Lines for ContactLines {
    type Line = ContactLine;
    type Key = ContactId;

    fn header(&self) -> Vec<Cell<'_>> {
        let attributes = self.attributes.iter().map(|name| attribute_heading(name).into());
        COLUMNS.into_iter().map(Cell::from).chain(attributes).collect()
    }

    async fn page(&self, tx: &mut TenantTx, after: Option<ContactId>, limit: i64) -> Result<Vec<ContactLine>> {
        export::contacts(tx, after, limit).await
    }

    fn key(line: &ContactLine) -> ContactId {
        line.id
    }

    fn cells<'a>(&'a self, line: &'a ContactLine) -> Vec<Cell<'a>> {
        let own = [
            Cell::maybe(line.external_key.as_deref()),
            Cell::maybe(line.display_name.as_deref()),
            phone(&line.addresses).into(),
            email(&line.addresses).into(),
            Cell::maybe(line.language.as_deref()),
            Cell::maybe(line.time_zone.as_deref()),
            line.tags.join(",").into(),
            line.id.to_string().into(),
            all(&line.addresses).into(),
            word(line.addresses.iter().map(|address| address.marketing)).into(),
            word(line.addresses.iter().map(|address| address.transactional)).into(),
            if line.addresses.iter().any(|address| address.is_suppressed) { "yes" } else { "no" }.into(),
            line.created_at.to_rfc3339_opts(SecondsFormat::Secs, true).into(),
        ];
        let attribute = |name: &String| Cell::maybe(line.attributes.get(name).map(String::as_str));
        own.into_iter().chain(self.attributes.iter().map(attribute)).collect()
    }
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
