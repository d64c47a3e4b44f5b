//! Webhook bodies, and the signature over them.
//!
//! Meta escapes everything that is not ASCII, and slashes, and signs what is on the wire. A receiver that parses and
//! writes the body again before it verifies would pass with plain JSON and fail at Meta; here it fails as well.

use std::io;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng as _;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::value::RawValue;
use sha2::Sha256;

use crate::draw::{Stream, draw};

use super::errors::documented;
use super::ledger::Record;
use super::numbers::NumberState;
use super::queue::{Event, Status};
use super::state::State;
use super::wamid;

const ERROR_PAGE: &str =
    "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes";

#[derive(Serialize)]
struct Envelope<'a> {
    object: &'static str,
    entry: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<u64>,
    changes: Vec<Change<'a>>,
}

#[derive(Serialize)]
struct Change<'a> {
    value: Value<'a>,
    field: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Value<'a> {
    Statuses(StatusValue<'a>),
    Ready(&'a RawValue),
}

#[derive(Serialize)]
struct StatusValue<'a> {
    messaging_product: &'static str,
    metadata: Metadata<'a>,
    contacts: Vec<Contact<'a>>,
    statuses: Vec<StatusOf<'a>>,
}

#[derive(Serialize)]
pub(crate) struct Metadata<'a> {
    display_phone_number: &'a str,
    phone_number_id: &'a str,
}

impl<'a> Metadata<'a> {
    pub(crate) fn of(number: &'a NumberState) -> Self {
        Self { display_phone_number: &number.digits, phone_number_id: &number.number.phone_number_id }
    }
}

#[derive(Serialize)]
struct Contact<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    wa_id: Option<&'a str>,
    user_id: String,
}

#[derive(Serialize)]
struct StatusOf<'a> {
    id: String,
    status: &'static str,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_id: Option<&'a str>,
    recipient_user_id: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    biz_opaque_callback_data: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pricing: Option<Pricing>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<StatusError>,
}

/// What the message costs; on `sent` and `delivered` only.
#[derive(Serialize)]
struct Pricing {
    billable: bool,
    #[serde(rename = "pricing_model")]
    model: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    category: String,
}

#[derive(Serialize)]
struct StatusError {
    code: u32,
    title: &'static str,
    message: &'static str,
    error_data: ErrorData,
    href: &'static str,
}

#[derive(Serialize)]
struct ErrorData {
    details: &'static str,
}

impl State {
    /// One body for all of `events`: an entry per WABA, a change per number or ready change.
    pub(crate) fn body(&self, events: &[Event]) -> Vec<u8> {
        let mut entry: Vec<Entry<'_>> = Vec::new();
        for event in events {
            match event {
                Event::Status { record, unix_s, status } => self.add_status(&mut entry, *record, *unix_s, *status),
                Event::Change(change) => entry.push(Entry {
                    id: &change.waba_id,
                    time: change.unix_s,
                    changes: vec![Change { value: Value::Ready(&change.value), field: &change.field }],
                }),
            }
        }
        escaped(&Envelope { object: "whatsapp_business_account", entry })
    }

    fn add_status<'a>(&'a self, entries: &mut Vec<Entry<'a>>, index: u32, unix_s: u64, status: Status) {
        let Some(record) = self.ledger.get(index) else {
            return;
        };
        let number = self.numbers.get(record.number);
        let (contact, status) = self.status(record, index, unix_s, status);
        if let Some(known) = statuses_of(entries, number) {
            known.contacts.push(contact);
            return known.statuses.push(status);
        }
        let metadata = Metadata::of(number);
        let value =
            StatusValue { messaging_product: "whatsapp", metadata, contacts: vec![contact], statuses: vec![status] };
        let change = Change { value: Value::Statuses(value), field: "messages" };
        let waba_id = &number.number.waba_id;
        match entries.iter_mut().find(|entry| entry.id == waba_id && entry.time.is_none()) {
            Some(entry) => entry.changes.push(change),
            None => entries.push(Entry { id: waba_id, time: None, changes: vec![change] }),
        }
    }

    fn status<'a>(&'a self, record: &Record, index: u32, unix_s: u64, status: Status) -> (Contact<'a>, StatusOf<'a>) {
        let recipient = self.ledger.recipient(record);
        let phone = Some(recipient).filter(|recipient| is_phone(recipient));
        let contact = Contact { wa_id: phone, user_id: user_id(recipient) };
        let status = StatusOf {
            id: wamid::outbound(recipient, self.config.seed, (self.epoch, index)),
            status: status.name(),
            timestamp: unix_s.to_string(),
            recipient_id: phone,
            recipient_user_id: contact.user_id.clone(),
            biz_opaque_callback_data: self.ledger.callback(record),
            pricing: matches!(status, Status::Sent | Status::Delivered).then(|| self.pricing(record)),
            errors: error_of(status).into_iter().collect(),
        };
        (contact, status)
    }

    fn pricing(&self, record: &Record) -> Pricing {
        let template = record.template.and_then(|place| self.templates.get(place.get() as usize - 1));
        let category = template.map_or_else(|| "service".to_owned(), |template| template.category.to_ascii_lowercase());
        Pricing { billable: true, model: "PMP", kind: "regular", category }
    }
}

fn statuses_of<'e, 'a>(entries: &'e mut [Entry<'a>], number: &NumberState) -> Option<&'e mut StatusValue<'a>> {
    let changes = entries.iter_mut().flat_map(|entry| &mut entry.changes);
    let mut statuses = changes.filter_map(|change| match &mut change.value {
        Value::Statuses(statuses) => Some(statuses),
        Value::Ready(_) => None,
    });
    statuses.find(|statuses| statuses.metadata.phone_number_id == number.number.phone_number_id)
}

fn error_of(status: Status) -> Option<StatusError> {
    let Status::Failed { code } = status else {
        return None;
    };
    let (_, title, details) = documented(code);
    Some(StatusError { code, title, message: title, error_data: ErrorData { details }, href: ERROR_PAGE })
}

/// Phone numbers are kept as digits, user ids and groups have letters.
pub(crate) fn is_phone(recipient: &str) -> bool {
    recipient.bytes().all(|byte| byte.is_ascii_digit())
}

/// The business-scoped user id of a contact. It depends on the phone number alone, so it is the same everywhere.
pub(crate) fn user_id(recipient: &str) -> String {
    match recipient.parse::<u64>() {
        Ok(phone) => format!(
            "US.{}",
            10_000_000_000_000_000_000 + draw(0, Stream::User, phone).next_u64() % 8_000_000_000_000_000_000
        ),
        Err(_) => recipient.to_owned(),
    }
}

/// The value of `X-Hub-Signature-256`.
pub(crate) fn signature(app_secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
}

/// JSON as Meta writes it.
pub(crate) fn escaped(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1_024);
    let mut serializer = Serializer::with_formatter(&mut bytes, Escaped);
    value.serialize(&mut serializer).expect("our own bodies have string keys and no failing Serialize");
    bytes
}

/// The same, to be put into a body later.
pub(crate) fn escaped_raw(value: &impl Serialize) -> Box<RawValue> {
    let text = String::from_utf8(escaped(value)).expect("everything else is escaped");
    RawValue::from_string(text).expect("the serializer writes JSON")
}

struct Escaped;

impl Formatter for Escaped {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|char: char| char == '/' || !char.is_ascii()) {
            let (plain, special) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let char = special.chars().next().expect("find returned a position inside");
            match char {
                '/' => writer.write_all(b"\\/")?,
                other => {
                    for unit in other.encode_utf16(&mut [0; 2]) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
            }
            rest = &special[char.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}
