//! What a crash test sent, what was answered, and the comparison of that with all that a registry holds.

use std::collections::{BTreeMap, HashMap};

use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use persona_registry::wire::pb::{self, persona_change, watch_personas_response::Event};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::harness::{bytes_of, delete, document, get, put};
use crate::journal_commits::Dice;

type Client = PersonaServiceClient<Channel>;

/// One write as it was sent.
#[derive(Debug, Clone)]
pub struct Op {
    name: String,
    /// Empty: a deletion.
    content: Vec<u8>,
    /// Empty: none. Otherwise of this write alone.
    request_id: String,
}

/// What became of a write.
#[derive(Debug, Clone, Copy)]
pub enum Outcome {
    /// Acknowledged.
    Done { revision: i64, version: i64 },
    /// There was nothing to delete.
    Nothing,
    /// No answer came.
    Unknown,
}

impl Outcome {
    pub fn of(result: Result<(i64, i64, bool), Status>) -> Self {
        match result {
            Ok((revision, version, _)) => Self::Done { revision, version },
            Err(status) if status.code() == Code::NotFound => Self::Nothing,
            Err(_) => Self::Unknown,
        }
    }
}

impl Op {
    /// A put or a deletion, of a name of this writer's own or of one that all share. No two contents are alike.
    pub fn random(writer: usize, dice: &mut Dice) -> Self {
        let name = match dice.below(3) {
            0 => format!("shared-{}", dice.below(3)),
            _ => format!("own-{writer}-{}", dice.below(4)),
        };
        let unique = format!("{:016x}", dice.roll());
        let most = [2, 60, 500][dice.below(3)];
        let text = unique.repeat(1 + dice.below(most));
        let content = if dice.below(5) == 0 { Vec::new() } else { document(&name, &text) };
        let request_id = if dice.below(2) == 0 { format!("id-{unique}") } else { String::new() };
        Self { name, content, request_id }
    }

    /// Revision, version, and whether it had been decided before.
    pub async fn send(&self, client: &mut Client) -> Result<(i64, i64, bool), Status> {
        let request_id = self.request_id.clone();
        if self.content.is_empty() {
            let request = pb::DeletePersonaRequest { request_id, ..delete(&self.name) };
            let done = client.delete_persona(request).await?.into_inner();
            return Ok((done.revision, done.version, done.replayed));
        }
        let content = self.content.clone().into();
        let done = client.put_persona(pb::PutPersonaRequest { content, request_id, ..put("", "") }).await?;
        let done = done.into_inner();
        Ok((done.revision, done.version, done.replayed))
    }
}

/// One change as the registry tells it.
#[derive(Debug, Clone, PartialEq)]
struct Change {
    name: String,
    version: i64,
    /// Empty: a deletion.
    content: Vec<u8>,
}

/// All that was sent to one store.
pub struct Book {
    /// Resumes before the first revision.
    token: String,
    acknowledged: BTreeMap<i64, (Op, i64)>,
    /// Decided by nobody yet, as far as the clients know.
    unknown: Vec<Op>,
    /// Deletions found that more than one unknown write may have been: unlike documents, they all look the same.
    deletions: Vec<(i64, Change)>,
    /// The head at the last check.
    head: i64,
}

impl Book {
    /// On an empty store.
    pub async fn begin(client: &mut Client) -> Self {
        let start = Some(pb::watch_personas_request::Start::FromNow(true));
        let request = pb::WatchPersonasRequest { start, ..Default::default() };
        let mut stream = client.watch_personas(request).await.unwrap().into_inner();
        let token = stream.message().await.unwrap().unwrap().resume_token;
        assert!(!token.is_empty());
        Self { token, acknowledged: BTreeMap::new(), unknown: Vec::new(), deletions: Vec::new(), head: 0 }
    }

    pub fn note(&mut self, op: Op, outcome: Outcome) {
        match outcome {
            Outcome::Done { revision, version } => {
                assert!(revision > self.head, "revision {revision} after {} was seen", self.head);
                let before = self.acknowledged.insert(revision, (op, version));
                assert!(before.is_none(), "revision {revision} was given twice");
            }
            Outcome::Nothing => {}
            Outcome::Unknown => self.unknown.push(op),
        }
    }

    /// Reads all that is there, in every way there is, and compares. Unknown writes that turn out to be there become
    /// known; tells how many.
    pub async fn check(&mut self, client: &mut Client) -> usize {
        let log = changes(client, &self.token).await;
        let newest = log.last_key_value().map_or(0, |(revision, _)| *revision);
        assert!(newest >= self.head, "the head went back from {} to {newest}", self.head);
        for (revision, (op, version)) in &self.acknowledged {
            let found = log.get(revision).unwrap_or_else(|| panic!("revision {revision} is lost: {op:?}"));
            let sent = Change { name: op.name.clone(), version: *version, content: op.content.clone() };
            assert_eq!(found, &sent, "revision {revision}");
        }
        let mut found_unknown = 0;
        for (revision, change) in &log {
            if self.acknowledged.contains_key(revision) {
                continue;
            }
            let sent = |op: &Op| op.name == change.name && op.content == change.content;
            match self.unknown.iter().filter(|op| sent(op)).count() {
                0 => panic!("nobody sent revision {revision}: {change:?}"),
                1 => {
                    let at = self.unknown.iter().position(sent).unwrap();
                    let op = self.unknown.swap_remove(at);
                    self.acknowledged.insert(*revision, (op, change.version));
                }
                several => {
                    println!("revision {revision} is one of {several} unknown deletions of {}", change.name);
                    self.deletions.push((*revision, change.clone()));
                }
            }
            found_unknown += 1;
        }
        self.head = newest;
        self.check_state(client, &log).await;
        found_unknown
    }

