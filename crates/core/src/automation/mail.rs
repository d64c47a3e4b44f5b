//! Mail that machines write, and how ours says that it is one of them (RFC 3834).

use serde::{Deserialize, Serialize};

use super::trigger::Trigger;
use crate::words::words;

/// The header fields of a mail that tell whether a person wrote it. None: the mail has no such field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MailHeaders {
    pub auto_submitted: Option<String>,
    pub precedence: Option<String>,
    pub auto_response_suppress: Option<String>,
    /// Where errors go; `<>` is nowhere.
    pub return_path: Option<String>,
}

words! {
    /// By what a machine gave itself away.
    Robot {
        AutoSubmitted = "auto_submitted",
        Precedence = "precedence",
        AutoResponseSuppress = "auto_response_suppress",
        EmptyReturnPath = "empty_return_path",
    }
}

impl MailHeaders {
    /// From fields in any order and case; of several of one name the first counts.
    pub fn read<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut headers = Self::default();
        for (name, value) in fields {
            if let Some(field) = headers.field(name) {
                field.get_or_insert_with(|| value.trim().to_owned());
            }
        }
        headers
    }

    fn field(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name.trim().to_ascii_lowercase().as_str() {
            "auto-submitted" => Some(&mut self.auto_submitted),
            "precedence" => Some(&mut self.precedence),
            "x-auto-response-suppress" => Some(&mut self.auto_response_suppress),
            "return-path" => Some(&mut self.return_path),
            _ => None,
        }
    }

    /// Whoever wrote this is not answered by a machine.
    pub fn robot(&self) -> Option<Robot> {
        let says = |field: &Option<String>, test: fn(&str) -> bool| field.as_deref().is_some_and(test);
        let signs = [
            (says(&self.auto_submitted, |value| word(value) != "no"), Robot::AutoSubmitted),
            (
                says(&self.precedence, |value| matches!(word(value).as_str(), "bulk" | "list" | "junk")),
                Robot::Precedence,
            ),
            (says(&self.auto_response_suppress, suppresses), Robot::AutoResponseSuppress),
            (says(&self.return_path, |value| matches!(value.trim(), "" | "<>")), Robot::EmptyReturnPath),
        ];
        signs.into_iter().find_map(|(sign, robot)| sign.then_some(robot))
    }
}

/// The first word of a field, without the parameters and the comment behind it.
fn word(value: &str) -> String {
    value.split([';', '(']).next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The field may also ask for no receipts, which is no matter of ours.
fn suppresses(value: &str) -> bool {
    value.split(',').any(|kind| matches!(kind.trim().to_ascii_lowercase().as_str(), "all" | "oof" | "autoreply"))
}

/// Header fields of a mail that an automation sends, so that no other machine answers it.
pub const fn outbound(trigger: &Trigger) -> [(&'static str, &'static str); 2] {
    let kind = if trigger.is_answer() { "auto-replied" } else { "auto-generated" };
    [("Auto-Submitted", kind), ("X-Auto-Response-Suppress", "All")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_tells_whether_a_person_wrote_it() {
        let cases = [
            (("Subject", "auto-replied"), None),
            (("Auto-Submitted", "no"), None),
            (("Auto-Submitted", " No (a comment)"), None),
            (("auto-submitted", "no; owner=x"), None),
            (("AUTO-SUBMITTED", "auto-replied"), Some(Robot::AutoSubmitted)),
            (("Auto-Submitted", "auto-generated; type=x"), Some(Robot::AutoSubmitted)),
            (("Auto-Submitted", "nothing"), Some(Robot::AutoSubmitted)),
            (("Auto-Submitted", ""), Some(Robot::AutoSubmitted)),
            (("Precedence", "Bulk"), Some(Robot::Precedence)),
            (("Precedence", "list"), Some(Robot::Precedence)),
            (("Precedence", "junk"), Some(Robot::Precedence)),
            (("Precedence", "first-class"), None),
            (("X-Auto-Response-Suppress", "DR, OOF"), Some(Robot::AutoResponseSuppress)),
            (("X-Auto-Response-Suppress", "All"), Some(Robot::AutoResponseSuppress)),
            (("X-Auto-Response-Suppress", "AutoReply"), Some(Robot::AutoResponseSuppress)),
            (("X-Auto-Response-Suppress", "DR, RN, NRN"), None),
            (("Return-Path", "<>"), Some(Robot::EmptyReturnPath)),
            (("Return-Path", "<ana@example.com>"), None),
        ];
        for (field, expected) in cases {
            assert_eq!(MailHeaders::read([field]).robot(), expected, "{field:?}");
        }
    }

    #[test]
    fn our_own_automated_mail_is_one_that_we_would_not_answer() {
        for trigger in [r#"{"inbound_message": {}}"#, r#"{"conversation_opened": {}}"#] {
            let headers = MailHeaders::read(outbound(&serde_json::from_str(trigger).unwrap()));
            assert_eq!(headers.robot(), Some(Robot::AutoSubmitted));
        }
    }
}
