//! One reader for all streams of a process. It sleeps until somebody says that there is news, or until it is time to look
//! by itself, and it ends when nobody follows anything.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use postroad_core::{ids::TenantId, limits::LIVE_PAGE};
use postroad_store::{Result, SystemTx, events};
use tokio::{sync::Notify, time::Instant};

use super::{
    link::Link,
    metrics::Reader,
    passing::Memory,
    topic::{Follower, Topic},
    wire::Line,
};
use crate::App;

/// Between two reads: what happens within it is read together.
const SPACING: Duration = Duration::from_millis(10);
/// Between two looks at all tenants: after one that found something, after many that did not, and while Redis tells.
const LOOK_MIN: Duration = Duration::from_millis(25);
const LOOK_MAX: Duration = Duration::from_millis(250);
const LOOK_LINKED: Duration = Duration::from_secs(1);

pub(super) struct Hub {
    state: Mutex<State>,
    news: Notify,
    pub(super) link: Option<Arc<Link>>,
    pub(super) memory: Memory,
}

#[derive(Default)]
struct State {
    topics: HashMap<TenantId, Arc<Topic>>,
    /// Those of whom somebody said that there is news.
    woken: HashSet<TenantId>,
    /// The reader runs.
    reads: bool,
}

impl Hub {
    pub(super) fn new(link: Option<Arc<Link>>) -> Self {
        Self { state: Mutex::default(), news: Notify::new(), link, memory: Memory::default() }
    }

    pub(super) fn told(&self, tenants: Vec<TenantId>) {
        if tenants.is_empty() {
            return;
        }
        self.wake(&tenants);
        if let Some(link) = &self.link {
            link.tell(tenants);
        }
    }

    /// Of tenants that nobody follows here there is nothing to do.
    pub(super) fn wake(&self, tenants: &[TenantId]) {
        let mut state = self.state.lock();
        let followed: Vec<TenantId> =
            tenants.iter().filter(|tenant| state.topics.contains_key(tenant)).copied().collect();
        if !followed.is_empty() {
            state.woken.extend(followed);
            drop(state);
            self.news.notify_one();
        }
    }

    pub(super) fn follow(self: &Arc<Self>, app: &App, tenant: TenantId, last: i64) -> Follower {
        let mut state = self.state.lock();
        let follower = state.topics.entry(tenant).or_insert_with(|| Topic::new(last)).follow();
        state.woken.insert(tenant);
        if !std::mem::replace(&mut state.reads, true) {
            tokio::spawn(read_on(self.clone(), app.clone()));
        }
        drop(state);
        self.news.notify_one();
        follower
    }

    /// To whoever follows the tenant in this process.
    pub(super) fn pass(&self, tenant: TenantId, line: Line) {
        let topic = self.state.lock().topics.get(&tenant).cloned();
        if let Some(topic) = topic {
            topic.push([line]);
        }
    }

    /// Where to read on, of all tenants or of those that were woken. None: nobody follows anything any more.
    fn positions(&self, which: Which) -> Option<Vec<(TenantId, i64)>> {
        let mut state = self.state.lock();
        let woken = std::mem::take(&mut state.woken);
        state.topics.retain(|_, topic| topic.is_followed());
        if state.topics.is_empty() {
            state.reads = false;
            return None;
        }
        let wanted = state.topics.iter().filter(|(tenant, _)| which == Which::All || woken.contains(*tenant));
        Some(wanted.map(|(tenant, topic)| (*tenant, topic.read_to())).collect())
    }

    /// Reads what is new behind these positions and hands it on; returns how much it was.
    async fn read(&self, app: &App, positions: &[(TenantId, i64)]) -> Result<usize> {
        Reader::Hub.count();
        let mut tx = SystemTx::begin(&app.store).await?;
        let news = events::news(&mut tx, positions, LIVE_PAGE).await?;
        tx.commit().await?;
        let found = news.len();
        let mut by_tenant: HashMap<TenantId, Vec<Line>> = HashMap::new();
        for (tenant, told) in &news {
            by_tenant.entry(*tenant).or_default().push(Line::of_told(told));
        }
        for (tenant, lines) in by_tenant {
            self.hand_on(tenant, lines);
        }
        Ok(found)
    }

    fn hand_on(&self, tenant: TenantId, lines: Vec<Line>) {
        let is_full_page = i64::try_from(lines.len()).is_ok_and(|count| count >= LIVE_PAGE);
        let topic = self.state.lock().topics.get(&tenant).cloned();
        if let Some(topic) = topic {
            topic.push(lines);
        }
        if is_full_page {
            self.wake(&[tenant]);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    Woken,
}

async fn read_on(hub: Arc<Hub>, app: App) {
    let listening = hub.link.clone().map(|link| tokio::spawn(link.listen(Arc::downgrade(&hub))));
    let mut look = Look { pause: LOOK_MIN, at: Instant::now(), is_away: false };
    loop {
        let which = if Instant::now() >= look.at { Which::All } else { Which::Woken };
        let Some(positions) = hub.positions(which) else { break };
        let read = if positions.is_empty() { Ok(0) } else { hub.read(&app, &positions).await };
        look.note(which, &read, hub.link.as_ref().is_some_and(|link| link.listens()));
        tokio::time::sleep(SPACING).await;
        tokio::select! {
            () = hub.news.notified() => {}
            () = tokio::time::sleep_until(look.at) => {}
        }
    }
    if let Some(listening) = listening {
        listening.abort();
    }
}

/// When all tenants are looked at, whatever anybody says.
struct Look {
    pause: Duration,
    at: Instant,
    is_away: bool,
}

impl Look {
    fn note(&mut self, which: Which, read: &Result<usize>, is_linked: bool) {
        if which == Which::All {
            self.pause = match read {
                Ok(found) if *found > 0 => LOOK_MIN,
                Ok(_) if is_linked => LOOK_LINKED,
                _ => (self.pause * 2).min(LOOK_MAX),
            };
            self.at = Instant::now() + self.pause;
        }
        if let Err(error) = read
            && !self.is_away
        {
            tracing::warn!(%error, "live updates wait for the database");
            self.at = Instant::now() + LOOK_MAX;
        }
        self.is_away = read.is_err();
    }
}
