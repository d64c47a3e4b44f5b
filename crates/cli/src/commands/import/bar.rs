//! How far an import is, on a terminal; nothing elsewhere. On standard error, because standard output is for the summary.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use postroad_app::import::Import;

pub struct Bar {
    shown: ProgressBar,
}

impl Bar {
    /// `size_bytes`: of the file. Hidden where there is no terminal.
    pub fn new(size_bytes: u64) -> Self {
        let shown = ProgressBar::with_draw_target(Some(size_bytes), ProgressDrawTarget::stderr()).with_style(style());
        Self { shown }
    }

    pub fn set(&self, import: &Import) {
        let (lines, invalid) = (import.lines_done, import.invalid);
        let elapsed = self.shown.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "counts of lines are far below 2^52")]
        let per_s = lines as f64 / elapsed.max(0.001);
        self.shown.set_message(format!("{lines} lines, {invalid} not taken, {per_s:.0}/s"));
        self.shown.set_position(u64::try_from(import.read_bytes).unwrap_or_default());
    }

    pub fn finish(&self) {
        self.shown.finish_and_clear();
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{elapsed:>7}  {bar:32} {bytes}/{total_bytes}  {msg}")
        .expect("the template is a constant")
}
