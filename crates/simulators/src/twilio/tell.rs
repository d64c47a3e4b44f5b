//! Posts to the system under test: signed forms, at their time, repeated and retried as configured.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Method, Request};
use http_body_util::Full;
use sha1::Sha1;
use sha2::Sha256;
use url::form_urlencoded::Serializer;

use crate::meta::deliver::fetch;

use super::Twilio;
use super::config::TwilioConfig;
use super::state::State;

/// One post.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) epoch: u32,
    pub(crate) url: String,
    pub(crate) fields: Vec<(String, String)>,
    /// The send whose status it tells, and which: the send has it from then on.
    pub(crate) status: Option<(usize, Change)>,
}

/// What becomes of a send when its post is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    pub(crate) status: &'static str,
    pub(crate) error_code: Option<u32>,
    pub(crate) at_s: u64,
}

impl State {
    pub(crate) fn enqueue(&mut self, at: u64, post: Post) {
        self.queued += 1;
        self.callbacks.pending += 1;
        self.queue.insert((at, self.queued), post);
        self.planned.notify_one();
    }

    /// The next post that is due, with its status written down.
    fn take_due(&mut self, now: u64) -> Option<Post> {
        let entry = self.queue.first_entry().filter(|entry| entry.key().0 <= now)?;
        let post = entry.remove();
        if let Some((place, change)) = post.status
            && let Some(sent) = self.sent.get_mut(place)
            && rank(change.status) > rank(&sent.status)
        {
            change.status.clone_into(&mut sent.status);
            sent.error_code = change.error_code;
            sent.sent_s = sent.sent_s.or(Some(change.at_s));
        }
        Some(post)
    }
}

/// A status that is told late does not undo a later one.
fn rank(status: &str) -> u8 {
    match status {
        "sent" => 1,
        "delivered" | "undelivered" | "failed" => 2,
        "read" => 3,
        _ => 0,
    }
}

/// Runs for ever: waits for posts that are due and sends them off.
pub(crate) async fn run(twilio: Arc<Twilio>) {
    loop {
        let (next, planned) = {
            let state = twilio.state.lock();
            (state.queue.first_key_value().map(|((at, _), _)| *at), Arc::clone(&state.planned))
        };
        let Some(at) = next else {
            planned.notified().await;
            continue;
        };
        tokio::select! {
            () = tokio::time::sleep_until(twilio.clock.instant(at).into()) => {}
            () = planned.notified() => continue,
        }
        let due = twilio.state.lock().take_due(twilio.clock.now());
        if let Some(post) = due {
            tokio::spawn(deliver(Arc::clone(&twilio), post));
        }
    }
}

async fn deliver(twilio: Arc<Twilio>, post: Post) {
    let config = twilio.state.lock().config.clone();
    let mut acked = false;
    for _ in 0..config.callbacks.repeat.max(1) {
        acked |= persist(&twilio, &config, &post).await;
    }
    let mut state = twilio.state.lock();
    if state.epoch == post.epoch {
        let counts = &mut state.callbacks;
        counts.pending -= 1;
        *if acked { &mut counts.acked } else { &mut counts.given_up } += 1;
    }
}

async fn persist(twilio: &Twilio, config: &TwilioConfig, post: &Post) -> bool {
    for nth in 0..=config.callbacks.retries {
        if nth > 0 {
            tokio::time::sleep(Duration::from_millis(config.callbacks.retry_after_ms)).await;
        }
        if attempt(twilio, config, post).await {
            return true;
        }
    }
    false
}

async fn attempt(twilio: &Twilio, config: &TwilioConfig, post: &Post) -> bool {
    if config.callbacks.lost && post.status.is_some() {
        return false;
    }
    let Some(request) = request(config, post) else { return false };
    {
        let mut state = twilio.state.lock();
        if state.epoch != post.epoch {
            return false;
        }
        state.callbacks.posts += 1;
    }
    let timeout = Duration::from_millis(config.callbacks.timeout_ms);
    let answered = tokio::time::timeout(timeout, fetch(&twilio.caller, request)).await;
    matches!(answered, Ok(Some((status, _))) if status.is_success())
}

fn request(config: &TwilioConfig, post: &Post) -> Option<Request<Full<bytes::Bytes>>> {
    let body = Serializer::new(String::new()).extend_pairs(&post.fields).finish();
    let (signature, settings) = signature(config, &post.url, &post.fields);
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(post.url.as_str())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=UTF-8")
        .header(USER_AGENT, "TwilioProxy/1.1")
        .header("x-twilio-signature", signature);
    if let Some(settings) = settings {
        request = request.header("x-twilio-webhooks-signature-settings", settings);
    }
    let request = request.body(Full::new(body.into()));
    request.inspect_err(|error| tracing::warn!(%error, "the callback address is not a URL")).ok()
}

/// The address, then each name with its value in the order of names:
/// www.twilio.com/docs/usage/webhooks/webhooks-security.
fn signature(config: &TwilioConfig, url: &str, fields: &[(String, String)]) -> (String, Option<&'static str>) {
    let mut sorted: Vec<&(String, String)> = fields.iter().collect();
    sorted.sort();
    let signed = sorted.iter().fold(url.to_owned(), |signed, (name, value)| signed + name + value);
    match &config.shared_key {
        Some(key) => (hmac::<Hmac<Sha256>>(key, &signed), Some("key=simulated,algorithm=HMAC_SHA256")),
        None => (hmac::<Hmac<Sha1>>(&config.auth_token, &signed), None),
    }
}

fn hmac<M: Mac + KeyInit>(key: &str, text: &str) -> String {
    let mut mac = <M as KeyInit>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    BASE64.encode(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_example_is_signed_as_documented() {
        let config = TwilioConfig { auth_token: "12345".to_owned(), ..TwilioConfig::default() };
        let fields = [
            ("Digits", "1234"),
            ("To", "+18005551212"),
            ("From", "+14158675310"),
            ("Caller", "+14158675310"),
            ("CallSid", "CA1234567890ABCDE"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (signature, settings) = signature(&config, "https://example.com/myapp.php?foo=1&bar=2", &fields);
        assert_eq!((signature.as_str(), settings), ("L/OH5YylLD5NRKLltdqwSvS0BnU=", None));
    }
}