    /// The listing and every version by its number, against the log of changes.
    async fn check_state(&self, client: &mut Client, log: &BTreeMap<i64, Change>) {
        let (mut live, mut last) = (BTreeMap::new(), HashMap::new());
        for change in log.values() {
            let counter: &mut i64 = last.entry(change.name.clone()).or_default();
            if change.content.is_empty() {
                assert_eq!(change.version, *counter, "{}: a deletion tells the last version", change.name);
                assert!(live.remove(&change.name).is_some(), "{} is deleted and was not there", change.name);
            } else {
                *counter += 1;
                assert_eq!(change.version, *counter, "{}: versions count up", change.name);
                live.insert(change.name.clone(), change.clone());
                let selector = Some(pb::get_persona_request::Selector::Version(change.version));
                let request = pb::GetPersonaRequest { selector, ..get(&change.name) };
                let found = client.get_persona(request).await.unwrap().into_inner().persona.unwrap();
                assert_eq!(bytes_of(&found), change.content, "{} version {}", change.name, change.version);
            }
        }
        let listed: Vec<_> = listing(client).await;
        assert_eq!(listed, live.into_values().collect::<Vec<_>>());
    }

    /// Sends again what has an id: the unknown ones get decided now, exactly once, and some of the known ones too
    /// give their old answer. Unknown ones without an id stay as they are. Tells how many were retried.
    pub async fn retry(&mut self, client: &mut Client, dice: &mut Dice) -> usize {
        let (again, mut rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.unknown).into_iter().partition(|op| !op.request_id.is_empty());
        for op in &again {
            match op.send(client).await {
                Ok((revision, version, replayed)) => {
                    // Only one of several deletions that look the same may have been decided before.
                    let before = self.deletions.iter().position(|(at, _)| *at == revision);
                    assert_eq!(replayed, before.is_some(), "decided and nowhere, or done twice: {op:?}");
                    match before {
                        Some(at) => {
                            let (_, change) = self.deletions.swap_remove(at);
                            assert_eq!((&change.name, change.version), (&op.name, version));
                            self.acknowledged.insert(revision, (op.clone(), version));
                        }
                        None => self.note(op.clone(), Outcome::Done { revision, version }),
                    }
                    assert_eq!(op.send(client).await.unwrap(), (revision, version, true));
                }
                Err(status) => assert_eq!(status.code(), Code::NotFound, "{status:?}"),
            }
        }
        // What is left of those was sent without an id. The other unknown ones are nowhere, and the process that might
        // have decided them is dead.
        for (revision, change) in std::mem::take(&mut self.deletions) {
            let sent = |op: &Op| op.name == change.name && op.content.is_empty();
            let at = rest.iter().position(sent);
            let at = at.unwrap_or_else(|| panic!("nobody sent revision {revision}: {change:?}"));
            self.acknowledged.insert(revision, (rest.swap_remove(at), change.version));
        }
        let known: Vec<_> =
            self.acknowledged.iter().filter(|(_, (op, _))| !op.request_id.is_empty()).collect();
        for _ in 0..known.len().min(10) {
            let (revision, (op, version)) = known[dice.below(known.len())];
            assert_eq!(op.send(client).await.unwrap(), (*revision, *version, true), "{op:?}");
        }
        again.len()
    }
}

/// Every change there ever was, by revision.
async fn changes(client: &mut Client, token: &str) -> BTreeMap<i64, Change> {
    let request = pb::WatchPersonasRequest {
        start: Some(pb::watch_personas_request::Start::ResumeToken(token.to_owned())),
        mode: pb::WatchMode::EveryVersion.into(),
        view: pb::PersonaView::Full.into(),
        ..Default::default()
    };
    let mut stream = client.watch_personas(request).await.unwrap().into_inner();
    let (mut log, mut at, mut head) = (BTreeMap::new(), 0, i64::MAX);
    while at < head {
        match stream.message().await.unwrap().unwrap().event.unwrap() {
            Event::Opened(opened) => head = opened.header.unwrap().revision,
            Event::Changes(changes) => {
                assert!(changes.revision > at && changes.changes.len() == 1 && !changes.fragment);
                at = changes.revision;
                for change in changes.changes {
                    let deleted = change.r#type() == persona_change::Type::Deleted;
                    let persona = change.persona.unwrap();
                    let content = bytes_of(&persona);
                    assert_eq!(content.is_empty(), deleted);
                    log.insert(at, Change { name: persona.name, version: persona.version, content });
                }
            }
            other => panic!("{other:?}"),
        }
    }
    log
}

/// All live personas, by name.
async fn listing(client: &mut Client) -> Vec<Change> {
    let mut request = pb::ListPersonasRequest { view: pb::PersonaView::Full.into(), ..Default::default() };
    let mut listed = Vec::new();
    loop {
        let page = client.list_personas(request.clone()).await.unwrap().into_inner();
        listed.extend(page.personas.iter().map(|persona| Change {
            name: persona.name.clone(),
            version: persona.version,
            content: bytes_of(persona),
        }));
        if page.next_page_token.is_empty() {
            return listed;
        }
        request.page_token = page.next_page_token;
    }
}
