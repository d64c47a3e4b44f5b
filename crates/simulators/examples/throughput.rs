//! How many sends per second the simulator accepts: `cargo run --release -p postroad-simulators --example throughput`,
//! with the seconds of each run as an argument (5 unless given).
//! The client is as cheap as it can be (prepared bytes on raw sockets), and the figure that counts is the CPU time the
//! simulator's own thread used: client and simulator share the machine.

use std::io;
use std::time::{Duration, Instant};

use postroad_simulators::meta::{MetaConfig, MetaSim, Number};
use postroad_simulators::stub::StubServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const CONNECTIONS: usize = 64;

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout, reason = "an example talks to its caller")]
async fn main() -> io::Result<()> {
    let seconds = std::env::args().nth(1).and_then(|seconds| seconds.parse().ok()).unwrap_or(5);
    let time = Duration::from_secs(seconds);
    let stub = StubServer::start().await?;
    let (rate, cpu) = load(&stub.base_url(), "simulate-stub", time).await?;
    println!("stub:                 {rate:>8.0} answers/s, {cpu:>8.0} per CPU second of the server");
    let number = Number { rate_per_s: 1_000, ..Number::default() };
    let sim = MetaSim::start(MetaConfig { numbers: vec![number.clone()], ..MetaConfig::default() }).await?;
    let (rate, cpu) = load(&sim.base_url(), "simulate-meta", time).await?;
    println!("simulator:            {rate:>8.0} accepted/s, {cpu:>8.0} per CPU second of the server");
    println!("{:?}, resident: {} MiB", sim.stats().counts, resident_kib()? / 1_024);
    sim.stop().await;
    drop(sim);

    let sink = sink().await?;
    let config = MetaConfig { numbers: vec![number], webhook_url: Some(sink), ..MetaConfig::default() };
    let sim = MetaSim::start(config).await?;
    let (rate, cpu) = load(&sim.base_url(), "simulate-meta", time).await?;
    println!("simulator, receipts:  {rate:>8.0} accepted/s, {cpu:>8.0} per CPU second of the server");
    sim.receipts_settled().await;
    let stats = sim.stats();
    println!("{:?}, lag_max_us: {}, resident: {} MiB", stats.webhooks, stats.lag_max_us, resident_kib()? / 1_024);
    let looked = Instant::now();
    sim.stats();
    println!("a look at the statistics takes {:?}", looked.elapsed());
    Ok(())
}

/// Answers per second, and per second of CPU time of the thread named `thread`.
async fn load(base_url: &str, thread: &str, time: Duration) -> io::Result<(f64, f64)> {
    let address = base_url.trim_start_matches("http://").to_owned();
    let (began, cpu_before) = (Instant::now(), cpu_of(thread)?);
    let callers = (0..CONNECTIONS).map(|caller| tokio::spawn(call(address.clone(), caller, began + time)));
    let mut answers = 0;
    for caller in callers {
        answers += caller.await??;
    }
    let cpu = cpu_of(thread)? - cpu_before;
    Ok((f64::from(answers) / began.elapsed().as_secs_f64(), f64::from(answers) / cpu))
}

async fn call(address: String, caller: usize, until: Instant) -> io::Result<u32> {
    let mut stream = TcpStream::connect(&address).await?;
    stream.set_nodelay(true)?;
    let (mut answers, mut buffer) = (0_u32, vec![0; 8_192]);
    while Instant::now() < until {
        let body = format!(
            r#"{{"messaging_product":"whatsapp","recipient_type":"individual","to":"+1555{caller:03}{answers:06}","type":"text","text":{{"body":"Hello, this is a message of a usual length for a campaign.","preview_url":false}},"biz_opaque_callback_data":"msg_0198c1b2d3e4f5a6b7c8{caller:04}{answers:08}.1"}}"#
        );
        let request = format!(
            "POST /v25.0/100000000000001/messages HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer token\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let read = stream.read(&mut buffer).await?;
        assert!(buffer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..read]));
        answers += 1;
    }
    Ok(answers)
}

/// An endpoint that acknowledges every webhook.
async fn sink() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = axum::Router::new().fallback(|_: axum::body::Bytes| async { "" });
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(format!("http://{address}/webhook"))
}

/// Seconds of CPU time, from /proc.
fn cpu_of(thread: &str) -> io::Result<f64> {
    let wanted = &thread[..thread.len().min(15)];
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if std::fs::read_to_string(task.join("comm"))?.trim() == wanted {
            let schedstat = std::fs::read_to_string(task.join("schedstat"))?;
            let nanos: f64 = schedstat.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0.0);
            return Ok(nanos / 1e9);
        }
    }
    Err(io::Error::other("the thread is gone"))
}

fn resident_kib() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    Ok(line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0))
}
