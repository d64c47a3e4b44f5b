//! `/_sim/…`: the same things as the methods of [`TwilioSim`](super::TwilioSim), for callers in other processes.

use std::sync::Arc;

use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::meta::query::Query;
use crate::meta::reply;
use crate::server::Reply;

use super::config::TwilioConfig;
use super::inbound::Inbound;
use super::{Rule, Twilio};

/// A request the control API does not understand, in words.
type Problem = String;

pub(crate) fn answer(twilio: &Arc<Twilio>, head: &Parts, body: &[u8], path: &[&str]) -> Reply {
    let answered = dispatch(twilio, head, body, path);
    answered.unwrap_or_else(|problem| reply::json(StatusCode::BAD_REQUEST, &json!({ "error": problem })))
}

fn dispatch(twilio: &Twilio, head: &Parts, body: &[u8], path: &[&str]) -> Result<Reply, Problem> {
    let mut state = twilio.state.lock();
    match (head.method.as_str(), path) {
        ("GET", ["health"]) => Ok(reply::ok(&json!({ "status": "ok" }))),
        ("GET", ["stats"]) => Ok(reply::ok(&state.stats())),
        ("GET", ["messages"]) => {
            let query = Query::of(&head.uri);
            let wanted = query.get("to");
            let found: Vec<_> = state.sent.iter().filter(|sent| wanted.is_none_or(|to| sent.to == to)).collect();
            Ok(reply::ok(&found))
        }
        ("GET", ["rules"]) => Ok(reply::ok(&state.rules.states())),
        ("POST", ["rules"]) => {
            let rules: Vec<Rule> = parse_all(body)?;
            state.rules.add(rules).map_err(|error| error.to_string())?;
            Ok(reply::ok(&state.rules.states()))
        }
        ("DELETE", ["rules"]) => {
            state.rules.clear();
            Ok(reply::success())
        }
        ("GET", ["config"]) => Ok(reply::ok(&state.config)),
        ("POST", ["config"]) => {
            let config = patched(&state.config, body)?;
            state.configure(config);
            Ok(reply::ok(&state.config))
        }
        ("POST", ["inbound"]) => {
            let said: Vec<Inbound> = parse_all(body)?;
            let sids = said.iter().map(|said| state.hear(said)).collect::<Result<Vec<_>, _>>();
            Ok(reply::ok(&json!({ "sids": sids.map_err(|error| error.to_string())? })))
        }
        ("POST", ["reset"]) => {
            state.reset();
            Ok(reply::success())
        }
        _ => Ok(reply::json(StatusCode::NOT_FOUND, &json!({ "error": "there is no such control endpoint" }))),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// One or many.
fn parse_all<T: DeserializeOwned>(body: &[u8]) -> Result<Vec<T>, Problem> {
    let is_list = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if is_list { parse(body) } else { parse(body).map(|one| vec![one]) }
}

/// What is not in the body stays as it is; what is there replaces, part by part.
fn patched(config: &TwilioConfig, body: &[u8]) -> Result<TwilioConfig, Problem> {
    let mut merged = serde_json::to_value(config).map_err(|error| error.to_string())?;
    merge(&mut merged, parse(body)?);
    serde_json::from_value(merged).map_err(|error| error.to_string())
}

fn merge(into: &mut Value, patch: Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, patch) => *into = patch,
    }
}
