//! The decision about each proposal: against the view plus what the group has already decided. No I/O but reads.
//!
//! Order of a write: replay of its request id, preconditions, unchanged, commit.

use std::collections::HashMap;
use std::sync::Arc;

use super::Error;
use super::proposal::{Action, Answer, Draft, Idempotent, Proposal, Written};
use crate::domain::{
    Brought, Change, Commit, Etag, Name, Namespace, Origin, Persona, RequestKey, RequestRecord, Revision,
    Sequence, SourceId, Timestamp, Tombstone, Version, WriteOutcome,
};
use crate::store::{Head, Store};

/// What the group decided so far; the view does not show it yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    heads: HashMap<(Namespace, Name), Head>,
    requests: HashMap<RequestKey, RequestRecord>,
    bases: HashMap<(SourceId, Namespace, Name), Option<Brought>>,
}

impl Pending {
    /// Takes a commit of this group into account.
    pub(super) fn add(&mut self, commit: &Commit) {
        for change in &commit.changes {
            let (last_version, live) = match change {
                Change::Put { persona, .. } => {
                    (persona.version, Some((persona.digest, persona.derived.dialect.to_string())))
                }
                Change::Delete(tombstone) => (tombstone.last_version, None),
            };
            let head = Head { revision: commit.revision, last_version, live };
            self.heads.insert((change.namespace().clone(), change.name().clone()), head);
        }
        for request in &commit.requests {
            self.requests.insert(request.key, request.clone());
        }
        for base in &commit.bases {
            let key = (base.source.clone(), base.namespace.clone(), base.name.clone());
            self.bases.insert(key, base.brought.clone());
        }
    }
}

/// Judges one proposal.
pub(super) struct Judge<'a> {
    pub store: &'a Store,
    pub pending: &'a Pending,
    /// Where the next commit will stand.
    pub sequence: Sequence,
    /// The revision before it.
    pub head: Revision,
    pub now: Timestamp,
}

/// A decision: the answer, and the commit that it is worth once it is durable.
pub(super) struct Verdict {
    pub answer: Answer,
    pub commit: Option<Commit>,
    /// Whether the real call writes: a rehearsal has no commit, and is refused where that one is.
    pub writes: bool,
}

impl Judge<'_> {
    pub(super) fn decide(&self, proposal: &Proposal) -> Result<Verdict, Error> {
        if let Some(request) = &proposal.request
            && let Some(record) = self.recorded(request)?
        {
            if record.payload != request.payload {
                return Err(Error::RequestIdReused { request_id: request.id.clone() });
            }
            let answer = Answer::Written(Written { outcome: record.outcome, replayed: true });
            return Ok(Verdict { answer, commit: None, writes: false });
        }
        match &proposal.action {
            Action::Put { namespace, draft, etag, create_only } => {
                self.put(proposal, namespace, draft, etag.as_ref(), *create_only)
            }
            Action::Delete { namespace, name, etag } => self.delete(proposal, namespace, name, etag.as_ref()),
            Action::Import(import) => self.import(proposal, import),
        }
    }

    fn put(
        &self,
        proposal: &Proposal,
        namespace: &Namespace,
        draft: &Arc<Draft>,
        etag: Option<&Etag>,
        create_only: bool,
    ) -> Result<Verdict, Error> {
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
        let unchanged = head.as_ref().filter(|head| is_same(head, draft));
        let outcome = |version, revision, unchanged| WriteOutcome {
            namespace: namespace.clone(),
            name: draft.name.clone(),
            version,
            revision,
            digest: Some(draft.digest),
            unchanged,
        };
        if let Some(head) = unchanged {
            return Ok(self.record(proposal, outcome(head.last_version, head.revision, true), Vec::new()));
        }
        let change = self.new_version(proposal, namespace, draft, head.as_ref(), Origin::Api);
        let version = next_version(head.as_ref());
        Ok(self.record(proposal, outcome(version, self.head.next(), false), vec![change]))
    }

    fn delete(
        &self,
        proposal: &Proposal,
        namespace: &Namespace,
        name: &Name,
        etag: Option<&Etag>,
    ) -> Result<Verdict, Error> {
        let head = self.head(namespace, name)?;
        let current = head.as_ref().and_then(Head::etag);
        let last_version = head.as_ref().map(|head| head.last_version);
        let (Some(head), Some(_)) = (head, current) else {
            let (namespace, name) = (namespace.clone(), name.clone());
            return Err(Error::PersonaNotFound { namespace, name, last_version });
        };
        if etag.is_some() && etag != current.as_ref() {
            return Err(Error::EtagMismatch { namespace: namespace.clone(), name: name.clone(), current });
        }
        let change = self.tombstone(proposal, namespace, name, &head, proposal.message.clone());
        let outcome = WriteOutcome {
            namespace: namespace.clone(),
            name: name.clone(),
            version: head.last_version,
            revision: self.head.next(),
            digest: None,
            unchanged: false,
        };
        Ok(self.record(proposal, outcome, vec![change]))
    }

    /// The verdict on a single write: its commit, where it changes anything or has a request id to remember.
    fn record(&self, proposal: &Proposal, mut outcome: WriteOutcome, changes: Vec<Change>) -> Verdict {
        let writes = !changes.is_empty() || proposal.request.is_some();
        if proposal.validate_only {
            if !outcome.unchanged {
                outcome.revision = Revision(0);
            }
            let answer = Answer::Written(Written { outcome, replayed: false });
            return Verdict { answer, commit: None, writes };
        }
        let requests = proposal.request.as_ref().map(|request| RequestRecord {
            key: request.key,
            payload: request.payload,
            time: self.now,
            outcome: outcome.clone(),
        });
        let commit = writes
            .then(|| Commit { requests: requests.into_iter().collect(), ..self.commit(proposal, changes) });
        Verdict { answer: Answer::Written(Written { outcome, replayed: false }), commit, writes }
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
        };
        let created = head.is_none_or(|head| head.live.is_none());
        Change::Put { created, persona: Arc::new(persona) }
    }

    pub(super) fn head(&self, namespace: &Namespace, name: &Name) -> Result<Option<Head>, Error> {
        match self.pending.heads.get(&(namespace.clone(), name.clone())) {
            Some(head) => Ok(Some(head.clone())),
            None => Ok(self.store.head(namespace, name)?),
        }
    }

    fn recorded(&self, request: &Idempotent) -> Result<Option<RequestRecord>, Error> {
        match self.pending.requests.get(&request.key) {
            Some(record) => Ok(Some(record.clone())),
            None => Ok(self.store.request(&request.key)?),
        }
    }

    /// What a folder last brought for a name.
    pub(super) fn base(
        &self,
        source: &SourceId,
        namespace: &Namespace,
        name: &Name,
    ) -> Result<Option<Brought>, Error> {
        match self.pending.bases.get(&(source.clone(), namespace.clone(), name.clone())) {
            Some(brought) => Ok(brought.clone()),
            None => Ok(self.store.base(source, namespace, name)?),
        }
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
