//! Texts with placeholders: `Hello {{contact.first_name|there}}!`
//!
//! A value is text: braces in it mean nothing. A value that is not known or empty gives way to the fallback behind the bar,
//! and without one to nothing.

use serde_json::{Map, Value};

use super::{
    check::{FaultCode, Walk},
    condition::Fact,
    facts::{ContactFacts, Facts},
};
use crate::limits::{
    ATTRIBUTE_NAME_CHARS_MAX, BODY_CHARS_MAX, FALLBACK_CHARS_MAX, TEXT_PLACEHOLDERS_MAX, VALUE_CHARS_MAX,
};

/// The names that may stand in double braces; the last is followed by the name of an attribute.
const NAMES: &str = "contact.first_name, contact.name, contact.language or contact.attribute.NAME";
const ATTRIBUTE: &str = "contact.attribute.";

enum Piece<'a> {
    Text(&'a str),
    Placeholder { name: &'a str, fallback: &'a str },
}

/// What is wrong with the text, in a field of that name.
pub(super) fn check(walk: &mut Walk, name: &str, text: &str, chars_max: usize) {
    walk.text(name, text, chars_max);
    walk.at(name, |walk| match pieces(text) {
        Err(fix) => walk.fault(FaultCode::Placeholder, fix),
        Ok(pieces) if count(&pieces) > TEXT_PLACEHOLDERS_MAX => {
            walk.fault(FaultCode::Placeholder, format!("use at most {TEXT_PLACEHOLDERS_MAX} placeholders"));
        }
        Ok(_) => {}
    });
}

/// The text as the contact reads it, at most [`BODY_CHARS_MAX`] characters, and the values that it took.
pub(super) fn fill(text: &str, facts: &Facts) -> (String, Fact) {
    let mut filled = String::new();
    let mut taken = Map::new();
    for piece in pieces(text).unwrap_or_else(|_| vec![Piece::Text(text)]) {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Placeholder { name, fallback } => {
                let value = value(name, &facts.contact);
                filled.push_str(value.as_deref().unwrap_or(fallback));
                taken.insert(name.to_owned(), value.map_or(Value::Null, Value::String));
            }
        }
    }
    (cut(&filled, BODY_CHARS_MAX).to_owned(), Fact(Value::Object(taken)))
}

/// What is wrong with the placeholders of a text, in words that say what to do. None: nothing.
pub fn fault_in(text: &str) -> Option<String> {
    match pieces(text) {
        Err(fix) => Some(fix),
        Ok(pieces) if count(&pieces) > TEXT_PLACEHOLDERS_MAX => {
            Some(format!("use at most {TEXT_PLACEHOLDERS_MAX} placeholders"))
        }
        Ok(_) => None,
    }
}

/// The text as this contact reads it, at most [`BODY_CHARS_MAX`] characters.
pub fn filled_for(text: &str, contact: &ContactFacts) -> String {
    let piece = |piece| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Placeholder { name, fallback } => value(name, contact).unwrap_or_else(|| fallback.to_owned()),
    };
    let filled: String = pieces(text).unwrap_or_else(|_| vec![Piece::Text(text)]).into_iter().map(piece).collect();
    cut(&filled, BODY_CHARS_MAX).to_owned()
}

fn value(name: &str, contact: &ContactFacts) -> Option<String> {
    let display_name = contact.attribute("display_name");
    let value = match name {
        "contact.first_name" => display_name.and_then(|name| name.split_whitespace().next()),
        "contact.name" => display_name.map(str::trim),
        "contact.language" => contact.language.as_deref(),
        name => name.strip_prefix(ATTRIBUTE).and_then(|name| contact.attribute(name)),
    };
    // A value stands in a line: it does not begin a new one.
    let line = |value: &str| cut(value, VALUE_CHARS_MAX).replace(char::is_control, " ");
    value.map(line).filter(|value| !value.trim().is_empty())
}

fn cut(text: &str, chars_max: usize) -> &str {
    text.char_indices().nth(chars_max).map_or(text, |(end, _)| &text[..end])
}

fn count(pieces: &[Piece<'_>]) -> usize {
    pieces.iter().filter(|piece| matches!(piece, Piece::Placeholder { .. })).count()
}

/// The error says what to do.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let at = text.len() - after.len() - 2;
        let at = text[..at].chars().count();
        let (inside, behind) = after
            .split_once("}}")
            .ok_or_else(|| format!("the placeholder at character {at} has no end: write }}}} behind it"))?;
        let (name, fallback) = inside.split_once('|').unwrap_or((inside, ""));
        if !is_name(name) || fallback.chars().count() > FALLBACK_CHARS_MAX {
            return Err(format!(
                "the placeholder at character {at} is none: name {NAMES}, and a fallback of up to {FALLBACK_CHARS_MAX} characters behind |"
            ));
        }
        pieces.push(Piece::Text(before));
        pieces.push(Piece::Placeholder { name, fallback });
        rest = behind;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

fn is_name(name: &str) -> bool {
    match name.strip_prefix(ATTRIBUTE) {
        Some(attribute) => (1..=ATTRIBUTE_NAME_CHARS_MAX).contains(&attribute.chars().count()),
        None => matches!(name, "contact.first_name" | "contact.name" | "contact.language"),
    }
}
