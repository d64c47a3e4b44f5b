//! Calls of addresses that tenants name, to real servers on this machine: what is reached, and what never is.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use postroad_core::egress::{Policy, Refused};
use postroad_testkit::{Ear, answer};
use postroad_worker::{Answer, Egress, LookUp, Silence};

fn policy(list: &str) -> Arc<Policy> {
    Arc::new(Policy::parse(list).unwrap())
}

/// What reaches the server, and nothing else on this machine does.
fn to(ear: &Ear, more: &str) -> Egress {
    Egress::new(policy(&format!("http,:{},{more}", ear.address.port())))
}

async fn post(egress: &Egress, url: &str) -> Result<Answer, Silence> {
    egress.send(http::Request::post(url).body(b"hello".to_vec()).unwrap()).await
}

/// Finds these addresses, one after the other; the last one again and again.
fn leading_to(addresses: &'static [&'static str]) -> (LookUp, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let look_up: LookUp = Arc::new(move |_| {
        let place = counted.fetch_add(1, Ordering::SeqCst).min(addresses.len() - 1);
        let found: Vec<SocketAddr> = addresses[place]
            .split_whitespace()
            .map(|address| SocketAddr::new(address.parse::<IpAddr>().unwrap(), 0))
            .collect();
        Box::pin(async move { io::Result::Ok(found) })
    });
    (look_up, asked)
}

#[tokio::test]
async fn a_server_in_our_own_house_is_reached_only_when_the_operator_allows_it() {
    let ear = Ear::start().await;
    let closed = to(&ear, "");
    let port = ear.address.port();
    for host in ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "localhost", "0"] {
        let told = post(&closed, &format!("http://{host}:{port}/")).await.unwrap_err();
        assert!(matches!(told, Silence::Refused(Refused::NotPublic { .. })), "{host}: {told:?}");
    }
    assert!(ear.heard().is_empty(), "{:?}", ear.heard());
    let open = to(&ear, "127.0.0.0/8");
    assert_eq!(post(&open, &ear.url("/a?b=c")).await, Ok(Answer { status: 204, text: String::new() }));
    let heard = ear.heard();
    assert_eq!((heard[0].line.as_str(), heard[0].body.as_str()), ("POST /a?b=c HTTP/1.1", "hello"));
    // Each by itself: another port and no encryption are not allowed with the network.
    let only_network = Egress::new(policy("127.0.0.0/8"));
    assert!(matches!(post(&only_network, &ear.url("/")).await, Err(Silence::Refused(Refused::Scheme { .. }))));
    let no_port = Egress::new(policy("127.0.0.0/8,http"));
    assert!(matches!(post(&no_port, &ear.url("/")).await, Err(Silence::Refused(Refused::Port { .. }))));
}

#[tokio::test]
async fn a_name_that_leads_into_our_house_is_not_followed() {
    let ear = Ear::start().await;
    let address = format!("http://hooks.example.com:{}/", ear.address.port());
    for private in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "64:ff9b::7f00:1"]
    {
        let list = policy(&format!("http,:{}", ear.address.port()));
        let private: &'static str = private;
        let found: LookUp = Arc::new(move |_| {
            let address = SocketAddr::new(private.parse().unwrap(), 0);
            Box::pin(async move { Ok(vec![address]) })
        });
        let told = post(&Egress::looking_up(list, found), &address).await;
        assert_eq!(told, Err(Silence::NotPublic), "{private}");
    }
    assert!(ear.heard().is_empty());
    // By its name it is allowed wherever it leads.
    let list = policy(&format!("http,:{},hooks.example.com", ear.address.port()));
    let (look_up, _) = leading_to(&["127.0.0.1"]);
    assert_eq!(post(&Egress::looking_up(list, look_up), &address).await.unwrap().status, 204);
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_the_second_time_leads_nowhere() {
    let ear = Ear::start().await;
    // The whole of 127/8 is this machine: the first address is allowed, the others are not.
    let list = policy(&format!("http,:{},127.0.0.2", ear.address.port()));
    let (look_up, asked) = leading_to(&["127.0.0.2", "127.0.0.1", "127.0.0.1 127.0.0.2"]);
    let egress = Egress::looking_up(list, look_up);
    let address = format!("http://rebinding.example.com:{}/", ear.address.port());
    assert_eq!(post(&egress, &address).await.unwrap().status, 204);
    assert_eq!(post(&egress, &address).await, Err(Silence::NotPublic));
    assert_eq!(ear.heard().len(), 1);
    // Of several addresses only those that are allowed are tried.
    assert_eq!(post(&egress, &address).await.unwrap().status, 204);
    assert_eq!((ear.heard().len(), asked.load(Ordering::SeqCst)), (2, 3));
}

#[tokio::test]
async fn redirects_are_answers_and_lead_nowhere() {
    let inside = Ear::start().await;
    let secret = inside.url("/latest/meta-data/");
    let ear = Ear::answering(move |number| {
        let to = if number == 0 { "http://169.254.169.254/latest/meta-data/" } else { &secret };
        format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno")
    })
    .await;
    let egress = to(&ear, "127.0.0.1");
    for _ in 0..2 {
        assert_eq!(post(&egress, &ear.url("/")).await, Ok(Answer { status: 302, text: "no".to_owned() }));
    }
    assert!(inside.heard().is_empty());
}

#[tokio::test]
async fn little_of_a_long_answer_is_read_and_less_is_kept() {
    let ear = Ear::answering(|_| answer(500, &"x".repeat(5_000_000))).await;
    let told = post(&to(&ear, "127.0.0.1"), &ear.url("/")).await.unwrap();
    assert_eq!((told.status, told.text.len()), (500, 1_024));
    // A status is an answer, although what was promised after it never came.
    let ear = Ear::answering(|_| "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nok".to_owned()).await;
    let told = post(&to(&ear, "127.0.0.1"), &ear.url("/")).await.unwrap();
    assert_eq!((told.status, told.text.as_str()), (200, "ok"));
}

#[tokio::test]
async fn who_does_not_answer_is_given_up() {
    let hangs_up = Ear::answering(|_| String::new()).await;
    let told = post(&to(&hangs_up, "127.0.0.1"), &hangs_up.url("/")).await;
    assert_eq!(told, Err(Silence::Failed("connection_lost")));
    let nobody = to(&hangs_up, "127.0.0.1");
    let address = hangs_up.url("/");
    drop(hangs_up);
    // What it listened on is closed when its task is next looked at.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(post(&nobody, &address).await, Err(Silence::Failed("connect")));
    // It takes the connection, and never says anything.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let began = Instant::now();
    let egress = Egress::new(policy(&format!("http,:{port},127.0.0.1")));
    assert_eq!(post(&egress, &format!("http://127.0.0.1:{port}/")).await, Err(Silence::Failed("timeout")));
    assert!((14..20).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(20));
}
