//! `POST …/Messages.json`: what is well-formed, what is accepted, and what is answered.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use url::form_urlencoded;

use crate::clock;
use crate::meta::limits::{Arrivals, Mode};
use crate::meta::plan::{Override, plan};
use crate::meta::queue::Status;
use crate::meta::rules::Seen;
use crate::meta::{Kind, message_key, reply};
use crate::server::{Cut, Line, Reply};

use super::api::Refusal;
use super::message::Sent;
use super::state::State;
use super::tell::{Change, Post};
use super::{Action, Outcome, SessionWindow, Twilio};

const BODY_CHARS_MAX: usize = 1_600;
const MEDIA_MAX: usize = 10;
const SESSION_NS: u64 = 24 * 3_600 * 1_000_000_000;
/// The default code of a rule is Meta's.
const RATE_LIMITED_OF_META: u32 = 130_429;

/// What is left to do once everything is written down.
enum Step {
    Answer(Reply),
    AnswerAfter { ms: u64, reply: Reply },
    AcceptAfter { ms: u64, sent: Box<Sent> },
    Cut,
}

pub(crate) async fn send(twilio: &Arc<Twilio>, body: &[u8], line: &Line) -> Result<Reply, Cut> {
    let step = twilio.state.lock().receive(body, line.arrived_at());
    match step {
        Step::Answer(reply) => Ok(reply),
        Step::AnswerAfter { ms, reply } => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(reply)
        }
        Step::AcceptAfter { ms, sent } => {
            // In a task of its own: what was read is carried out, also when the caller has left.
            let (twilio, sent) = (Arc::clone(twilio), *sent);
            let late = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                twilio.state.lock().accept(sent, Override::None)
            });
            late.await.map_err(|_| Cut)
        }
        Step::Cut => Err(line.cut()),
    }
}

fn parse(body: &[u8]) -> Result<Sent, Refusal> {
    let form: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let field = |name: &str| {
        let found = form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        found.filter(|value| !value.is_empty())
    };
    let bad = |code: u32| Refusal::new(400, code);
    let to = field("To").ok_or(bad(21_604))?;
    let sender = field("MessagingServiceSid").or_else(|| field("From")).ok_or(bad(21_603))?;
    let media: Vec<String> = form.iter().filter(|(key, _)| key == "MediaUrl").map(|(_, value)| value.clone()).collect();
    let (text, content_sid) = (field("Body").unwrap_or_default(), field("ContentSid"));
    if text.is_empty() && media.is_empty() && content_sid.is_none() {
        return Err(bad(21_602));
    }
    if text.chars().count() > BODY_CHARS_MAX {
        return Err(bad(21_617));
    }
    let validity_period =
        field("ValidityPeriod").map(|seconds| seconds.parse().map_err(|_| bad(21_626))).transpose()?;
    let sound = [
        (is_address(&to), 21_211),
        (to.starts_with("whatsapp:") == sender.starts_with("whatsapp:") || sender.starts_with("MG"), 63_007),
        (media.len() <= MEDIA_MAX && media.iter().all(|link| link.starts_with("http")), 21_620),
        (field("StatusCallback").is_none_or(|url| url.starts_with("http")), 21_609),
        (validity_period.is_none_or(|seconds| (1..=36_000).contains(&seconds)), 21_626),
        (field("ContentVariables").is_none_or(|text| is_object(&text)), 21_656),
    ];
    if let Some((_, code)) = sound.iter().find(|(holds, _)| !holds) {
        return Err(bad(*code));
    }
    Ok(Sent {
        sid: None,
        to,
        sender,
        body: text,
        media,
        content_sid,
        content_variables: field("ContentVariables"),
        status_callback: field("StatusCallback"),
        validity_period,
        outcome: Outcome::Refused,
        status: String::new(),
        error_code: None,
        created_s: clock::unix_s(),
        sent_s: None,
        arrived_at: 0,
    })
}

