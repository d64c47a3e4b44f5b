//! What people say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::state::State;
use super::tell::Post;

/// Words on which Twilio stops sending, and on which it goes on:
/// help.twilio.com/articles/223134027.
const STOP: &[&str] = &["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"];
const START: &[&str] = &["START", "UNSTOP", "YES"];
const HELP: &[&str] = &["HELP", "INFO"];

/// A message of a person: `POST /_sim/inbound`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Inbound {
    /// `+12025550123`, or `whatsapp:+12025550123`.
    pub from: String,
    pub to: String,
    pub body: String,
    pub files: Vec<File>,
    /// More of Twilio's fields: `ButtonPayload`, `Latitude`, `MessagingServiceSid`…
    pub fields: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct File {
    /// Where it is. Empty: at this simulator, as `content_base64` has it.
    pub url: String,
    pub content_type: String,
    pub content_base64: String,
}

impl Default for Inbound {
    fn default() -> Self {
        Self {
            from: "+12025550123".to_owned(),
            to: "+12025550100".to_owned(),
            body: String::new(),
            files: Vec::new(),
            fields: BTreeMap::new(),
        }
    }
}

/// Nobody said where messages of this channel go.
#[derive(Debug, thiserror::Error)]
#[error("there is no address for messages to {0}")]
pub struct NoAddress(String);

impl State {
    pub(crate) fn hear(&mut self, said: &Inbound) -> Result<String, NoAddress> {
        let is_whatsapp = said.to.starts_with("whatsapp:");
        let url = if is_whatsapp { &self.config.whatsapp_url } else { &self.config.sms_url };
        let url = url.clone().ok_or_else(|| NoAddress(said.to.clone()))?;
        self.inbound += 1;
        let sid = self.sid(if said.files.is_empty() { "SM" } else { "MM" }, (1 << 48) | self.inbound);
        let keyword = if is_whatsapp { None } else { keyword(&said.body) };
        let pair = (said.to.clone(), said.from.clone());
        match keyword {
            Some("STOP") => drop(self.stopped.insert(pair.clone())),
            Some("START") => drop(self.stopped.remove(&pair)),
            _ => {}
        }
        self.heard.insert(pair, self.clock.now());
        let mut said = said.clone();
        self.take_files(&sid, &mut said.files);
        let fields = self.fields(&sid, &said, keyword);
        self.enqueue(self.clock.now(), Post { epoch: self.epoch, url, fields, status: None });
        Ok(sid)
    }

    fn fields(&self, sid: &str, said: &Inbound, keyword: Option<&str>) -> Vec<(String, String)> {
        let count = said.files.len().to_string();
        let mut fields: BTreeMap<String, String> = [
            ("AccountSid", self.config.account_sid.as_str()),
            ("ApiVersion", "2010-04-01"),
            ("Body", &said.body),
            ("From", &said.from),
            ("MessageSid", sid),
            ("NumMedia", &count),
            ("NumSegments", "1"),
            ("SmsMessageSid", sid),
            ("SmsSid", sid),
            ("SmsStatus", "received"),
            ("To", &said.to),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        fields.extend(keyword.map(|keyword| ("OptOutType".to_owned(), keyword.to_owned())));
        if let Some(digits) = said.from.strip_prefix("whatsapp:+") {
            fields.insert("WaId".to_owned(), digits.to_owned());
            fields.insert("ProfileName".to_owned(), "Simulated Person".to_owned());
        }
        for (nth, file) in said.files.iter().enumerate() {
            fields.insert(format!("MediaUrl{nth}"), file.url.clone());
            fields.insert(format!("MediaContentType{nth}"), file.content_type.clone());
        }
        fields.extend(said.fields.clone());
        fields.into_iter().collect()
    }
}

fn keyword(body: &str) -> Option<&'static str> {
    let said = body.trim().to_ascii_uppercase();
    let lists = [(STOP, "STOP"), (START, "START"), (HELP, "HELP")];
    lists.into_iter().find(|(words, _)| words.contains(&said.as_str())).map(|(_, keyword)| keyword)
}
