//! Writes demo/contacts.csv and demo/expected.json anew: `cargo run -p postroad-app --example demo_contacts`.
//!
//! The same bytes every time. Nobody in it exists: the numbers are those that the North American plan keeps for fiction
//! (any area code, 555-0100 to 555-0199). Zones are named `day` and `night`, and the demonstration says which they are.

use std::{fmt::Write, fs, io, path::Path};

const ROWS: usize = 10_000;
/// Coprime to [`ROWS`], so that multiplying by it mixes the kinds of rows evenly and hits each number once.
const STRIDE: usize = 7_919;

const NAMES: &[&str] = &[
    "Ada", "Bo", "Cleo", "Dara", "Eli", "Faye", "Gus", "Hana", "Ivo", "Juno", "Kai", "Lia", "Milo", "Nia", "Otis",
    "Pia", "Quin", "Rey", "Suri", "Tove", "Uma", "Vito", "Wren", "Xena", "Yara", "Zeno",
];
const SOURCES: &[&str] = &["web form", "shop", "phone call"];
const TIERS: &[&str] = &["gold", "silver", "bronze"];

/// What a row is there to show, and how many there are of it.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    NotANumber,
    TooShort,
    NoCountry,
    NoNumber,
    NoConsent,
    OptedOut,
    Night,
    Day,
}

const KINDS: &[(Kind, usize)] = &[
    (Kind::NotANumber, 40),
    (Kind::TooShort, 80),
    (Kind::NoCountry, 40),
    (Kind::NoNumber, 40),
    (Kind::NoConsent, 300),
    (Kind::OptedOut, 150),
    (Kind::Night, 1_500),
    (Kind::Day, 7_850),
];

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("contacts.csv"), contacts())?;
    fs::write(folder.join("expected.json"), expected())
}

fn contacts() -> String {
    let mut text =
        String::from("external_key,phone,first_name,language,time_zone,consent,consent_source,opted_out,tier\n");
    let mut reached = 0;
    for row in 0..ROWS {
        let kind = kind(row * STRIDE % ROWS);
        let phone = phone(kind, row, &mut reached);
        let (name, tier) = (NAMES[row % NAMES.len()], TIERS[row % TIERS.len()]);
        let zone = if kind == Kind::Night { "night" } else { "day" };
        let consent = consent(kind, row);
        let _ = writeln!(text, "demo-{:05},{phone},{name},en,{zone},{consent},{tier}", row + 1);
    }
    text
}

fn kind(mut place: usize) -> Kind {
    for (kind, count) in KINDS {
        match place.checked_sub(*count) {
            Some(rest) => place = rest,
            None => return *kind,
        }
    }
    unreachable!("the kinds add up to all rows")
}

fn phone(kind: Kind, row: usize, reached: &mut usize) -> String {
    match kind {
        Kind::NotANumber => "ask at the desk".into(),
        Kind::TooShort => format!("+1201{:03}", row % 1_000),
        Kind::NoCountry => format!("+999555{row:06}"),
        Kind::NoNumber => String::new(),
        Kind::NoConsent | Kind::OptedOut | Kind::Night | Kind::Day => {
            *reached += 1;
            fictional(*reached - 1)
        }
    }
}

/// Number 0 to 9,799: a hundred for each area code from 201 on, but for 211, which is a service.
fn fictional(number: usize) -> String {
    let area = 201 + number / 100;
    let area = if area >= 211 { area + 1 } else { area };
    format!("+1{area}55501{:02}", number % 100)
}

/// The columns `consent,consent_source,opted_out`.
fn consent(kind: Kind, row: usize) -> String {
    let source = SOURCES[row % SOURCES.len()];
    match kind {
        Kind::NoConsent if row.is_multiple_of(2) => "no,,no".into(),
        Kind::NoConsent => ",,".into(),
        Kind::OptedOut => format!("yes,{source},yes"),
        _ => format!("yes,{source},no"),
    }
}

fn expected() -> String {
    let count = |kinds: &[Kind]| -> usize {
        KINDS.iter().filter(|(kind, _)| kinds.contains(kind)).map(|(_, count)| count).sum()
    };
    let invalid_phone = count(&[Kind::NotANumber, Kind::TooShort, Kind::NoCountry]);
    let no_address = count(&[Kind::NoNumber]);
    let invalid = invalid_phone + no_address;
    let created = ROWS - invalid;
    format!(
        r#"{{
  "import": {{
    "lines": {ROWS},
    "created": {created},
    "updated": 0,
    "invalid": {invalid},
    "errors": {{ "invalid_phone": {invalid_phone}, "no_address": {no_address} }}
  }},
  "campaign": {{
    "recipients": {created},
    "accepted": {accepted},
    "refused": {{ "no_consent": {no_consent}, "opted_out": {opted_out} }},
    "waiting": {{ "quiet_hours": {night} }}
  }}
}}
"#,
        accepted = count(&[Kind::Day]),
        no_consent = count(&[Kind::NoConsent]),
        opted_out = count(&[Kind::OptedOut]),
        night = count(&[Kind::Night]),
    )
}
