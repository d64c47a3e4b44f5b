//! What Twilio posts to us: what a person said, or what became of a message. One post is one of them.
//!
//! A post is read when it is a form of a Twilio account that says whom it concerns. One of the other channel is nobody's here:
//! both channels may report to one address.

use postroad_core::{
    provider::{Event, EventKind, Fault, FaultClass, Hook, Receipt, Told, Unreadable},
    send::SendState,
};

use super::{address::Medium, callback, faults, form::Form, inbound};

/// Characters of a word that we do not know.
const WORD_CHARS_MAX: usize = 40;

/// A post that can be read.
pub(super) struct Post<'a> {
    pub(super) medium: Medium,
    pub(super) form: Form,
    pub(super) message: String,
    /// The person.
    pub(super) theirs: String,
    /// What the account may go by, the most particular name first. Empty: it is of the other channel.
    accounts: Vec<String>,
    url: &'a str,
}

pub(super) fn accounts_in(medium: Medium, hook: &Hook<'_>) -> Result<Vec<String>, Unreadable> {
    Ok(Post::read(medium, hook.url, hook.body)?.accounts)
}

pub(super) fn events(medium: Medium, told: &Told<'_>) -> Result<Vec<Event>, Unreadable> {
    let post = Post::read(medium, told.url, told.body)?;
    let account_ref = post.accounts.iter().find(|name| *name == told.account).or(post.accounts.first());
    let Some(account_ref) = account_ref else { return Ok(Vec::new()) };
    let event = |(key, kind)| Event { account_ref: account_ref.clone(), key, at: told.received_at, kind };
    Ok(post.told().into_iter().map(event).collect())
}

impl<'a> Post<'a> {
    fn read(medium: Medium, url: &'a str, body: &[u8]) -> Result<Self, Unreadable> {
        let form = Form::parse(body)?;
        let missing = |what: &str| Unreadable(format!("the form has no {what}"));
        form.id("AccountSid").ok_or_else(|| missing("AccountSid"))?;
        let message = form.id("MessageSid").or_else(|| form.id("SmsSid")).ok_or_else(|| missing("MessageSid"))?;
        let (from, to) = (form.id("From").unwrap_or_default(), form.id("To").unwrap_or_default());
        let (ours, theirs) = if status(&form).is_some() { (from, to) } else { (to, from) };
        let (message, theirs) = (message.to_owned(), theirs.to_owned());
        if theirs.is_empty() {
            return Err(missing("address of a person"));
        }
        let accounts = if medium.read(&theirs).is_some() { accounts(medium, &form, url, ours) } else { Vec::new() };
        Ok(Self { medium, form, message, theirs, accounts, url })
    }

    fn told(&self) -> Vec<(String, EventKind)> {
        match status(&self.form) {
            Some(word) => vec![self.status(word)],
            None => inbound::events(self),
        }
    }

    /// Twilio repeats and shuffles these; ranks in `core` put them in order.
    fn status(&self, word: &str) -> (String, EventKind) {
        let kind = match state(word) {
            Some(state) => EventKind::Receipt(Receipt {
                provider_ref: self.message.clone(),
                correlation: callback::correlation(self.url),
                state,
                fault: (state == SendState::Failed).then(|| fault(&self.form, word)),
                price_category: None,
            }),
            None => EventKind::Ignored { what: format!("status {}", shortened(word)) },
        };
        (format!("status|{}|{}", self.message, shortened(word)), kind)
    }
}

/// The word of a report about our own message; inbound messages have none, or say that they were received.
fn status(form: &Form) -> Option<&str> {
    form.id("MessageStatus").filter(|word| !matches!(*word, "received" | "receiving"))
}

fn accounts(medium: Medium, form: &Form, url: &str, ours: &str) -> Vec<String> {
    let reported = status(form).map(|_| callback::accounts(url)).unwrap_or_default();
    let service = form.id("MessagingServiceSid").map(str::to_owned);
    let own = medium.read(ours).filter(|name| !name.is_empty()).map(str::to_owned);
    let mut names: Vec<String> = Vec::new();
    for name in reported.into_iter().chain(service).chain(own) {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// `undelivered` is the carrier's word and `failed` Twilio's; `canceled` is ours, taken back in Twilio's console.
pub(super) fn state(word: &str) -> Option<SendState> {
    match word {
        "sent" => Some(SendState::Sent),
        "delivered" => Some(SendState::Delivered),
        "read" => Some(SendState::Read),
        "failed" | "undelivered" | "canceled" => Some(SendState::Failed),
        _ => None,
    }
}

fn fault(form: &Form, word: &str) -> Fault {
    let code = form.id("ErrorCode").and_then(|code| code.parse().ok()).filter(|code| *code > 0);
    code.map_or_else(
        || Fault { code: format!("no_code_{}", shortened(word)), class: FaultClass::Unrecognised },
        faults::fault,
    )
}

fn shortened(word: &str) -> String {
    word.chars().take(WORD_CHARS_MAX).collect()
}
