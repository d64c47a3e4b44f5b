//! `postroad templates preview`.

use anyhow::Result;
use postroad_app::{
    App,
    templates::preview::{self, Reading, Wanted},
};
use postroad_core::ids::ContactId;
use serde::Serialize;

use super::{One, told};
use crate::{commands::fill::Fill, config::Config, print::Format};

#[derive(clap::Args)]
pub struct Preview {
    #[command(flatten)]
    one: One,
    /// Value of the next placeholder: a text, or @ and an attribute of the
    /// contact, with what stands for it where it is missing
    #[arg(long = "fill", value_name = "TEXT|@NAME[=TEXT]")]
    fills: Vec<Fill>,
    /// For this person; up to 20 times
    #[arg(long = "contact", value_name = "ID")]
    contacts: Vec<ContactId>,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Shown {
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<ContactId>,
    text: Option<String>,
    /// Placeholders without a value.
    missing: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    length: usize,
    /// Of a text message.
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<usize>,
}

impl Preview {
    pub(super) async fn run(self, app: &App, config: &Config) -> Result<()> {
        let tenant = self.one.whose.find(app, config).await?;
        let variables = self.fills.into_iter().map(|fill| fill.0).collect();
        let wanted = Wanted { variables, contacts: self.contacts };
        let found = preview::preview(app, tenant, self.one.id, &wanted).await.map_err(told)?;
        let shown: Vec<Shown> = found.readings.into_iter().map(shown).collect();
        self.format.list(&shown, &["contact", "text", "missing", "length"], cells)
    }
}

fn shown(reading: Reading) -> Shown {
    Shown {
        contact: reading.contact,
        text: reading.text,
        missing: reading.missing,
        problem: reading.problem.map(|problem| problem.to_string()),
        length: reading.chars,
        segments: reading.estimate.map(|estimate| estimate.segments),
    }
}

fn cells(shown: &Shown) -> Vec<String> {
    let missing: Vec<String> = shown.missing.iter().map(usize::to_string).collect();
    vec![
        shown.contact.map_or_else(|| "samples".to_owned(), |contact| contact.to_string()),
        shown.text.clone().or_else(|| shown.problem.clone()).unwrap_or_default(),
        missing.join(" "),
        shown.length.to_string(),
    ]
}
