//! A caller on a raw socket: it sees what really happens on the wire, which a client library would hide.

use std::time::Duration;

use postroad_simulators::meta::{MetaConfig, MetaSim, Number};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Of [`Number::default`].
pub(crate) const NUMBER: &str = "100000000000001";
pub(crate) const WABA: &str = "200000000000001";
pub(crate) const ANN: &str = "+15550100007";
pub(crate) const BEN: &str = "+15550100008";

/// What a caller hears after a request.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Answer(Answer),
    /// The other side sent a TCP reset.
    Reset,
    /// The other side closed in order.
    Closed,
    /// Nothing within the time given.
    Silence,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.body))
    }

    /// The code of an error answer.
    pub(crate) fn code(&self) -> u64 {
        self.json()["error"]["code"].as_u64().unwrap_or_else(|| panic!("no error in {}", self.body))
    }

    pub(crate) fn wamid(&self) -> String {
        self.json()["messages"][0]["id"].as_str().unwrap_or_else(|| panic!("no id in {}", self.body)).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Heard {
    pub(crate) fn answer(self) -> Answer {
        match self {
            Self::Answer(answer) => answer,
            other => panic!("expected an answer, heard {other:?}"),
        }
    }
}

/// One keep-alive connection.
pub(crate) struct Caller {
    stream: TcpStream,
}

impl Caller {
    pub(crate) async fn connect(sim: &MetaSim) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", sim.port())).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    pub(crate) async fn write(&mut self, method: &str, path: &str, body: &str) {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: simulator\r\nauthorization: Bearer token\r\n");
        let head = format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        self.stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    }

    pub(crate) async fn call(&mut self, method: &str, path: &str, body: &str) -> Heard {
        self.write(method, path, body).await;
        self.hear(Duration::from_secs(10)).await
    }

    /// Sends a message from the default number.
    pub(crate) async fn send(&mut self, body: &Value) -> Heard {
        self.call("POST", &format!("/v25.0/{NUMBER}/messages"), &body.to_string()).await
    }

    pub(crate) async fn hear(&mut self, patience: Duration) -> Heard {
        tokio::time::timeout(patience, self.answer()).await.unwrap_or(Heard::Silence)
    }

    async fn answer(&mut self) -> Heard {
        let mut bytes = Vec::new();
        loop {
            let mut part = [0; 4_096];
            match self.stream.read(&mut part).await {
                Ok(0) => return Heard::Closed,
                Ok(read) => bytes.extend_from_slice(&part[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Heard::Reset,
                Err(error) => panic!("{error}"),
            }
            if let Some(answer) = complete(&bytes) {
                return Heard::Answer(answer);
            }
        }
    }
}

fn complete(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |text| text.parse().unwrap());
    let status = head.split(' ').nth(1)?.parse().ok()?;
    (body.len() >= length).then(|| Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// A simulator with one number, and whatever a test changes.
pub(crate) async fn simulator(change: impl FnOnce(&mut MetaConfig)) -> MetaSim {
    let mut config = MetaConfig { numbers: vec![Number::default()], ..MetaConfig::default() };
    change(&mut config);
    MetaSim::start(config).await.unwrap()
}

pub(crate) fn text(to: &str, callback: &str) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": to,
        "type": "text",
        "text": { "body": "Hello" },
        "biz_opaque_callback_data": callback,
    })
}

pub(crate) fn template(to: &str, name: &str, language: &str, params: &[&str]) -> Value {
    let parameters: Vec<Value> = params.iter().map(|text| json!({ "type": "text", "text": text })).collect();
    json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": to,
        "type": "template",
        "template": {
            "name": name,
            "language": { "code": language },
            "components": [{ "type": "body", "parameters": parameters }],
        },
    })
}

/// One call on a connection of its own.
pub(crate) async fn call(sim: &MetaSim, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Caller::connect(sim).await.call(method, path, &body).await.answer()
}

/// One message on a connection of its own.
pub(crate) async fn send(sim: &MetaSim, body: &Value) -> Heard {
    Caller::connect(sim).await.send(body).await
}
