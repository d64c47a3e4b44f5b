//! How a file would be read, before anything is written.

use std::{fmt::Write, io::Read};

use anyhow::Result;
use chrono::{DateTime, Utc};
use postroad_app::import::{self, Heading, ImportOptions, Preview, PreviewLine, PreviewPerson};
use postroad_core::consent::ConsentAction;
use serde_json::{Value, json};

use super::told;
use crate::{
    exit::Exit,
    print::{Format, table},
};

pub fn show(file: impl Read, options: &ImportOptions, now: DateTime<Utc>, format: Format) -> Result<Exit> {
    let preview = import::preview(file, options, now).map_err(told)?;
    let is_wrong = preview.lines.iter().any(|line| line.person.is_err());
    format.told(&as_json(&preview), |_| words(&preview))?;
    Ok(if is_wrong { Exit::Partial } else { Exit::Ok })
}

fn as_json(preview: &Preview) -> Value {
    let column = |heading: &Heading| json!({ "name": heading.name, "becomes": heading.column.word(), "found": heading.found.as_str() });
    json!({
        "encoding": preview.encoding,
        "delimiter": preview.delimiter.as_str(),
        "columns": preview.columns.iter().map(column).collect::<Vec<_>>(),
        "lines": preview.lines.iter().map(line).collect::<Vec<_>>(),
    })
}

fn line(line: &PreviewLine) -> Value {
    match &line.person {
        Ok(person) => json!({ "line": line.line, "person": self::person(person) }),
        Err((code, detail)) => json!({ "line": line.line, "fields": line.fields, "code": code, "detail": detail }),
    }
}

fn person(person: &PreviewPerson) -> Value {
    json!({
        "external_key": person.external_key,
        "display_name": person.display_name,
        "language": person.language,
        "time_zone": person.time_zone,
        "tags": person.tags,
        "attributes": person.attributes,
        "addresses": addresses(person),
        "consent": person.consent,
    })
}

fn addresses(person: &PreviewPerson) -> Vec<String> {
    person.addresses.iter().map(|(channel, address)| format!("{channel}:{address}")).collect()
}

fn words(preview: &Preview) -> String {
    let mut text = format!("written in {}, with {} between cells\n\n", preview.encoding, preview.delimiter);
    let columns = preview
        .columns
        .iter()
        .map(|heading| vec![heading.name.clone(), heading.column.word(), heading.found.as_str().to_owned()]);
    let _ = writeln!(text, "{}\n", table(&["column", "becomes", "found"], columns));
    let _ = writeln!(
        text,
        "{}",
        table(&["line", "name", "addresses", "consent", "problem"], preview.lines.iter().map(cells))
    );
    text
}

fn cells(line: &PreviewLine) -> Vec<String> {
    let number = line.line.to_string();
    match &line.person {
        Ok(person) => vec![
            number,
            person.display_name.clone().unwrap_or_default(),
            addresses(person).join(" "),
            person.consent.map(ConsentAction::as_str).unwrap_or_default().to_owned(),
            String::new(),
        ],
        Err((code, detail)) => {
            vec![number, String::new(), String::new(), String::new(), format!("{code}: {detail}")]
        }
    }
}
