//! What the demonstration says while it runs: bars on a terminal, a line every few seconds elsewhere. Always on standard
//! error, because standard output is for the summary.

use std::{
    io::IsTerminal,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::print::note;

/// Between two lines of one bar where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// All bars of one run.
pub struct Progress {
    bars: Option<MultiProgress>,
    began: Instant,
}

/// One thing that is counted.
pub struct Bar {
    name: &'static str,
    total: u64,
    shown: Option<ProgressBar>,
    lines: Mutex<Lines>,
}

struct Lines {
    done: u64,
    next_at: Instant,
    told: String,
}

impl Progress {
    pub fn new() -> Self {
        let bars =
            std::io::stderr().is_terminal().then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        Self { bars, began: Instant::now() }
    }

    /// Says what begins now.
    pub fn step(&self, text: &str) {
        let line = format!("{:6.1} s  {text}", self.began.elapsed().as_secs_f64());
        // Who closed standard error does not want to know.
        let _ = match &self.bars {
            Some(bars) => bars.println(line).map_err(anyhow::Error::from),
            None => note(&line),
        };
    }

    pub fn bar(&self, name: &'static str, total: u64) -> Arc<Bar> {
        let shown =
            self.bars.as_ref().map(|bars| bars.add(ProgressBar::new(total).with_style(style()).with_message(name)));
        let lines = Mutex::new(Lines { done: 0, next_at: Instant::now() + LINE_EVERY, told: String::new() });
        Arc::new(Bar { name, total, shown, lines })
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{elapsed:>7}  {msg:12} {bar:32} {pos:>6}/{len} {per_sec}  {prefix}")
        .expect("the template is a constant")
}

impl Bar {
    pub fn add(&self, more: u64) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let done = lines.done + more;
        self.show(&mut lines, done);
    }

    pub fn set(&self, done: u64) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        self.show(&mut lines, done);
    }

    /// Says when it will be done, and what keeps it.
    pub fn tell(&self, text: String) {
        match &self.shown {
            Some(bar) => bar.set_prefix(text),
            None => self.lines.lock().unwrap_or_else(PoisonError::into_inner).told = text,
        }
    }

    /// Everything that will be done is done.
    pub fn finish(&self) {
        if let Some(bar) = &self.shown {
            bar.finish();
        }
    }

    fn show(&self, lines: &mut Lines, done: u64) {
        lines.done = done;
        match &self.shown {
            Some(bar) => bar.set_position(done),
            None if Instant::now() >= lines.next_at => {
                lines.next_at = Instant::now() + LINE_EVERY;
                let _ = note(&format!("          {}: {done} of {} {}", self.name, self.total, lines.told));
            }
            None => {}
        }
    }
}
