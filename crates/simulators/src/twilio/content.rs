//! Content templates, as far as a send needs them: made, listed, looked up.

use http::StatusCode;
use http::request::Parts;
use serde_json::{Value, json};

use crate::meta::reply;
use crate::server::Reply;

use super::api::Refusal;
use super::state::State;

impl State {
    pub(crate) fn content(&mut self, head: &Parts, path: &[&str], body: &[u8]) -> Result<Reply, Refusal> {
        match (head.method.as_str(), path) {
            ("GET", []) => {
                let all: Vec<&Value> = self.contents.values().collect();
                Ok(reply::ok(&json!({ "contents": all, "meta": { "next_page_url": null, "key": "contents" } })))
            }
            ("POST", []) => self.make(body),
            ("GET", [sid]) => self.contents.get(*sid).map(reply::ok).ok_or(Refusal::missing()),
            _ => Err(Refusal::missing()),
        }
    }

    fn make(&mut self, body: &[u8]) -> Result<Reply, Refusal> {
        let mut content: Value = serde_json::from_slice(body).map_err(|_| Refusal::new(400, 20_001))?;
        let is_sound = content["types"].as_object().is_some_and(|types| !types.is_empty());
        if !is_sound || !content["language"].is_string() {
            return Err(Refusal::new(400, 20_001));
        }
        let sid = self.sid("HX", self.contents.len() as u64 + 1);
        content["sid"] = sid.as_str().into();
        content["account_sid"] = self.config.account_sid.as_str().into();
        self.contents.insert(sid, content.clone());
        Ok(reply::json(StatusCode::CREATED, &content))
    }
}
