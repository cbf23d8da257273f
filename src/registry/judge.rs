//! The decision about each proposal: against the view plus what the group has already decided. No I/O but reads.
//!
//! Order of a write: replay of its request id, preconditions, unchanged, commit.

use std::sync::Arc;

use super::Error;
use super::pending::Pending;
use super::proposal::{Action, Answer, Draft, Idempotent, Operation, Proposal, Written};
use crate::domain::{
    Brought, Change, Commit, Etag, Name, Namespace, Origin, Persona, RequestRecord, Revision, Sequence,
    SourceId, Timestamp, Tombstone, Version, WriteOutcome,
};
use crate::store::{Head, Store};

/// Judges one proposal.
pub(super) struct Judge<'a> {
    pub store: &'a Store,
    pub pending: &'a Pending,
    /// Where the next commit will stand.
    pub sequence: Sequence,
    /// The revision before it.
    pub head: Revision,
    /// The floor before it.
    pub floor: Revision,
    pub now: Timestamp,
}

/// A decision: the answer, and the commit that it is worth once it is durable.
pub(super) struct Verdict {
    pub answer: Answer,
    pub commit: Option<Commit>,
    /// Whether the real call writes: a rehearsal has no commit, and is refused where that one is.
    pub writes: bool,
}

/// What one operation is worth: its change, where it changes anything, and its outcome.
pub(super) type Worth = (Option<Change>, WriteOutcome);

