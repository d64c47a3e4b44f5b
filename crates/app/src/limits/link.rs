//! The way to Redis. A call takes at most [`ANSWER_MAX`]; one that fails takes the link down, and while it is down a call
//! costs nothing: somebody else looks whether Redis is back.

use std::{
    sync::{
        Arc, LazyLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use postroad_core::{clock::Clock, pace::Flow};
use prometheus::{IntCounterVec, IntGauge, register_int_counter_vec, register_int_gauge};
use redis::{AsyncConnectionConfig, Client, Script, aio::MultiplexedConnection};

use super::REST;

/// Longer than any healthy answer, shorter than anybody's patience.
const ANSWER_MAX: Duration = Duration::from_millis(50);
const CONNECT_MAX: Duration = Duration::from_millis(250);
/// Between two looks at a Redis that is away. With [`CONNECT_MAX`] it bounds how long a return goes unnoticed.
const LOOK_EVERY: Duration = Duration::from_millis(250);

const BEGAN: &str = "{postroad:limits}:began";
static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("take.lua")));

static ERRORS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let errors = register_int_counter_vec!(
        "postroad_rate_limit_backend_errors_total",
        "Calls of the shared limiter that failed: not the same as a limit that said no",
        &["backend"]
    )
    .expect("the metric is registered once");
    errors.with_label_values(&["redis"]).reset();
    errors
});
static UP: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge!("postroad_redis_up", "1 while the shared limiter reaches Redis, 0 while shares hold")
        .expect("the metric is registered once")
});

pub(super) struct Link {
    client: Client,
    clock: Clock,
    state: Mutex<State>,
    /// Shares were used since Redis answered last.
    went_on_alone: AtomicBool,
}

enum State {
    Up(MultiplexedConnection),
    Down { since: DateTime<Utc>, looking: bool },
}

/// What is asked of one limit.
pub(super) struct Ask<'a> {
    pub key: &'a str,
    pub flow: Flow,
    pub wanted: u32,
    pub horizon: TimeDelta,
    /// How long a limit rests after Redis may have forgotten it.
    pub rest: TimeDelta,
}

/// Permits, and the instant behind which they begin.
pub(super) struct Granted {
    pub paced_until: DateTime<Utc>,
    pub count: u32,
}

/// Redis is away since then.
pub(super) struct Down {
    pub since: DateTime<Utc>,
}

impl Link {
    pub(super) fn open(url: &str, clock: Clock) -> Result<Arc<Self>, redis::RedisError> {
        let state = Mutex::new(State::Down { since: clock.now(), looking: false });
        UP.set(0);
        LazyLock::force(&ERRORS);
        let link = Arc::new(Self { client: Client::open(url)?, clock, state, went_on_alone: AtomicBool::new(false) });
        if tokio::runtime::Handle::try_current().is_ok() {
            // Whoever asks first finds it connected.
            let _ = link.connection();
        }
        Ok(link)
    }

    /// Somebody used a share.
    pub(super) fn note_share(&self) {
        self.went_on_alone.store(true, Ordering::Relaxed);
    }

    pub(super) async fn take(self: &Arc<Self>, ask: &Ask<'_>, now: DateTime<Utc>) -> Result<Granted, Down> {
        let mut connection = self.connection()?;
        let mut call = TAKE.key(BEGAN);
        call.key(format!("{{postroad:limits}}:{}", ask.key));
        call.arg(now.timestamp_micros()).arg(micros(ask.flow.interval)).arg(micros(ask.flow.ahead));
        call.arg(ask.wanted).arg(micros(ask.horizon)).arg(micros(ask.rest));
        let answer = tokio::time::timeout(ANSWER_MAX, call.invoke_async::<(i64, u32)>(&mut connection)).await;
        match answer {
            Ok(Ok((paced_until, count))) => {
                let paced_until = DateTime::from_timestamp_micros(paced_until).unwrap_or(now + REST);
                Ok(Granted { paced_until, count })
            }
            Ok(Err(error)) => Err(self.went_down(&error.to_string())),
            Err(_) => Err(self.went_down("no answer in time")),
        }
    }

    fn connection(self: &Arc<Self>) -> Result<MultiplexedConnection, Down> {
        let mut state = self.state.lock();
        match &mut *state {
            State::Up(connection) => Ok(connection.clone()),
            State::Down { since, looking } => {
                let since = *since;
                if !std::mem::replace(looking, true) {
                    tokio::spawn(look(Arc::downgrade(self)));
                }
                Err(Down { since })
            }
        }
    }

    fn went_down(self: &Arc<Self>, why: &str) -> Down {
        ERRORS.with_label_values(&["redis"]).inc();
        {
            let mut state = self.state.lock();
            if matches!(*state, State::Up(_)) {
                tracing::warn!(redis.error = why, "Redis does not answer: limits are kept by shares");
                UP.set(0);
                *state = State::Down { since: self.clock.now(), looking: false };
            }
        }
        match self.connection() {
            Err(down) => down,
            // It came back between the two lines; this call failed all the same.
            Ok(_) => Down { since: self.clock.now() },
        }
    }

    async fn reconnect(&self) -> Result<(), redis::RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_MAX))
            .set_response_timeout(Some(CONNECT_MAX));
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        redis::cmd("PING").exec_async(&mut connection).await?;
        if self.went_on_alone.load(Ordering::Relaxed) {
            // Whatever Redis remembers, the limits rest until nobody uses a share any more.
            let now = self.clock.now().timestamp_micros();
            redis::cmd("SET").arg(BEGAN).arg(now).exec_async(&mut connection).await?;
            self.went_on_alone.store(false, Ordering::Relaxed);
        }
        *self.state.lock() = State::Up(connection);
        UP.set(1);
        Ok(())
    }
}

/// Ends when Redis is back, or when nobody needs it any more.
async fn look(link: Weak<Link>) {
    loop {
        let Some(strong) = link.upgrade() else { return };
        if strong.reconnect().await.is_ok() {
            tracing::info!("Redis answers: limits are counted there");
            return;
        }
        drop(strong);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn micros(length: TimeDelta) -> i64 {
    length.num_microseconds().unwrap_or(i64::MAX)
}
