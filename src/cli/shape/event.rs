//! Events of a watch as JSON lines: one a change, so that a line is a unit of work.

use serde::Serialize;

use super::{Whole, moment};
use crate::client::ClientError;
use crate::wire::pb;
use crate::wire::pb::persona_change::Type;
use crate::wire::pb::watch_personas_response::Event as Wire;

/// One line of a watch.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Event {
    #[serde(flatten)]
    what: What,
    /// Where to go on from once this line is dealt with; null where it is not safe to.
    resume_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum What {
    Opened { store_id: String, revision: i64 },
    Snapshot { revision: i64, persona: Whole },
    Synced { revision: i64, count: i64 },
    Created { revision: i64, commit_time: Option<String>, persona: Whole },
    Updated { revision: i64, commit_time: Option<String>, persona: Whole },
    Deleted { revision: i64, commit_time: Option<String>, namespace: String, name: String, last_version: i64 },
    Left { revision: i64, commit_time: Option<String>, namespace: String, name: String, version: i64 },
    Progress { revision: i64 },
    Closing { retry_delay_ms: Option<u64> },
    Lost { cause: String, retry_delay_ms: u64 },
}

impl Event {
    /// The lines of one message. The token stands on the last, since the others belong to it.
    pub(in crate::cli) fn of(message: pb::WatchPersonasResponse) -> Vec<Self> {
        let mut lines: Vec<_> = match message.event {
            None => Vec::new(),
            Some(event) => what(event),
        }
        .into_iter()
        .map(|what| Self { what, resume_token: None })
        .collect();
        if let Some(last) = lines.last_mut() {
            last.resume_token = Some(message.resume_token).filter(|token| !token.is_empty());
        }
        lines
    }

    /// The stream broke and is being opened again.
    pub(in crate::cli) fn lost(cause: &ClientError, wait: std::time::Duration) -> Self {
        Self {
            what: What::Lost { cause: cause.to_string(), retry_delay_ms: millis(wait) },
            resume_token: None,
        }
    }
}

fn what(event: Wire) -> Vec<What> {
    match event {
        Wire::Opened(opened) => {
            let header = opened.header.unwrap_or_default();
            vec![What::Opened { store_id: header.store_id, revision: header.revision }]
        }
        Wire::Snapshot(snapshot) => {
            let revision = snapshot.revision;
            let line = |persona: pb::Persona| What::Snapshot { revision, persona: persona.into() };
            snapshot.personas.into_iter().map(line).collect()
        }
        Wire::Synced(synced) => vec![What::Synced { revision: synced.revision, count: synced.count }],
        Wire::Changes(changes) => {
            let (revision, time) = (changes.revision, changes.commit_time.map(moment));
            changes.changes.into_iter().filter_map(|one| change(one, revision, time.clone())).collect()
        }
        Wire::Progress(progress) => vec![What::Progress { revision: progress.revision }],
        Wire::Closing(closing) => {
            let delay = closing.retry_delay.and_then(|delay| delay.try_into().ok());
            vec![What::Closing { retry_delay_ms: delay.map(millis) }]
        }
    }
}

fn change(change: pb::PersonaChange, revision: i64, commit_time: Option<String>) -> Option<What> {
    let kind = change.r#type();
    let persona = change.persona?;
    Some(match kind {
        Type::Created => What::Created { revision, commit_time, persona: persona.into() },
        Type::Updated => What::Updated { revision, commit_time, persona: persona.into() },
        Type::Deleted => What::Deleted {
            revision,
            commit_time,
            namespace: persona.namespace,
            name: persona.name,
            last_version: persona.version,
        },
        Type::Left => What::Left {
            revision,
            commit_time,
            namespace: persona.namespace,
            name: persona.name,
            version: persona.version,
        },
        Type::Unspecified => return None,
    })
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(event: Wire, token: &str) -> Vec<String> {
        let message = pb::WatchPersonasResponse { event: Some(event), resume_token: token.to_owned() };
        Event::of(message).iter().map(|line| serde_json::to_string(line).unwrap()).collect()
    }

    #[test]
    fn the_token_of_a_message_stands_on_its_last_line() {
        let gone = |name: &str| pb::PersonaChange {
            r#type: Type::Deleted.into(),
            persona: Some(pb::Persona { name: name.to_owned(), version: 2, ..Default::default() }),
        };
        let changes = pb::watch_personas_response::Changes {
            revision: 7,
            changes: vec![gone("a"), gone("b")],
            fragment: false,
            commit_time: None,
        };
        assert_eq!(
            lines(Wire::Changes(changes), "t"),
            [
                r#"{"event":"deleted","revision":7,"commit_time":null,"namespace":"","name":"a","last_version":2,"resume_token":null}"#,
                r#"{"event":"deleted","revision":7,"commit_time":null,"namespace":"","name":"b","last_version":2,"resume_token":"t"}"#,
            ]
        );
    }

    #[test]
    fn progress_and_synced_keep_their_shape() {
        let progress = pb::watch_personas_response::Progress { revision: 9 };
        assert_eq!(
            lines(Wire::Progress(progress), "t"),
            [r#"{"event":"progress","revision":9,"resume_token":"t"}"#]
        );
        let synced = pb::watch_personas_response::Synced { revision: 9, count: 4 };
        assert_eq!(
            lines(Wire::Synced(synced), ""),
            [r#"{"event":"synced","revision":9,"count":4,"resume_token":null}"#]
        );
    }
}