fn is_address(to: &str) -> bool {
    let digits = to.strip_prefix("whatsapp:").unwrap_or(to).strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

fn is_object(text: &str) -> bool {
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok()
}

impl State {
    fn receive(&mut self, body: &[u8], arrived_at: u64) -> Step {
        let sent = match parse(body) {
            Ok(sent) => Sent { arrived_at, ..sent },
            Err(refusal) => return Step::Answer(self.refuse(refusal)),
        };
        let rate = self.config.rate_per_s;
        self.arrivals.entry(sent.sender.clone()).or_insert_with(|| Arrivals::new(rate)).push(arrived_at);
        if let Err(refusal) = self.admit(&sent) {
            return self.turn_down(sent, refusal);
        }
        let kind = if sent.content_sid.is_some() { Kind::Template } else { Kind::Text };
        let recipient = sent.to.trim_start_matches("whatsapp:").trim_start_matches('+');
        let callback = sent.status_callback.as_deref();
        let action = self.rules.decide(&Seen { recipient, number: &sent.sender, kind, callback }, self.config.seed);
        self.act(&action, sent)
    }

    fn admit(&mut self, sent: &Sent) -> Result<(), Refusal> {
        let known = self.config.any_sender || self.config.senders.contains(&sent.sender);
        if !known {
            return Err(Refusal::new(400, if sent.is_whatsapp() { 63_007 } else { 21_606 }));
        }
        let gate = self.gates.entry(sent.sender.clone()).or_default();
        if self.config.rate == Mode::Enforce && !gate.admit(sent.arrived_at, self.config.rate_per_s) {
            return Err(Refusal { retry_after_s: Some(1), ..Refusal::new(429, 20_429) });
        }
        if self.stopped.contains(&(sent.sender.clone(), sent.to.clone())) {
            return Err(Refusal::new(400, 21_610));
        }
        let content = sent.content_sid.as_ref();
        if content.is_some_and(|sid| !self.config.any_content && !self.contents.contains_key(sid)) {
            return Err(Refusal::new(400, 21_655));
        }
        let refuses = self.config.session_window == SessionWindow::Refuse && self.is_outside(sent);
        if refuses { Err(Refusal::new(400, 63_016)) } else { Ok(()) }
    }

    /// Whether the recipient has not written on WhatsApp for 24 hours and this is no template.
    fn is_outside(&self, sent: &Sent) -> bool {
        let heard = self.heard.get(&(sent.sender.clone(), sent.to.clone()));
        let passed = heard.is_none_or(|at| sent.arrived_at.saturating_sub(*at) >= SESSION_NS);
        sent.is_whatsapp() && sent.content_sid.is_none() && passed
    }

    fn act(&mut self, action: &Action, sent: Sent) -> Step {
        let silent = |outcome| Sent { outcome, ..sent.clone() };
        match *action {
            Action::Slow { ms } => Step::AcceptAfter { ms, sent: Box::new(silent(Outcome::Accepted)) },
            Action::CutBefore => {
                self.sent.push(silent(Outcome::CutBefore));
                Step::Cut
            }
            Action::Http5xxBefore { status } => {
                self.sent.push(silent(Outcome::Http5xxBefore));
                Step::Answer(reply::proxy_error(status))
            }
            Action::RateLimited { code, retry_after_s } => {
                let code = if code == RATE_LIMITED_OF_META { 20_429 } else { code };
                self.turn_down(sent, Refusal { retry_after_s, ..Refusal::new(429, code) })
            }
            Action::Error { code, status } => self.turn_down(sent, Refusal::new(status.unwrap_or(400), code)),
            Action::Accept => {
                let fails = self.config.session_window == SessionWindow::FailLater && self.is_outside(&sent);
                let receipts = if fails { Override::Fail { code: 63_016 } } else { Override::None };
                Step::Answer(self.accept(silent(Outcome::Accepted), receipts))
            }
            Action::AcceptSilently => Step::Answer(self.accept(silent(Outcome::Accepted), Override::Silent)),
            Action::AcceptThenFail { code } => {
                Step::Answer(self.accept(silent(Outcome::Accepted), Override::Fail { code }))
            }
            Action::AcceptThenHang { ms } => {
                let reply = self.accept(silent(Outcome::AcceptedThenHang), Override::None);
                Step::AnswerAfter { ms, reply }
            }
            Action::AcceptThenCut => {
                drop(self.accept(silent(Outcome::AcceptedThenCut), Override::None));
                Step::Cut
            }
            Action::Http5xxAfter { status } => {
                drop(self.accept(silent(Outcome::Http5xxAfter), Override::None));
                Step::Answer(reply::proxy_error(status))
            }
            Action::Garbage => {
                drop(self.accept(silent(Outcome::Garbage), Override::None));
                Step::Answer(reply::garbage())
            }
        }
    }

    fn turn_down(&mut self, sent: Sent, refusal: Refusal) -> Step {
        self.sent.push(Sent { outcome: Outcome::Refused, error_code: Some(refusal.code), ..sent });
        Step::Answer(self.refuse(refusal))
    }

    fn accept(&mut self, sent: Sent, receipts: Override) -> Reply {
        let place = self.sent.len();
        let kind = if sent.media.is_empty() { "SM" } else { "MM" };
        let status = if sent.is_of_service() { "accepted" } else { "queued" };
        let sid = self.sid(kind, place as u64 + 1);
        let sent = Sent { sid: Some(sid), status: status.to_owned(), ..sent };
        self.count(&sent);
        let reply = reply::json(StatusCode::CREATED, &sent.resource(&self.config.account_sid));
        self.sent.push(sent);
        self.plan_receipts(place, receipts);
        reply
    }

    fn count(&mut self, sent: &Sent) {
        self.counts.accepted += 1;
        let Some(callback) = &sent.status_callback else {
            self.counts.accepted_without_key += 1;
            return;
        };
        let is_new = self.keys.insert(message_key(callback).to_owned());
        *if is_new { &mut self.counts.accepted_unique } else { &mut self.counts.duplicates } += 1;
    }

    fn plan_receipts(&mut self, place: usize, receipts: Override) {
        let sent = self.sent[place].clone();
        let Some(url) = &sent.status_callback else { return };
        let plan = plan(&self.config.receipts, self.config.seed, place as u64, receipts);
        let (now, now_s) = (self.clock.now(), clock::unix_s());
        for planned in plan.statuses {
            let (status, error_code) = match planned.status {
                Status::Sent => ("sent", None),
                Status::Delivered => ("delivered", None),
                Status::Read if sent.is_whatsapp() => ("read", None),
                // Nobody is told that an SMS was read.
                Status::Read => continue,
                Status::Failed { code } => ("undelivered", Some(code)),
            };
            let change = Change { status, error_code, at_s: now_s + planned.happens_ns / 1_000_000_000 };
            let fields = self.status_fields(&sent, change);
            let post = Post { epoch: self.epoch, url: url.clone(), fields, status: Some((place, change)) };
            self.enqueue(now + planned.told_ns, post);
        }
    }

    fn status_fields(&self, sent: &Sent, change: Change) -> Vec<(String, String)> {
        let sid = sent.sid.clone().unwrap_or_default();
        let mut fields = vec![
            ("AccountSid", self.config.account_sid.clone()),
            ("ApiVersion", "2010-04-01".to_owned()),
            ("From", sent.from()),
            ("MessageSid", sid.clone()),
            ("MessageStatus", change.status.to_owned()),
            ("SmsSid", sid),
            ("SmsStatus", change.status.to_owned()),
            ("To", sent.to.clone()),
        ];
        fields.extend(change.error_code.map(|code| ("ErrorCode", code.to_string())));
        fields.extend(sent.is_of_service().then(|| ("MessagingServiceSid", sent.sender.clone())));
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
