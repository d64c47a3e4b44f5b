//! From hub to hub, through Redis: which tenants have news, what passes, and who is there. All of it may be lost: what
//! must not be is in the database.

use std::{
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::StreamExt;
use postroad_core::ids::TenantId;
use redis::{AsyncConnectionConfig, Client, RedisError, aio::MultiplexedConnection};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, mpsc};
use uuid::Uuid;

use super::{hub::Hub, passing::Passed};

const CHANNEL: &str = "{postroad:live}";
/// Posts that wait to be sent; more are dropped.
const WAITING_MAX: usize = 1_024;
/// Posts that go out together.
const TOGETHER_MAX: usize = 256;
/// Longer than any healthy answer.
const ANSWER_MAX: Duration = Duration::from_millis(250);
/// Between two looks at a Redis that is away.
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub(super) struct Link {
    client: Client,
    /// Names this process: what it posts, it has seen.
    me: Uuid,
    out: OnceLock<mpsc::Sender<Out>>,
    listens: AtomicBool,
    connection: Mutex<Connection>,
}

#[derive(Default)]
struct Connection {
    open: Option<MultiplexedConnection>,
    failed_at: Option<Instant>,
}

enum Out {
    Told(Vec<TenantId>),
    Passed(Passed),
}

#[derive(Default, Serialize, Deserialize)]
struct Post {
    from: Uuid,
    told: Vec<TenantId>,
    passed: Vec<Passed>,
}

impl Link {
    pub(super) fn open(url: &str, me: Uuid) -> Result<Arc<Self>, RedisError> {
        let (client, listens) = (Client::open(url)?, AtomicBool::new(false));
        Ok(Arc::new(Self { client, me, out: OnceLock::new(), listens, connection: Mutex::default() }))
    }

    /// What others post is heard at this moment.
    pub(super) fn listens(&self) -> bool {
        self.listens.load(Ordering::Relaxed)
    }

    pub(super) fn tell(self: &Arc<Self>, tenants: Vec<TenantId>) {
        self.post(Out::Told(tenants));
    }

    pub(super) fn pass(self: &Arc<Self>, passed: Passed) {
        self.post(Out::Passed(passed));
    }

    fn post(self: &Arc<Self>, out: Out) {
        let sender = self.out.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(WAITING_MAX);
            tokio::spawn(send(Arc::downgrade(self), receiver));
            sender
        });
        let _ = sender.try_send(out);
    }

    /// A connection for short questions, if there is one now.
    pub(super) async fn connection(&self) -> Option<MultiplexedConnection> {
        let mut connection = self.connection.lock().await;
        if connection.open.is_none() && connection.failed_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(ANSWER_MAX))
                .set_response_timeout(Some(ANSWER_MAX));
            connection.open = self.client.get_multiplexed_async_connection_with_config(&config).await.ok();
            connection.failed_at = connection.open.is_none().then(Instant::now);
        }
        connection.open.clone()
    }

    /// The next question opens another connection.
    pub(super) async fn failed(&self) {
        let mut connection = self.connection.lock().await;
        connection.open = None;
        connection.failed_at = Some(Instant::now());
    }

    async fn publish(&self, post: &Post) {
        let Ok(text) = serde_json::to_string(post) else { return };
        let Some(mut connection) = self.connection().await else { return };
        let sent = redis::cmd("PUBLISH").arg(CHANNEL).arg(text).exec_async(&mut connection).await;
        if sent.is_err() {
            self.failed().await;
        }
    }

    /// Hears what others post, until nobody needs it any more. Whatever is not heard, the hub finds by looking.
    pub(super) async fn listen(self: Arc<Self>, hub: Weak<Hub>) {
        loop {
            if let Ok(mut heard) = self.client.get_async_pubsub().await
                && heard.subscribe(CHANNEL).await.is_ok()
            {
                self.listens.store(true, Ordering::Relaxed);
                let mut posts = heard.on_message();
                while let Some(post) = posts.next().await {
                    let Some(hub) = hub.upgrade() else { return };
                    if let Ok(post) = serde_json::from_slice::<Post>(post.get_payload_bytes())
                        && post.from != self.me
                    {
                        take(&hub, post);
                    }
                }
            }
            self.listens.store(false, Ordering::Relaxed);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

fn take(hub: &Hub, post: Post) {
    hub.wake(&post.told);
    for passed in post.passed {
        hub.pass(passed.tenant, passed.line());
    }
}

/// Sends what waits, together; ends with the link.
async fn send(link: Weak<Link>, mut waiting: mpsc::Receiver<Out>) {
    let mut out = Vec::with_capacity(TOGETHER_MAX);
    while waiting.recv_many(&mut out, TOGETHER_MAX).await > 0 {
        let Some(link) = link.upgrade() else { return };
        let mut post = Post { from: link.me, ..Post::default() };
        for one in out.drain(..) {
            match one {
                Out::Told(tenants) => post.told.extend(tenants),
                Out::Passed(passed) => post.passed.push(passed),
            }
        }
        post.told.sort_unstable();
        post.told.dedup();
        link.publish(&post).await;
    }
}
