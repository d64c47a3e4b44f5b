//! What is told of live updates.

use std::sync::LazyLock;

use prometheus::{
    Histogram, IntCounter, IntCounterVec, IntGauge, register_histogram, register_int_counter, register_int_counter_vec,
    register_int_gauge,
};

pub static SESSIONS: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge!("postroad_live_sessions", "Streams of live updates that are open in this process")
        .expect("the metric is registered once")
});
pub static LAG: LazyLock<Histogram> = LazyLock::new(|| {
    register_histogram!(
        "postroad_live_lag_seconds",
        "Time from an event's instant to its being handed to a stream that follows",
        vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]
    )
    .expect("the metric is registered once")
});
pub static RESUMED: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "postroad_live_resumed_total",
        "Times that a stream was too slow for what is kept in memory and read on from the table"
    )
    .expect("the metric is registered once")
});
static READS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let reads = register_int_counter_vec!(
        "postroad_live_reads_total",
        "Reads of the hub for all streams of the process, and pages that streams read for themselves",
        &["reader"]
    )
    .expect("the metric is registered once");
    for reader in [Reader::Hub, Reader::Stream] {
        reads.with_label_values(&[reader.as_str()]).reset();
    }
    reads
});

/// Who reads the table.
#[derive(Debug, Clone, Copy)]
pub enum Reader {
    Hub,
    Stream,
}

impl Reader {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Stream => "stream",
        }
    }

    pub fn count(self) {
        READS.with_label_values(&[self.as_str()]).inc();
    }
}

/// Everything is there from the beginning, with nothing in it.
pub fn register() {
    LazyLock::force(&SESSIONS);
    LazyLock::force(&LAG);
    LazyLock::force(&RESUMED);
    LazyLock::force(&READS);
}
