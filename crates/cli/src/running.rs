//! The roles of one process while they run, and the order in which they end: nothing new comes in, what is under way is
//! finished, the schedule is handed over.

use std::{
    future::Future,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use postroad_api::{Api, ApiState, Settings, StreamSettings};
use postroad_app::App;
use postroad_core::{
    ids::{AccountId, TenantId},
    provider::Capabilities,
};
use prometheus::register_int_gauge_vec;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{config::Config, start::Started};

/// What a process does.
#[derive(Debug, Clone, Copy)]
pub struct Roles {
    /// As `/health` and the metrics tell.
    pub name: &'static str,
    pub serve: bool,
    pub work: bool,
    pub schedule: bool,
}

/// Taps of the API on the worker's shoulder.
pub type Taps = mpsc::Receiver<(TenantId, AccountId)>;

/// How a stop went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    InOrder,
    /// The grace ran out: calls that were on their way are unknown to whoever comes next.
    TimeIsUp,
}

/// Roles that run. In the order in which they end.
pub struct Running {
    /// Where HTTP is served, if it is.
    pub address: Option<SocketAddr>,
    tasks: Vec<Task>,
}

struct Task {
    name: &'static str,
    stop: CancellationToken,
    handle: JoinHandle<Result<()>>,
}

impl Running {
    /// Listens, then starts every role.
    pub async fn start(started: &Started, config: &Config, roles: Roles, taps: Option<Taps>) -> Result<Self> {
        show_build(roles);
        let mut running = Self { address: None, tasks: Vec::new() };
        if roles.serve || config.listen_was_given {
            running.serve(&started.app, config, roles).await?;
        }
        if roles.work {
            let options = worker_options(started, config, taps);
            let app = started.app.clone();
            running.spawn("worker", |stop| async move { Ok(postroad_worker::run(app, options, stop).await?) });
        }
        if roles.schedule {
            let options = scheduler_options(config);
            let app = started.app.clone();
            running.spawn("scheduler", |stop| async move {
                postroad_scheduler::run(app, options, stop).await;
                Ok(())
            });
        }
        Ok(running)
    }

    async fn serve(&mut self, app: &App, config: &Config, roles: Roles) -> Result<()> {
        let listener =
            TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
        let address = listener.local_addr()?;
        let api = Api::start(app.clone(), settings(config, address, roles))?;
        if roles.serve {
            self.spawn(
                "api",
                |stop| async move { Ok(postroad_api::serve(listener, api, stop.cancelled_owned()).await?) },
            );
        } else {
            self.spawn("api", |stop| serve_health(listener, api, stop));
        }
        self.address = Some(address);
        tracing::info!(%address, role = roles.name, "listening");
        Ok(())
    }

    fn spawn<F: Future<Output = Result<()>> + Send + 'static>(
        &mut self,
        name: &'static str,
        run: impl FnOnce(CancellationToken) -> F,
    ) {
        let stop = CancellationToken::new();
        let handle = tokio::spawn(run(stop.clone()));
        self.tasks.push(Task { name, stop, handle });
    }

    /// Returns when a role ends although nobody asked it to.
    pub async fn failed(&mut self) -> anyhow::Error {
        let ends = self.tasks.iter_mut().map(|task| Box::pin(async { (task.name, (&mut task.handle).await) }));
        let ((name, ended), position, _) = futures::future::select_all(ends).await;
        self.tasks.remove(position);
        match ended {
            Ok(Ok(())) => anyhow!("the {name} ended by itself"),
            Ok(Err(error)) => error.context(format!("the {name} ended")),
            Err(panic) => anyhow!(panic).context(format!("the {name} ended")),
        }
    }

    /// Ends one role after the other, all within `grace`.
    pub async fn stop(self, grace: Duration) -> Stopped {
        let until = Instant::now() + grace;
        let mut stopped = Stopped::InOrder;
        for task in self.tasks {
            tracing::info!(role = task.name, "stopping");
            task.stop.cancel();
            let rest = until.saturating_duration_since(Instant::now());
            match tokio::time::timeout(rest, task.handle).await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(error))) => {
                    tracing::error!(role = task.name, error = %format!("{error:#}"), "did not end well");
                }
                Ok(Err(error)) => tracing::error!(role = task.name, %error, "did not end well"),
                Err(_) => {
                    tracing::error!(role = task.name, grace_s = grace.as_secs(), "did not end in time and is left");
                    stopped = Stopped::TimeIsUp;
                }
            }
        }
        stopped
    }
}

/// Health and metrics of a process that serves nothing else.
async fn serve_health(listener: TcpListener, api: ApiState, stop: CancellationToken) -> Result<()> {
    let router = postroad_api::service_router(api);
    Ok(axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await?)
}

fn settings(config: &Config, address: SocketAddr, roles: Roles) -> Settings {
    Settings {
        public_url: config.public_url.clone().unwrap_or_else(|| format!("http://{address}")),
        trusted_proxies: config.trusted_proxies.clone(),
        role: roles.name.to_owned(),
        processes: config.api_processes,
        streams: StreamSettings::default(),
        identities: config.identities.clone(),
    }
}

fn worker_options(started: &Started, config: &Config, taps: Option<Taps>) -> postroad_worker::Options {
    postroad_worker::Options {
        urls: started.urls.clone(),
        handlers: config.workers,
        base_urls: config.base_urls.clone(),
        host: host(),
        nudges: taps,
    }
}

fn scheduler_options(config: &Config) -> postroad_scheduler::Options {
    let those = |can: fn(Capabilities) -> bool| {
        let all = postroad_providers::all().iter().filter(move |provider| can(provider.capabilities()));
        all.map(|provider| provider.name().to_owned()).collect()
    };
    postroad_scheduler::Options {
        graces: config.graces,
        echoing: those(|capabilities| capabilities.echoes()),
        listing: those(|capabilities| capabilities.look_up),
    }
}

/// For people who read the table of workers.
fn host() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "unknown".to_owned())
}

/// Which build this is.
fn show_build(roles: Roles) {
    let labels = ["version", "role"];
    // A second start in one process, as in a demonstration, finds it registered.
    if let Ok(build) = register_int_gauge_vec!("postroad_build_info", "1 for the build that runs", &labels) {
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), roles.name]).set(1);
    }
}
