//! How many lines of one kind the log takes: whoever is refused a hundred thousand times a second must not write as many lines.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of one kind that are logged each, a second; the others of that second are counted and told once it is over.
pub const PER_SECOND: u32 = 50;

const SECOND: Duration = Duration::from_secs(1);

/// Calls that were refused, and those that ended in a failure of the caller's making.
pub static REFUSED: Lines = Lines::new("refused calls");
/// Calls that failed by a fault of the registry: refused ones must not wash them out.
pub static FAULTS: Lines = Lines::new("calls that failed by a fault of the registry");
/// Streams and connections that were ended because nobody read them.
pub static UNREAD: Lines = Lines::new("streams that nobody read");
/// TLS handshakes that failed.
pub static HANDSHAKES: Lines = Lines::new("TLS handshakes that failed");

/// The lines of one kind.
pub struct Lines {
    what: &'static str,
    second: Mutex<Second>,
}

/// What the present second has had.
struct Second {
    begun: Option<Instant>,
    logged: u32,
    left_out: u64,
}

impl fmt::Debug for Lines {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Lines").field(&self.what).finish()
    }
}

impl Lines {
    const fn new(what: &'static str) -> Self {
        Self { what, second: Mutex::new(Second { begun: None, logged: 0, left_out: 0 }) }
    }

    /// Whether one more line is logged. One that is not is told with the others like it at the end of the second; this needs
    /// a runtime.
    pub fn pass(&'static self) -> bool {
        let (passes, tell_at) = self.count(Instant::now());
        if let (Some(at), Ok(runtime)) = (tell_at, tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                tokio::time::sleep_until(at.into()).await;
                let left_out = self.take();
                tracing::warn!(left_out, what = self.what, "more of these came than are logged");
            });
        }
        passes
    }

    /// Counts a line. The first that is left out says when that is to be told.
    fn count(&self, now: Instant) -> (bool, Option<Instant>) {
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = second.begun.is_none_or(|begun| now.duration_since(begun) >= SECOND);
        // What is left out is told before the next second begins.
        if is_over && second.left_out == 0 {
            (second.begun, second.logged) = (Some(now), 0);
        }
        if second.logged < PER_SECOND {
            second.logged += 1;
            return (true, None);
        }
        second.left_out = second.left_out.saturating_add(1);
        let is_first = second.left_out == 1;
        (false, second.begun.filter(|_| is_first).map(|begun| begun + SECOND))
    }

    /// How many were left out; a new second begins.
    fn take(&self) -> u64 {
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        second.begun = None;
        std::mem::take(&mut second.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_flood_so_many_lines_pass_and_the_rest_is_counted() {
        let lines = Lines::new("tests");
        let now = Instant::now();
        let counted: Vec<_> = (0..1000).map(|_| lines.count(now)).collect();
        assert_eq!(counted.iter().filter(|(passes, _)| *passes).count(), PER_SECOND as usize);
        let told: Vec<_> = counted.iter().filter_map(|(_, at)| *at).collect();
        assert_eq!(told, [now + SECOND], "once");
        // Nothing passes until it has been told, however late that is.
        assert_eq!(lines.count(now + 2 * SECOND), (false, None));
        assert_eq!(lines.take(), 1001 - u64::from(PER_SECOND));
        assert_eq!(lines.count(now + 2 * SECOND), (true, None));
        // A second that had few is followed by another one.
        assert!((1..PER_SECOND).all(|_| lines.count(now + 2 * SECOND).0));
        assert_eq!(lines.count(now + 3 * SECOND), (true, None));
    }
}
