//! A bar on the terminal while many files are judged: only when there is somebody to see it and the work takes a while.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is done sooner than this needs no bar.
const PATIENCE: Duration = Duration::from_millis(400);

pub(super) struct Progress {
    bar: ProgressBar,
    begun: Instant,
    reader: bool,
}

impl Progress {
    /// Out of sight at first.
    pub(super) fn new(files: usize, reader: bool) -> Self {
        let style = ProgressStyle::with_template("judging {wide_bar} {human_pos} of {human_len} files");
        let bar = ProgressBar::with_draw_target(Some(files as u64), ProgressDrawTarget::hidden());
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, begun: Instant::now(), reader }
    }

    pub(super) fn advance(&self, files: usize) {
        if self.reader && self.bar.is_hidden() && self.begun.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(files as u64);
    }

    /// Prints beside the bar, which must not stand in the text.
    pub(super) fn beside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