impl Judge<'_> {
    pub(super) fn decide(&self, proposal: &Proposal) -> Result<Verdict, Error> {
        if let Some(request) = &proposal.request
            && let Some(record) = self.recorded(request)?
        {
            if record.payload != request.payload {
                return Err(Error::RequestIdReused { request_id: request.id.clone() });
            }
            let answer = Answer::Written(Written { outcomes: record.outcomes, replayed: true });
            return Ok(Verdict { answer, commit: None, writes: false });
        }
        match &proposal.action {
            Action::Write { operations, is_batch } => self.write(proposal, operations, *is_batch),
            Action::Import(import) => self.import(proposal, import),
            Action::Compact(floor) => self.compact(proposal, *floor),
        }
    }

    /// Judges each operation against what was there before the batch: each is about another persona.
    fn write(&self, proposal: &Proposal, operations: &[Operation], is_batch: bool) -> Result<Verdict, Error> {
        let (mut changes, mut outcomes) = (Vec::new(), Vec::with_capacity(operations.len()));
        for (index, operation) in operations.iter().enumerate() {
            let (change, outcome) = self.operation(proposal, operation).map_err(|error| match error {
                // A damaged view is mended, and the batch judged again.
                Error::Corrupt(_) => error,
                error if is_batch => Error::Operation { index, error: Box::new(error) },
                error => error,
            })?;
            changes.extend(change);
            outcomes.push(outcome);
        }
        Ok(self.record(proposal, outcomes, changes))
    }

    fn operation(&self, proposal: &Proposal, operation: &Operation) -> Result<Worth, Error> {
        match operation {
            Operation::Put { namespace, draft, etag, create_only } => {
                self.put(proposal, namespace, draft, etag.as_ref(), *create_only)
            }
            Operation::Delete { namespace, name, etag } => {
                self.delete(proposal, namespace, name, etag.as_ref())
            }
            Operation::SetAlias(target, version) => self.set_alias(proposal, target, *version),
            Operation::DeleteAlias(target) => self.delete_alias(proposal, target),
            Operation::Purge { namespace, name, version } => self.purge(proposal, namespace, name, *version),
        }
    }

    fn put(
        &self,
        proposal: &Proposal,
        namespace: &Namespace,
        draft: &Arc<Draft>,
        etag: Option<&Etag>,
        create_only: bool,
    ) -> Result<Worth, Error> {
        let head = self.head(namespace, &draft.name)?;
        let current = head.as_ref().and_then(Head::etag);
        if etag.is_some() && etag != current.as_ref() {
            return Err(Error::EtagMismatch {
                namespace: namespace.clone(),
                name: draft.name.clone(),
                current,
            });
        }
        if let (true, Some(etag)) = (create_only, current) {
            return Err(Error::PersonaExists {
                namespace: namespace.clone(),
                name: draft.name.clone(),
                etag,
            });
        }
        let outcome = WriteOutcome {
            digest: Some(draft.digest),
            created: current.is_none(),
            ..self.outcome(namespace, &draft.name, next_version(head.as_ref()))
        };
        if let Some(head) = head.as_ref().filter(|head| is_same(head, draft)) {
            let (version, revision) = (head.last_version, head.revision);
            return Ok((None, WriteOutcome { version, revision, unchanged: true, ..outcome }));
        }
        let change = self.new_version(proposal, namespace, draft, head.as_ref(), Origin::Api);
        Ok((Some(change), outcome))
    }

    fn delete(
        &self,
        proposal: &Proposal,
        namespace: &Namespace,
        name: &Name,
        etag: Option<&Etag>,
    ) -> Result<Worth, Error> {
        let head = self.live_head(namespace, name)?;
        // They would go with it.
        for alias in head.aliases.keys() {
            proposal.caller.require_move(namespace, alias)?;
        }
        let current = head.etag();
        if etag.is_some() && etag != current.as_ref() {
            return Err(Error::EtagMismatch { namespace: namespace.clone(), name: name.clone(), current });
        }
        let change = self.tombstone(proposal, namespace, name, &head, proposal.message.clone());
        Ok((Some(change), self.outcome(namespace, name, head.last_version)))
    }

    /// The outcome of a write that takes the next revision.
    pub(super) fn outcome(&self, namespace: &Namespace, name: &Name, version: Version) -> WriteOutcome {
        WriteOutcome {
            namespace: namespace.clone(),
            name: name.clone(),
            version,
            revision: self.head.next(),
            digest: None,
            unchanged: false,
            created: false,
            previous: Version(0),
        }
    }

    /// The verdict on a write: its commit, where it changes anything or has a request id to remember.
    fn record(&self, proposal: &Proposal, mut outcomes: Vec<WriteOutcome>, changes: Vec<Change>) -> Verdict {
        let writes = !changes.is_empty() || proposal.request.is_some();
        if proposal.validate_only {
            for outcome in outcomes.iter_mut().filter(|outcome| !outcome.unchanged) {
                outcome.revision = Revision(0);
            }
            let answer = Answer::Written(Written { outcomes, replayed: false });
            return Verdict { answer, commit: None, writes };
        }
        let requests = proposal.request.as_ref().map(|request| RequestRecord {
            key: request.key,
            payload: request.payload,
            time: self.now,
            outcomes: outcomes.clone(),
        });
        let commit = writes
            .then(|| Commit { requests: requests.into_iter().collect(), ..self.commit(proposal, changes) });
        Verdict { answer: Answer::Written(Written { outcomes, replayed: false }), commit, writes }
    }

    /// The floor rises, and never falls. That takes no revision.
    fn compact(&self, proposal: &Proposal, floor: Revision) -> Result<Verdict, Error> {
        if floor > self.head {
            return Err(Error::RevisionInFuture { revision: self.head });
        }
        let commit =
            (floor > self.floor).then(|| Commit { floor: Some(floor), ..self.commit(proposal, Vec::new()) });
        let answer = Answer::Compacted(floor.max(self.floor));
        Ok(Verdict { answer, writes: commit.is_some(), commit })
    }

    pub(super) fn tombstone(
        &self,
        proposal: &Proposal,
        namespace: &Namespace,
        name: &Name,
        head: &Head,
        message: String,
    ) -> Change {
        Change::Delete(Tombstone {
            namespace: namespace.clone(),
            name: name.clone(),
            last_version: head.last_version,
            revision: self.head.next(),
            time: self.now,
            actor: proposal.caller.principal.clone(),
            message,
            aliases: head.aliases.keys().cloned().collect(),
        })
    }

    pub(super) fn commit(&self, proposal: &Proposal, changes: Vec<Change>) -> Commit {
        Commit {
            sequence: self.sequence,
            revision: if changes.is_empty() { self.head } else { self.head.next() },
            time: self.now,
            principal: proposal.caller.principal.clone(),
            call_id: proposal.caller.call_id.clone(),
            changes,
            requests: Vec::new(),
            bases: Vec::new(),
            floor: None,
        }
    }

    pub(super) fn new_version(
        &self,
        proposal: &Proposal,
        namespace: &Namespace,
        draft: &Draft,
        head: Option<&Head>,
        origin: Origin,
    ) -> Change {
        let persona = Persona {
            namespace: namespace.clone(),
            name: draft.name.clone(),
            version: next_version(head),
            revision: self.head.next(),
            digest: draft.digest,
            create_time: self.now,
            actor: proposal.caller.principal.clone(),
            message: proposal.message.clone(),
            origin,
            derived: draft.derived.clone(),
            size: u32::try_from(draft.content.len()).unwrap_or(u32::MAX),
            content: draft.content.clone(),
            purged: false,
            waivers: draft.waivers.clone(),
        };
        let created = head.is_none_or(|head| head.live.is_none());
        Change::Put { created, persona: Arc::new(persona) }
    }

    pub(super) fn head(&self, namespace: &Namespace, name: &Name) -> Result<Option<Head>, Error> {
        self.pending.head(self.store, namespace, name)
    }

    /// The head of a persona that is there.
    pub(super) fn live_head(&self, namespace: &Namespace, name: &Name) -> Result<Head, Error> {
        let head = self.head(namespace, name)?;
        let last_version = head.as_ref().map(|head| head.last_version);
        head.filter(|head| head.live.is_some()).ok_or_else(|| Error::PersonaNotFound {
            namespace: namespace.clone(),
            name: name.clone(),
            last_version,
        })
    }

    fn recorded(&self, request: &Idempotent) -> Result<Option<RequestRecord>, Error> {
        self.pending.request(self.store, &request.key)
    }

    /// What a folder last brought for a name.
    pub(super) fn base(
        &self,
        source: &SourceId,
        namespace: &Namespace,
        name: &Name,
    ) -> Result<Option<Brought>, Error> {
        self.pending.base(self.store, source, namespace, name)
    }
}

fn next_version(head: Option<&Head>) -> Version {
    head.map_or(Version(0), |head| head.last_version).next()
}

/// Whether a put of this draft would change nothing. The dialect counts: another one derives other fields.
fn is_same(head: &Head, draft: &Draft) -> bool {
    head.live
        .as_ref()
        .is_some_and(|(digest, dialect)| *digest == draft.digest && dialect == draft.derived.dialect.as_str())
}
