//! Arrivals are those of the bytes, not of the moment the simulator looked.

use std::time::{Duration, Instant};

use crate::wire::{ANN, Caller, NUMBER, simulator, text};

#[tokio::test]
async fn arrivals_are_counted_by_window_and_number() {
    let sim = simulator(|config| config.any_number = true).await;
    let mut caller = Caller::connect(&sim).await;
    let before = Instant::now();
    for number in 0..3 {
        caller.send(&text(ANN, &format!("a{number}.1"))).await.answer();
    }
    let between = Instant::now();
    caller.call("POST", "/v25.0/100000000000002/messages", &text(ANN, "b.1").to_string()).await.answer();
    let after = Instant::now();
    assert_eq!(sim.arrivals_between(None, before, between), 3);
    assert_eq!(sim.arrivals_between(None, between, after), 1);
    assert_eq!(sim.arrivals_between(None, before, after), 4);
    assert_eq!(sim.arrivals_between(Some(NUMBER), before, after), 3);
    assert_eq!(sim.arrivals_between(Some(NUMBER), between, after), 0);
    assert_eq!(sim.arrivals_between(None, after, before), 0);
}

#[tokio::test]
async fn a_busy_caller_does_not_stop_the_simulator() {
    let sim = simulator(|_| {}).await;
    let mut caller = Caller::connect(&sim).await;
    caller.write("POST", &format!("/v25.0/{NUMBER}/messages"), &text(ANN, "a.1").to_string()).await;
    // This thread runs the caller's whole runtime; the simulator has its own.
    let deadline = Instant::now() + Duration::from_secs(10);
    while sim.stats().counts.accepted == 0 {
        assert!(Instant::now() < deadline, "nothing was accepted while the caller's runtime was blocked");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_stopped_simulator_frees_its_port_and_keeps_its_counts() {
    let sim = simulator(|_| {}).await;
    let mut caller = Caller::connect(&sim).await;
    caller.send(&text(ANN, "a.1")).await.answer();
    let port = sim.port();
    sim.stop().await;
    sim.stop().await;
    assert_eq!(sim.stats().counts.accepted, 1);
    assert_eq!(caller.hear(Duration::from_secs(10)).await, crate::wire::Heard::Closed);
    let again = simulator(|config| config.port = port).await;
    assert_eq!(again.port(), port);
    assert_eq!(crate::wire::send(&again, &text(ANN, "b.1")).await.answer().status, 200);
}
