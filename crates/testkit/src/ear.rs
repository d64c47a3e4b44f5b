//! A server that hears what endpoints are told: real HTTP over a real port of this machine, one request per connection.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// One request.
#[derive(Debug, Clone)]
pub struct Heard {
    /// `POST /path HTTP/1.1`
    pub line: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// Stops when it is dropped.
pub struct Ear {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    listening: JoinHandle<()>,
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Ear {
    /// Answers 204 to everything.
    pub async fn start() -> Self {
        Self::answering(|_| answer(204, "")).await
    }

    /// Answers with these bytes, by the number of the request from 0. Empty: it hangs up without an answer.
    pub async fn answering(answers: impl Fn(usize) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let (heard, answers) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answers));
        let listening = tokio::spawn(listen(listener, heard.clone(), answers));
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), heard, listening }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything until now, in the order of arrival.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("no test panics while it holds this").clone()
    }
}

/// An answer with a status and a body.
pub fn answer(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

type Answers = Arc<dyn Fn(usize) -> String + Send + Sync>;

async fn listen(listener: TcpListener, heard: Arc<Mutex<Vec<Heard>>>, answers: Answers) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(stream, heard.clone(), answers.clone()));
    }
}

async fn converse(stream: TcpStream, heard: Arc<Mutex<Vec<Heard>>>, answers: Answers) {
    let mut stream = BufReader::new(stream);
    let Some(request) = read(&mut stream).await else { return };
    let number = {
        let mut heard = heard.lock().expect("no test panics while it holds this");
        heard.push(request);
        heard.len() - 1
    };
    // Whoever called may have gone.
    let _ = stream.get_mut().write_all(answers(number).as_bytes()).await;
    let _ = stream.get_mut().shutdown().await;
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Heard> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    (!line.is_empty()).then(|| Heard {
        line: line.trim_end().to_owned(),
        headers,
        body: String::from_utf8_lossy(&body).into(),
    })
}
