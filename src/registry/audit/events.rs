//! Events that are no commits, on their way to the audit log: they wait in a bounded queue for the committer, and a flood
//! of refusals is counted instead of written.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::audit::{Action, Record};
use crate::domain::limits::PRINCIPAL_BYTES;
use crate::domain::{Caller, Digest, Timestamp};
use crate::registry::Registry;

/// Events that wait at most; as many again of those that are no refusals.
const WAITING: usize = 256;
/// A text of an event, in bytes: callers choose some of them.
const TEXT_BYTES: usize = 256;
/// What is said of a configuration, in bytes.
const DETAIL_BYTES: usize = 1024;

/// Something to be recorded that is no commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditEvent {
    /// A call was refused.
    Refused {
        /// Who called; of a call without credentials the principal that stands for that.
        caller: Caller,
        /// The method's name, such as `PutPersona`.
        method: String,
        /// The reason of the contract, such as `PERMISSION_DENIED`.
        reason: String,
        /// The namespace that the call was about; empty: none, or it is not known.
        namespace: String,
        /// The persona that the call was about; empty: none, or it is not known.
        name: String,
        /// The caller's address.
        peer: Option<SocketAddr>,
        /// More about it, such as which credential was not believed; no secrets, and nothing unproven without saying so.
        detail: String,
    },
    /// The configuration was changed.
    Config {
        /// Who did it, such as `Caller::internal("server", "reload")`.
        caller: Caller,
        /// What was changed, such as `policy`.
        what: String,
        /// In words; no secrets.
        detail: String,
        /// Digest of what held before.
        before: Option<Digest>,
        /// Digest of what holds now.
        after: Option<Digest>,
    },
    /// The server started.
    Start {
        /// Its version.
        version: String,
        /// Digest of its effective settings, where they are known.
        settings: Option<Digest>,
    },
    /// The server was told to stop.
    Stop,
}

impl AuditEvent {
    /// A refused call of which no more is known.
    #[must_use]
    pub fn refused(caller: &Caller, method: &str, reason: &str) -> Self {
        Self::Refused {
            caller: caller.clone(),
            method: method.to_owned(),
            reason: reason.to_owned(),
            namespace: String::new(),
            name: String::new(),
            peer: None,
            detail: String::new(),
        }
    }

    fn record(self, time: Timestamp) -> Record {
        let record = match self {
            Self::Refused { caller, method, reason, namespace, name, peer, detail } => Record {
                principal: clip(caller.principal.as_str(), PRINCIPAL_BYTES),
                call_id: clip(&caller.call_id, TEXT_BYTES),
                method: clip(&method, TEXT_BYTES),
                reason: clip(&reason, TEXT_BYTES),
                namespace: clip(&namespace, TEXT_BYTES),
                name: clip(&name, TEXT_BYTES),
                peer: peer.map(|peer| peer.to_string()).unwrap_or_default(),
                detail: clip(&detail, TEXT_BYTES),
                ..Record::of(Action::Refused)
            },
            Self::Config { caller, what, detail, before, after } => Record {
                principal: clip(caller.principal.as_str(), PRINCIPAL_BYTES),
                call_id: clip(&caller.call_id, TEXT_BYTES),
                what: clip(&what, TEXT_BYTES),
                detail: clip(&detail, DETAIL_BYTES),
                before,
                after,
                ..Record::of(Action::Config)
            },
            Self::Start { version, settings } => Record {
                what: "server".to_owned(),
                detail: clip(&format!("version {version}"), TEXT_BYTES),
                after: settings,
                ..Record::of(Action::Start)
            },
            Self::Stop => Record { what: "server".to_owned(), ..Record::of(Action::Stop) },
        };
        Record { time, ..record }
    }
}

fn clip(text: &str, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}

/// What waits to be written.
#[derive(Debug)]
pub(in crate::registry) struct Events {
    refusals_per_second: u32,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Record>,
    /// When the present second of refusals began, and how many it has.
    second: Option<(Instant, u32)>,
    suppressed: u64,
}

impl Events {
    pub(in crate::registry) fn new(refusals_per_second: u32) -> Self {
        Self { refusals_per_second, queue: Mutex::default() }
    }

    fn push(&self, event: AuditEvent, time: Timestamp) {
        let is_refusal = matches!(event, AuditEvent::Refused { .. });
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_refusal {
            if queue.waiting.len() < 2 * WAITING {
                queue.waiting.push_back(event.record(time));
            } else {
                tracing::error!(?event, "too much waits for the audit log; this is not recorded");
            }
            return;
        }
        let (begun, so_far) =
            queue.second.filter(|(begun, _)| begun.elapsed() < SECOND).unwrap_or((Instant::now(), 0));
        if so_far >= self.refusals_per_second || queue.waiting.len() >= WAITING {
            queue.second = Some((begun, so_far));
            queue.suppressed = queue.suppressed.saturating_add(1);
            return;
        }
        queue.second = Some((begun, so_far + 1));
        let suppressed = std::mem::take(&mut queue.suppressed);
        queue.waiting.push_back(Record { suppressed, ..event.record(time) });
    }

    /// The next one to write; of a flood that is over, how many were left out.
    pub(super) fn next(&self, now: Timestamp) -> Option<Record> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = queue.waiting.pop_front() {
            return Some(record);
        }
        let is_over = queue.second.is_none_or(|(begun, _)| begun.elapsed() >= SECOND);
        if queue.suppressed == 0 || !is_over {
            return None;
        }
        let suppressed = std::mem::take(&mut queue.suppressed);
        Some(Record { time: now, suppressed, ..Record::of(Action::Refused) })
    }

    /// Puts back what was not written.
    pub(super) fn put_back(&self, record: Record) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).waiting.push_front(record);
    }
}

const SECOND: Duration = Duration::from_secs(1);

impl Registry {
    /// Has something recorded in the audit log that is no commit. Never waits: it is written by the next commit or tick,
    /// and synced by the next tick. Of refusals at most so many a second are written, and the next one says how many were
    /// left out.
    pub fn audit(&self, event: AuditEvent) {
        self.shared.events.push(event, self.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_flood_so_many_are_kept_and_the_rest_is_counted() {
        let events = Events::new(5);
        let refused = AuditEvent::refused(&Caller::internal("anonymous", "1"), "GetPersona", "RATE_LIMITED");
        for _ in 0..1000 {
            events.push(refused.clone(), Timestamp(1));
        }
        let config = AuditEvent::Start { version: "1".to_owned(), settings: None };
        events.push(config, Timestamp(1));
        let mut kept = Vec::new();
        while let Some(record) = events.next(Timestamp(2)) {
            kept.push(record.action);
        }
        assert!(kept.len() >= 6 && kept.len() < 20, "{kept:?}");
        assert!(kept.contains(&Action::Start), "it is no refusal");
        events.queue.lock().unwrap().second = None;
        let told = events.next(Timestamp(3)).unwrap();
        assert_eq!((told.action, told.suppressed + kept.len() as u64), (Action::Refused, 1001));
        events.push(refused, Timestamp(4));
        assert_eq!(events.next(Timestamp(5)).unwrap().suppressed, 0);
    }

    #[test]
    fn texts_that_callers_choose_are_cut_between_characters() {
        assert_eq!(clip(&"ä".repeat(200), 255), "ä".repeat(127));
        assert_eq!(clip("short", 255), "short");
    }
}
