//! `/_sim/…`: the same things as the methods of [`MetaSim`](super::MetaSim), for callers in other processes.
//! The endpoints are listed in the module documentation.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use hyper::body::Incoming;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::server::{self, Reply};

use super::Meta;
use super::config::MetaConfig;
use super::events::AccountEvent;
use super::handshake;
use super::inbound::Inbound;
use super::ledger::Outcome;
use super::lookup::Search;
use super::query::Query;
use super::reply;
use super::rules::Rule;
use super::stats::Stats;
use super::templates::Template;

/// A script, or many inbound messages.
const BODY_BYTES_MAX: usize = 64 << 20;

/// A request the control API does not understand, in words.
type Problem = String;

pub(crate) async fn answer(meta: &Arc<Meta>, (head, body): (Parts, Incoming), path: &[&str]) -> Reply {
    let answered = match server::read(body, BODY_BYTES_MAX).await {
        Some(body) => dispatch(meta, &head, &body, path).await,
        None => Err("the body is too large or incomplete".to_owned()),
    };
    answered.unwrap_or_else(|problem| reply::json(StatusCode::BAD_REQUEST, &json!({ "error": problem })))
}

async fn dispatch(meta: &Arc<Meta>, head: &Parts, body: &Bytes, path: &[&str]) -> Result<Reply, Problem> {
    let query = Query::of(&head.uri);
    match (head.method.as_str(), path) {
        ("GET", ["health"]) => Ok(reply::ok(&json!({ "status": "ok" }))),
        ("GET", ["stats"]) => Ok(stats(meta, &query)),
        ("GET", ["messages"]) => messages(meta, &query),
        ("GET", ["keys"]) => keys(meta, &query),
        ("GET", ["arrivals"]) => Ok(arrivals(meta, &query)),
        ("GET", ["rules"]) => Ok(reply::ok(&meta.state.lock().rules.states())),
        ("POST", ["rules"]) => add_rules(meta, body, &query),
        ("DELETE", ["rules"]) => {
            meta.state.lock().rules.clear();
            Ok(reply::success())
        }
        ("GET", ["config"]) => Ok(reply::ok(&meta.state.lock().config)),
        ("POST", ["config"]) => configure(meta, body),
        ("POST", ["templates"]) => register(meta, body),
        ("POST", ["inbound"]) => hear(meta, body),
        ("POST", ["events"]) => tell(meta, body),
        ("POST", ["verify"]) => Ok(verify(meta).await),
        ("POST", ["reset"]) => {
            meta.reset();
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

#[derive(Serialize)]
struct WithRecipients {
    #[serde(flatten)]
    verdicts: Stats,
    by_recipient: BTreeMap<String, u64>,
}

fn stats(meta: &Meta, query: &Query) -> Reply {
    let mut state = meta.state.lock();
    let verdicts = state.stats();
    if query.get("by") != Some("recipient") {
        return reply::ok(&verdicts);
    }
    reply::ok(&WithRecipients { verdicts, by_recipient: state.by_recipient() })
}

fn messages(meta: &Meta, query: &Query) -> Result<Reply, Problem> {
    let outcome = query.get("outcome").map(outcome).transpose()?;
    let text = |name: &str| query.get(name).map(str::to_owned);
    let search = Search {
        callback: text("callback"),
        key: text("key"),
        recipient: text("recipient"),
        number: text("number"),
        wamid: text("wamid"),
        outcome,
        accepted: query.number("accepted"),
        duplicate: query.number("duplicate").unwrap_or(false),
        offset: query.number("offset").unwrap_or(0),
        limit: query.number("limit"),
    };
    Ok(reply::ok(&meta.state.lock().search(&search)))
}

fn outcome(name: &str) -> Result<Outcome, Problem> {
    serde_json::from_value(Value::from(name)).map_err(|error| error.to_string())
}

fn keys(meta: &Meta, query: &Query) -> Result<Reply, Problem> {
    let outcome = outcome(query.get("outcome").ok_or("give an outcome")?)?;
    let (offset, limit) = (query.number("offset").unwrap_or(0), query.number("limit"));
    let found = meta.state.lock().search(&Search { outcome: Some(outcome), offset, limit, ..Search::default() });
    let keys: Vec<Value> = found
        .into_iter()
        .map(|sent| json!({ "key": sent.key, "callback": sent.callback, "key_accepted": sent.key_accepted, "recipient": sent.recipient }))
        .collect();
    Ok(reply::ok(&keys))
}

fn arrivals(meta: &Meta, query: &Query) -> Reply {
    let ns =
        |name: &str, otherwise: u64| query.number::<u64>(name).map_or(otherwise, |ms| ms.saturating_mul(1_000_000));
    let (from, to) = (ns("from_ms", 0), ns("to_ms", u64::MAX));
    reply::ok(&json!({ "arrivals": meta.state.lock().arrivals(query.get("number"), from, to) }))
}

fn add_rules(meta: &Meta, body: &[u8], query: &Query) -> Result<Reply, Problem> {
    let rules: Vec<Rule> = parse_all(body)?;
    let mut state = meta.state.lock();
    if query.get("replace") == Some("true") {
        state.rules.clear();
    }
    state.rules.add(rules).map_err(|error| error.to_string())?;
    Ok(reply::ok(&state.rules.states()))
}

/// What is not in the body stays as it is (RFC 7386); a list replaces a list.
fn configure(meta: &Meta, body: &[u8]) -> Result<Reply, Problem> {
    let patch: Value = parse(body)?;
    let mut state = meta.state.lock();
    let mut config = serde_json::to_value(&state.config).map_err(|error| error.to_string())?;
    merge(&mut config, patch);
    let config: MetaConfig = serde_json::from_value(config).map_err(|error| error.to_string())?;
    state.configure(config);
    Ok(reply::ok(&state.config))
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

fn register(meta: &Meta, body: &[u8]) -> Result<Reply, Problem> {
    let templates: Vec<Template> = parse_all(body)?;
    let ids: Vec<String> = templates.into_iter().map(|template| meta.register(template)).collect();
    Ok(reply::ok(&json!({ "ids": ids })))
}

fn hear(meta: &Meta, body: &[u8]) -> Result<Reply, Problem> {
    let messages: Vec<Inbound> = parse_all(body)?;
    let mut state = meta.state.lock();
    let heard = messages.into_iter().map(|message| state.hear(message));
    let ids = heard.collect::<Result<Vec<String>, _>>().map_err(|error| error.to_string())?;
    Ok(reply::ok(&json!({ "wamids": ids })))
}

fn tell(meta: &Meta, body: &[u8]) -> Result<Reply, Problem> {
    let events: Vec<AccountEvent> = parse_all(body)?;
    let mut state = meta.state.lock();
    events.into_iter().try_for_each(|event| state.tell(event)).map_err(|error| error.to_string())?;
    Ok(reply::success())
}

async fn verify(meta: &Arc<Meta>) -> Reply {
    let (address, token) = {
        let config = &meta.state.lock().config;
        (config.webhook_url.clone().unwrap_or_default(), config.verify_token.clone())
    };
    match handshake::verify(meta, &address, &token).await {
        Ok(()) => reply::ok(&json!({ "verified": true })),
        Err(error) => reply::ok(&json!({ "verified": false, "why": error.to_string() })),
    }
}
