//! Hands mails of the installation itself to an SMTP server. Over TLS, unless the operator says otherwise.
//!
//! Deliberately absent: what a mail says, and when it is tried again.

use std::{sync::Arc, time::Duration};

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::Error,
};
use postroad_app::{
    App,
    mail::{Letter, Mailing, Sent},
};
use secrecy::ExposeSecret as _;

/// For everything that the server is waited for, less than a handler may take.
const SMTP_MAX: Duration = Duration::from_secs(20);

/// Why mail cannot be sent as it is set up. Names no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error(
        "expected an address like smtp://user:password@mail.example.com:587 or smtps://…, with ?tls=none for a server without TLS"
    )]
    Url,
    #[error("expected an address of mail like Postroad <postroad@example.com>")]
    From,
}

/// A server and who sends through it.
pub(crate) struct Post {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// Whether these settings can be used, without calling anybody.
pub fn check(mailing: &Mailing) -> Result<(), Unusable> {
    Post::open(mailing).map(drop)
}

impl Post {
    pub(crate) fn of(app: &App) -> Option<Arc<Self>> {
        let opened = Self::open(app.mail.as_deref()?);
        opened.inspect_err(|error| tracing::error!(%error, "no mail is sent")).ok().map(Arc::new)
    }

    fn open(mailing: &Mailing) -> Result<Self, Unusable> {
        // A second installation finds the first: equal.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = with_tls(mailing.url.expose_secret()).ok_or(Unusable::Url)?;
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(&url).map_err(|_| Unusable::Url)?;
        let from = mailing.from.parse().map_err(|_| Unusable::From)?;
        Ok(Self { server: server.timeout(Some(SMTP_MAX)).build(), from })
    }

    pub(crate) async fn send(&self, letter: &Letter) -> Sent {
        let Ok(to) = letter.to.parse::<Address>() else {
            return Sent::Refused("the address is none that mail can be sent to".to_owned());
        };
        let message = match self.message(letter, to) {
            Ok(message) => message,
            Err(error) => return Sent::Refused(format!("the mail cannot be written: {error}")),
        };
        match tokio::time::timeout(SMTP_MAX, self.server.send(message)).await {
            Ok(Ok(_)) => Sent::Accepted,
            Ok(Err(error)) => sent(&error),
            Err(_) => Sent::Later(format!("the server did not answer within {} s", SMTP_MAX.as_secs())),
        }
    }

    fn message(&self, letter: &Letter, to: Address) -> Result<Message, lettre::error::Error> {
        let id = format!("<{}@{}>", letter.id.uuid().simple(), self.from.email.domain());
        let generated = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&letter.subject)
            .date(letter.at.into())
            .message_id(Some(id))
            .raw_header(generated)
            .multipart(MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone()))
    }
}

/// What an address that says nothing of TLS means: `smtp:` goes on over TLS before anything is said, or not at all. None: it is
/// no address of a server.
fn with_tls(url: &str) -> Option<String> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    match (address.split_once("://")?.0, query) {
        ("smtps", "") | ("smtp", "tls=required" | "tls=opportunistic") => Some(url.to_owned()),
        ("smtp", "") => Some(format!("{address}?tls=required")),
        ("smtp", "tls=none") => Some(address.to_owned()),
        _ => None,
    }
}

/// Refusals that are about us and not about the mail: the operator mends them, and the mail goes then. RFC 4954.
const ABOUT_US: &[u16] = &[530, 534, 535, 538];

fn sent(error: &Error) -> Sent {
    let said = error.to_string();
    let code = error.status().map(u16::from);
    if error.is_permanent() && !code.is_some_and(|code| ABOUT_US.contains(&code)) {
        return Sent::Refused(said);
    }
    Sent::Later(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailing(url: &str, from: &str) -> Mailing {
        Mailing { url: url.into(), from: from.into() }
    }

    #[tokio::test]
    async fn an_address_that_asks_for_nothing_gets_tls() {
        assert_eq!(with_tls("smtp://mail.example").as_deref(), Some("smtp://mail.example?tls=required"));
        assert_eq!(with_tls("smtp://mail.example:25?tls=none").as_deref(), Some("smtp://mail.example:25"));
        for url in ["smtp://ada:secret@mail.example:587", "smtps://mail.example", "smtp://[::1]:2525?tls=opportunistic"]
        {
            assert_eq!(check(&mailing(url, "Postroad <a@b.example>")), Ok(()), "{url}");
        }
        for url in
            ["mail.example", "http://mail.example", "smtp://", "smtp://mail.example?tls=maybe", "smtps://x?tls=none"]
        {
            assert_eq!(check(&mailing(url, "a@b.example")), Err(Unusable::Url), "{url}");
        }
        assert_eq!(check(&mailing("smtps://mail.example", "nobody")), Err(Unusable::From));
    }
}
