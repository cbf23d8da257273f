//! What the process counts for whoever watches it. Counting takes no lock: a call or a commit adds to a few atomic numbers,
//! and all the rest is done when somebody asks.

mod calls;
mod histogram;

pub(crate) use self::calls::Told;
pub use self::calls::{Calls, Method};
pub use self::histogram::Histogram;

/// Seconds, from calls out of memory to slow disks.
const SECONDS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];

/// Proposals that one sync may cover.
const GROUPS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// What the committer and the streams count.
#[derive(Debug, Clone)]
pub struct Writes {
    /// Writes that one sync made durable together.
    pub group_size: Histogram,
    /// Seconds that appending a group to the journal and syncing it took.
    pub sync_seconds: Histogram,
    /// Seconds that showing a durable group to readers took.
    pub apply_seconds: Histogram,
    /// Seconds from a commit to its being handed to a watch stream.
    pub watch_lag_seconds: Histogram,
}

impl Default for Writes {
    fn default() -> Self {
        let seconds = || Histogram::new(&SECONDS);
        Self {
            group_size: Histogram::new(&GROUPS),
            sync_seconds: seconds(),
            apply_seconds: seconds(),
            watch_lag_seconds: seconds(),
        }
    }
}
