//! What mails of the installation say: plain text, and the same as simple HTML.

use chrono::{DateTime, Utc};
use maud::{DOCTYPE, html};
use postroad_core::mail::MailKind;

use crate::text;

/// A mail in words.
pub(super) struct Said {
    pub(super) subject: String,
    before: Vec<String>,
    /// What the link is called, and where it leads.
    link: Option<(&'static str, String)>,
    after: Vec<String>,
    /// Who sends it, and where to ask. Empty: nobody has said so.
    signature: Vec<String>,
}

pub(super) fn reset(name: &str, link: &str, ends_at: DateTime<Utc>) -> Said {
    Said {
        subject: "A new password".into(),
        before: vec![
            greeting(name),
            "Somebody asked for a new password for your account. If it was you, choose one here:".into(),
        ],
        link: Some(("Choose a new password", link.to_owned())),
        after: vec![
            format!("The link works once, until {}.", shown(ends_at)),
            "If it was not you, there is nothing to do: your password stays as it is.".into(),
        ],
        signature: Vec::new(),
    }
}

pub(super) fn verify(name: &str, link: &str, ends_at: DateTime<Utc>) -> Said {
    Said {
        subject: "Is this your address?".into(),
        before: vec![
            greeting(name),
            "An account was made with this address of mail. If it is yours, say so here:".into(),
        ],
        link: Some(("This is my address", link.to_owned())),
        after: vec![
            format!("The link works once, until {}.", shown(ends_at)),
            "If you know nothing of it, there is nothing to do.".into(),
        ],
        signature: Vec::new(),
    }
}

pub(super) fn invitation(tenant: &str, link: &str, ends_at: DateTime<Utc>) -> Said {
    let tenant = line(tenant);
    Said {
        subject: format!("Work for {tenant}"),
        before: vec!["Hello,".into(), format!("you are invited to work for {tenant}. To accept, open this link:")],
        link: Some(("Accept the invitation", link.to_owned())),
        after: vec![
            format!("It works once, until {}.", shown(ends_at)),
            "If you do not know who this is, there is nothing to do.".into(),
        ],
        signature: Vec::new(),
    }
}

pub(super) fn changed(name: &str, what: MailKind, at: DateTime<Utc>) -> Said {
    let (subject, what) = match what {
        MailKind::SecondFactorOn => {
            ("A second factor was switched on", "signing in to your account takes a code since")
        }
        MailKind::SecondFactorOff => {
            ("Your second factor was switched off", "signing in to your account takes no code any more since")
        }
        MailKind::IdentityLinked => {
            ("There is another way to sign in", "your account at Google, Facebook or GitHub signs you in since")
        }
        MailKind::IdentityUnlinked => (
            "There is one way less to sign in",
            "an account at Google, Facebook or GitHub does not sign you in any more since",
        ),
        _ => ("Your password was changed", "the password of your account was changed on"),
    };
    Said {
        subject: subject.into(),
        before: vec![
            greeting(name),
            format!("{what} {}.", shown(at)),
            "If it was not you, ask for a new password at once, and tell whoever runs this server.".into(),
        ],
        link: None,
        after: Vec::new(),
        signature: Vec::new(),
    }
}

fn greeting(name: &str) -> String {
    format!("Hello {},", line(name))
}

/// What people typed, on one line.
fn line(typed: &str) -> String {
    text::cut(&typed.replace(char::is_control, " "), 100)
}

fn shown(at: DateTime<Utc>) -> String {
    at.format("%-d %B %Y, %H:%M UTC").to_string()
}

impl Said {
    /// In the name of the installation.
    pub(super) fn signed(self, name: Option<&str>, support: Option<&str>) -> Self {
        let name = name.map(|name| format!("This mail comes from {}.", line(name)));
        let support = support.map(|email| format!("Questions about signing in: {email}"));
        Self { signature: name.into_iter().chain(support).collect(), ..self }
    }

    pub(super) fn plain(&self) -> String {
        let link = self.link.iter().map(|(_, link)| link);
        let paragraphs = self.before.iter().chain(link).chain(&self.after).chain(&self.signature);
        let paragraphs: Vec<&str> = paragraphs.map(String::as_str).collect();
        format!("{}\n", paragraphs.join("\n\n"))
    }

    pub(super) fn html(&self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head { meta charset="utf-8"; title { (self.subject) } }
                body {
                    @for said in &self.before { p { (said) } }
                    @if let Some((called, link)) = &self.link { p { a href=(link) { (called) } } }
                    @for said in self.after.iter().chain(&self.signature) { p { (said) } }
                }
            }
        };
        page.into_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_typed_is_one_line_of_text_and_no_markup() {
        let at = DateTime::UNIX_EPOCH;
        let said = invitation("<b>Shop</b>\r\nBcc: eve@evil.example", "https://messages.example/x#word", at);
        assert_eq!(said.subject, "Work for <b>Shop</b>  Bcc: eve@evil.example");
        assert!(said.html().contains("&lt;b&gt;Shop&lt;/b&gt;") && !said.html().contains("<b>"));
        assert!(said.plain().contains("\n\nhttps://messages.example/x#word\n\n"));
        assert!(said.plain().contains("until 1 January 1970, 00:00 UTC."));
        assert!(said.plain().ends_with("there is nothing to do.\n"), "nobody has named the installation");
        let signed = said.signed(Some("Our <i>Desk</i>\nBcc: x"), Some("help@desk.example"));
        let end = "This mail comes from Our <i>Desk</i> Bcc: x.\n\nQuestions about signing in: help@desk.example\n";
        assert!(signed.plain().ends_with(end), "{}", signed.plain());
        assert!(signed.html().contains("Our &lt;i&gt;Desk&lt;/i&gt;") && signed.html().contains("help@desk.example"));
    }
}
