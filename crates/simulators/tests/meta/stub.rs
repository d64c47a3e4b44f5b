//! The stub accepts everything, with an id of its own each time.

use postroad_simulators::stub::StubServer;

#[tokio::test]
async fn the_stub_answers_everything_with_a_new_id() {
    crate::control::with_crypto();
    let stub = StubServer::start().await.unwrap();
    let client = reqwest::Client::new();
    let mut ids = std::collections::HashSet::new();
    for number in 0..20 {
        let url = format!("{}/v25.0/1/messages", stub.base_url());
        let answer = client.post(url).body(format!("anything {number}")).send().await.unwrap();
        let body: serde_json::Value = answer.json().await.unwrap();
        assert!(ids.insert(body["messages"][0]["id"].as_str().unwrap().to_owned()));
    }
    assert_eq!(stub.requests(), 20);
    stub.stop().await;
}
