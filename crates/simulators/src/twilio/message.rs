//! What was sent, and how Twilio writes it down.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::meta::Outcome;

/// A well-formed send: `GET /_sim/messages`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Of accepted ones.
    pub sid: Option<String>,
    pub to: String,
    /// A number, or the service.
    pub sender: String,
    pub body: String,
    pub media: Vec<String>,
    pub content_sid: Option<String>,
    pub content_variables: Option<String>,
    pub status_callback: Option<String>,
    /// Seconds.
    pub validity_period: Option<u32>,
    pub outcome: Outcome,
    /// As `GET …/Messages/{SID}.json` tells it.
    pub status: String,
    pub error_code: Option<u32>,
    /// Seconds since 1970.
    pub created_s: u64,
    pub sent_s: Option<u64>,
    /// Of the simulator's time, in nanoseconds.
    pub arrived_at: u64,
}

impl Sent {
    pub(crate) fn is_whatsapp(&self) -> bool {
        self.to.starts_with("whatsapp:")
    }

    pub(crate) fn is_of_service(&self) -> bool {
        self.sender.starts_with("MG")
    }

    /// Twilio picks a number of the service; there is always the same one here.
    pub(crate) fn from(&self) -> String {
        match (self.is_of_service(), self.is_whatsapp()) {
            (false, _) => self.sender.clone(),
            (true, false) => "+12025550177".to_owned(),
            (true, true) => "whatsapp:+12025550177".to_owned(),
        }
    }

    pub(crate) fn resource(&self, account: &str) -> Value {
        let sid = self.sid.clone().unwrap_or_default();
        json!({
            "account_sid": account,
            "api_version": "2010-04-01",
            "body": self.body,
            "date_created": rfc2822(self.created_s),
            "date_sent": self.sent_s.map(rfc2822),
            "date_updated": rfc2822(self.sent_s.unwrap_or(self.created_s)),
            "direction": "outbound-api",
            "error_code": self.error_code,
            "error_message": null,
            "from": self.from(),
            "messaging_service_sid": self.is_of_service().then_some(&self.sender),
            "num_media": self.media.len().to_string(),
            "num_segments": if self.is_of_service() { 0 } else { segments(&self.body) }.to_string(),
            "price": null,
            "price_unit": "USD",
            "sid": sid,
            "status": self.status,
            "subresource_uris": { "media": format!("/2010-04-01/Accounts/{account}/Messages/{sid}/Media.json") },
            "to": self.to,
            "uri": format!("/2010-04-01/Accounts/{account}/Messages/{sid}.json"),
        })
    }
}

/// For texts of ASCII, or with anything else in them.
fn segments(text: &str) -> usize {
    let units = if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
    let (alone, joined) = if text.is_ascii() { (160, 153) } else { (70, 67) };
    if units <= alone { 1 } else { units.div_ceil(joined) }
}

/// `Thu, 01 Jan 1970 00:00:00 +0000`
pub(crate) fn rfc2822(unix_s: u64) -> String {
    let (days, second) = (unix_s / 86_400, unix_s % 86_400);
    let (year, month, day) = date(days);
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][usize::try_from(days % 7).unwrap_or_default()];
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{weekday}, {day:02} {} {year} {hour:02}:{minute:02}:{second:02} +0000", names[month - 1])
}

/// Year, month from 1, day, by Howard Hinnant's `civil_from_days`.
pub(crate) fn date(days_since_1970: u64) -> (u64, usize, u64) {
    let days = days_since_1970 + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), usize::try_from(month).unwrap_or(1), day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_mail_writes_them() {
        let cases = [
            (0, "Thu, 01 Jan 1970 00:00:00 +0000"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (1_767_225_600, "Thu, 01 Jan 2026 00:00:00 +0000"),
        ];
        for (unix_s, written) in cases {
            assert_eq!(rfc2822(unix_s), written);
        }
    }

    #[test]
    fn a_text_is_cut_into_parts() {
        for (text, parts) in [("x".repeat(160), 1), ("x".repeat(161), 2), ("é".repeat(70), 1), ("é".repeat(71), 2)] {
            assert_eq!(segments(&text), parts);
        }
    }
}
