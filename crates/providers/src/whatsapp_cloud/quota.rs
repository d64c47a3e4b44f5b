//! How many people a business portfolio may write to within 24 hours. Meta counts them itself, and names no error for a
//! portfolio that has used them up.
//!
//! Source: <https://developers.facebook.com/documentation/business-messaging/whatsapp/messaging-limits>. The older field
//! `messaging_limit_tier` is deprecated.

use http::{Method, Request, Response};
use postroad_core::provider::{BuildError, Connection, Quota};
use serde_json::Value;

use super::{field::text, request};

const FIELD: &str = "whatsapp_business_manager_messaging_limit";

pub(super) fn ask(connection: &Connection) -> Result<Request<Vec<u8>>, BuildError> {
    request::call_at(connection, &connection.external_id, Method::GET, &format!("?fields={FIELD}"), Vec::new())
}

pub(super) fn read(response: &Response<Vec<u8>>) -> Option<Quota> {
    let answer: Value = serde_json::from_slice(response.body()).ok().filter(|_| response.status().is_success())?;
    tier(text(&answer, &format!("/{FIELD}"))?)
}

/// `TIER_250`, `TIER_2K`, `TIER_100K`, `TIER_UNLIMITED`.
fn tier(word: &str) -> Option<Quota> {
    let size = word.strip_prefix("TIER_")?;
    if size == "UNLIMITED" {
        return Some(Quota { people_max: None });
    }
    let (digits, unit) = size.strip_suffix('K').map_or((size, 1), |digits| (digits, 1_000));
    let people = digits.parse::<u32>().ok()?.checked_mul(unit).filter(|people| *people > 0)?;
    Some(Quota { people_max: Some(people) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tier_is_a_number_of_people_and_what_is_none_says_nothing() {
        let people = |people| Some(Quota { people_max: Some(people) });
        let cases = [
            ("TIER_250", people(250)),
            ("TIER_2K", people(2_000)),
            ("TIER_10K", people(10_000)),
            ("TIER_100K", people(100_000)),
            ("TIER_UNLIMITED", Some(Quota { people_max: None })),
            ("TIER_0", None),
            ("TIER_K", None),
            ("TIER_-1", None),
            ("TIER_9999999K", None),
            ("TIER_NOT_SET", None),
            ("250", None),
        ];
        for (word, expected) in cases {
            assert_eq!(tier(word), expected, "{word}");
        }
    }

    #[test]
    fn only_an_answer_that_names_the_limit_is_read() {
        let answer = |status, body: &str| {
            read(&Response::builder().status(status).body(body.as_bytes().to_vec()).expect("it can be built"))
        };
        let told = r#"{"whatsapp_business_manager_messaging_limit": "TIER_2K", "id": "100000000000001"}"#;
        assert_eq!(answer(200, told), Some(Quota { people_max: Some(2_000) }));
        assert_eq!(answer(500, told), None);
        assert_eq!(answer(200, r#"{"id": "100000000000001"}"#), None);
        assert_eq!(answer(200, "<html>"), None);
    }
}
