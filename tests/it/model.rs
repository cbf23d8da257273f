//! The contract as a program without disk, threads or sockets: a log of what happened to each persona, of which every
//! revision can be asked for. Writes; reads stand beside it.

use std::collections::{BTreeMap, BTreeSet};

use pb::batch_write_personas_request::{Delete, DeleteAlias, Put, SetAlias, operation::Kind};
use persona_registry::domain::Digest;
use persona_registry::wire::pb::{self, ErrorReason};
use tonic::Code;

use crate::model_papers::Paper;
use crate::recorder::Key;

/// A call of the contract.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    Put(pb::PutPersonaRequest),
    Delete(pb::DeletePersonaRequest),
    SetAlias(pb::SetPersonaAliasRequest),
    DeleteAlias(pb::DeletePersonaAliasRequest),
    Batch(pb::BatchWritePersonasRequest),
    Purge(pb::PurgePersonaVersionRequest),
    Compact(pb::CompactHistoryRequest),
    Get(pb::GetPersonaRequest),
    BatchGet(pb::BatchGetPersonasRequest),
    List(pb::ListPersonasRequest),
    Versions(pb::ListPersonaVersionsRequest),
    Aliases(pb::ListPersonaAliasesRequest),
    Namespaces(pb::ListNamespacesRequest),
}

/// Its answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Put(pb::PutPersonaResponse),
    Delete(pb::DeletePersonaResponse),
    SetAlias(pb::SetPersonaAliasResponse),
    DeleteAlias(pb::DeletePersonaAliasResponse),
    Batch(pb::BatchWritePersonasResponse),
    Purge(pb::PurgePersonaVersionResponse),
    Compact(pb::CompactHistoryResponse),
    Get(Box<pb::GetPersonaResponse>),
    BatchGet(pb::BatchGetPersonasResponse),
    List(pb::ListPersonasResponse),
    Versions(pb::ListPersonaVersionsResponse),
    Aliases(pb::ListPersonaAliasesResponse),
    Namespaces(pb::ListNamespacesResponse),
    Refused(Refusal),
}

/// A status: what callers branch on, and what about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub reason: ErrorReason,
    pub metadata: BTreeMap<String, String>,
}

pub fn refuse(code: Code, reason: ErrorReason, metadata: &[(&str, &str)]) -> Refusal {
    let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Refusal { code, reason, metadata }
}

pub fn argument(field: &str) -> Refusal {
    refuse(Code::InvalidArgument, ErrorReason::ArgumentInvalid, &[("field", field)])
}

/// A version, and what became of it.
#[derive(Debug, Clone)]
pub struct Version {
    /// As it was put, in the FULL view.
    pub persona: pb::Persona,
    /// The revision that did it.
    pub purged: Option<i64>,
    /// A reader was told so: when it happens is the registry's own affair.
    pub pruned: bool,
}

/// What happened to a persona's versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Put,
    Delete,
}

/// One entry of a persona's log.
#[derive(Debug, Clone)]
pub struct Entry {
    pub revision: i64,
    pub event: Event,
    /// Made, or the last before the deletion.
    pub version: i64,
    pub message: String,
}

/// An alias pointed somewhere, or nowhere any more.
#[derive(Debug, Clone)]
pub struct Move {
    pub revision: i64,
    pub alias: String,
    pub version: Option<i64>,
    pub message: String,
}

/// Everything about one name.
#[derive(Debug, Clone, Default)]
pub struct Life {
    pub versions: Vec<Version>,
    pub log: Vec<Entry>,
    pub moves: Vec<Move>,
    /// Revisions of deletions that are not listed any more.
    pub gone: BTreeSet<i64>,
}

impl Life {
    pub fn version(&self, number: i64) -> Option<&Version> {
        self.versions.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    pub fn last_version(&self) -> i64 {
        self.versions.len() as i64
    }

    /// The version that was live at a revision.
    pub fn live(&self, at: i64) -> Option<i64> {
        let last = self.log.iter().rev().find(|entry| entry.revision <= at)?;
        (last.event == Event::Put).then_some(last.version)
    }

    /// The aliases that there were at a revision, with the moves that made them so.
    pub fn aliases(&self, at: i64) -> BTreeMap<&str, &Move> {
        let mut aliases = BTreeMap::new();
        for moved in self.moves.iter().filter(|moved| moved.revision <= at) {
            match moved.version {
                Some(_) => aliases.insert(moved.alias.as_str(), moved),
                None => aliases.remove(moved.alias.as_str()),
            };
        }
        aliases
    }

    /// The version that a read at this alias shows.
    pub fn shown(&self, alias: &str, at: i64) -> Option<i64> {
        match alias {
            "" | "latest" => self.live(at),
            alias => self.aliases(at).get(alias).and_then(|moved| moved.version),
        }
    }

    /// An entry is pruned, or is not.
    pub fn mark(&mut self, entry: &Entry, pruned: bool) {
        match entry.event {
            Event::Put => self.versions[entry.version as usize - 1].pruned = pruned,
            Event::Delete if pruned => drop(self.gone.insert(entry.revision)),
            Event::Delete => drop(self.gone.remove(&entry.revision)),
        }
    }

    /// Whether the contract lets a version, or the deletion after it, be gone below a floor once the registry is at `head`.
    pub fn may_go(&self, entry: &Entry, floor: i64, head: i64) -> bool {
        let next = self.log.iter().find(|next| next.revision > entry.revision);
        let is_superseded = next.is_some_and(|next| next.revision <= floor);
        let made = self.versions.iter().filter(|version| version.persona.revision <= head).count();
        let is_old = entry.version + 50 <= made as i64;
        let moves = self.moves.iter().map(|moved| moved.revision);
        let mut points: Vec<_> = moves.filter(|at| *at > floor && *at <= head).collect();
        points.push(floor);
        let names = |at: i64| self.aliases(at).values().any(|moved| moved.version == Some(entry.version));
        is_superseded && is_old && (entry.event == Event::Delete || !points.into_iter().any(names))
    }
}

/// What a write comes to for one persona.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    pub key: Key,
    pub version: i64,
    pub revision: i64,
    pub digest: String,
    pub etag: String,
    pub unchanged: bool,
    pub created: bool,
    pub previous: i64,
}

/// What a write changes.
#[derive(Debug, Clone)]
pub enum Change {
    Put(Key, Box<pb::Persona>),
    Delete(Key, String),
    Alias(Key, String, Option<i64>, String),
    Purge(Key, i64),
}

/// What a call does once it is answered.
#[derive(Debug, Clone, Default)]
pub struct Effect {
    pub changes: Vec<Change>,
    pub request: Option<(RequestId, Recorded)>,
    pub floor: Option<i64>,
}

/// Method and id.
pub type RequestId = (&'static str, String);
/// The request without what does not count, and its outcomes.
pub type Recorded = (String, Vec<Outcome>);

/// Where a page token leads.
#[derive(Debug, Clone)]
pub struct Page {
    /// The request without its token and page size.
    pub of: Call,
    pub revision: i64,
    /// The last entry of the page before.
    pub after: Vec<String>,
}

/// The registry.
#[derive(Debug, Clone, Default)]
pub struct Model {
    pub store_id: String,
    pub time: prost_types::Timestamp,
    pub head: i64,
    pub floor: i64,
    pub lives: BTreeMap<Key, Life>,
    pub requests: BTreeMap<RequestId, Recorded>,
    pub pages: BTreeMap<String, Page>,
}

pub fn namespace_of(text: &str) -> String {
    if text.is_empty() { "default".to_owned() } else { text.to_owned() }
}

fn key_of(namespace: &str, name: &str) -> Key {
    (namespace_of(namespace), name.to_owned())
}

pub fn is_name(text: &str) -> bool {
    let parts = || text.split(['.', '_', '-']);
    let is_word = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.len() <= 64 && parts().all(is_word)
}

fn check_name(field: &str, text: &str) -> Result<(), Refusal> {
    if is_name(text) {
        Ok(())
    } else {
        Err(refuse(Code::InvalidArgument, ErrorReason::NameInvalid, &[("field", field)]))
    }
}

fn check_alias(text: &str) -> Result<(), Refusal> {
    check_name("alias", text)?;
    if text == "latest" { Err(argument("alias")) } else { Ok(()) }
}

/// The request that a page token belongs to.
pub fn unpaged(call: &Call) -> Call {
    let mut call = call.clone();
    let (size, token) = match &mut call {
        Call::List(it) => (&mut it.page_size, &mut it.page_token),
        Call::Versions(it) => (&mut it.page_size, &mut it.page_token),
        Call::Aliases(it) => (&mut it.page_size, &mut it.page_token),
        Call::Namespaces(it) => (&mut it.page_size, &mut it.page_token),
        _ => return call,
    };
    *size = 0;
    token.clear();
    call
}

impl Model {
    pub fn header(&self, revision: i64) -> Option<pb::ResponseHeader> {
        Some(pb::ResponseHeader { store_id: self.store_id.clone(), revision })
    }

    /// What the contract has a call answered with now, and what that changes.
    pub fn answer(&self, call: &Call) -> (Reply, Effect) {
        let answer = match call {
            Call::Get(_)
            | Call::BatchGet(_)
            | Call::List(_)
            | Call::Versions(_)
            | Call::Aliases(_)
            | Call::Namespaces(_) => self.read(call).map(|reply| (reply, Effect::default())),
            Call::Compact(it) => self.compact(it.revision),
            _ => self.write(call),
        };
        answer.unwrap_or_else(|refusal| (Reply::Refused(refusal), Effect::default()))
    }

    fn compact(&self, revision: i64) -> Result<(Reply, Effect), Refusal> {
        let wanted = if revision == 0 { self.head } else { revision };
        if wanted > self.head {
            return Err(self.in_future());
        }
        let floor = wanted.max(self.floor);
        let reply = pb::CompactHistoryResponse { header: self.header(self.head), floor };
        Ok((Reply::Compact(reply), Effect { floor: Some(floor), ..Effect::default() }))
    }

    pub fn in_future(&self) -> Refusal {
        refuse(Code::OutOfRange, ErrorReason::RevisionInFuture, &[("revision", &self.head.to_string())])
    }

    fn write(&self, call: &Call) -> Result<(Reply, Effect), Refusal> {
        let (method, namespace, operations, message, request_id, validate_only) = match call.clone() {
            Call::Put(it) => {
                let put = Put {
                    name: it.name,
                    content: it.content,
                    dialect: it.dialect,
                    profile: it.profile,
                    etag: it.etag,
                    create_only: it.create_only,
                    waivers: it.waivers,
                };
                ("put", it.namespace, vec![Kind::Put(put)], it.message, it.request_id, it.validate_only)
            }
            Call::Delete(it) => {
                let delete = Delete { name: it.name, etag: it.etag };
                (
                    "delete",
                    it.namespace,
                    vec![Kind::Delete(delete)],
                    it.message,
                    it.request_id,
                    it.validate_only,
                )
            }
            Call::SetAlias(it) => {
                let set = SetAlias {
                    name: it.name,
                    alias: it.alias,
                    version: it.version,
                    expected_version: it.expected_version,
                };
                ("set", it.namespace, vec![Kind::SetAlias(set)], it.message, it.request_id, it.validate_only)
            }
            Call::DeleteAlias(it) => {
                let (name, alias, expected_version) = (it.name, it.alias, it.expected_version);
                let delete = Kind::DeleteAlias(DeleteAlias { name, alias, expected_version });
                ("unset", it.namespace, vec![delete], it.message, it.request_id, it.validate_only)
            }
            Call::Batch(it) => {
                let operations = it.operations.into_iter().map(|operation| operation.kind.unwrap()).collect();
                ("batch", it.namespace, operations, it.message, it.request_id, it.validate_only)
            }
            Call::Purge(it) => return self.purge(it),
            _ => unreachable!("a read"),
        };
        let namespace = namespace_of(&namespace);
        let is_batch = method == "batch";
        let at = |index: usize| {
            move |mut refusal: Refusal| {
                if is_batch {
                    refusal.metadata.insert("index".to_owned(), index.to_string());
                }
                refusal
            }
        };
        for (index, operation) in operations.iter().enumerate() {
            check_operation(operation).map_err(at(index))?;
        }
        // Of a batch the word is looked at together with its documents, behind the request id.
        if let (
            false,
            [Kind::SetAlias(SetAlias { alias, .. }) | Kind::DeleteAlias(DeleteAlias { alias, .. })],
        ) = (is_batch, &operations[..])
        {
            check_alias(alias)?;
        }
        if operations.is_empty() {
            return Err(argument("operations"));
        }
        let payload = format!("{namespace} {operations:?} {message}");
        let request = (!request_id.is_empty()).then(|| ((method, request_id.clone()), payload));
        if let Some(outcomes) = self.replayed(request.as_ref())? {
            return Ok((self.written(call, outcomes, true), Effect::default()));
        }
        let mut names = Vec::new();
        for (index, operation) in operations.iter().enumerate() {
            let name = prepared(operation).map_err(at(index))?;
            if names.contains(&name) {
                return Err(at(index)(argument("name")));
            }
            names.push(name);
        }
        let (mut outcomes, mut changes) = (Vec::new(), Vec::new());
        for (index, (operation, name)) in operations.iter().zip(names).enumerate() {
            let key = (namespace.clone(), name);
            let (outcome, change) = self.operation(operation, key, &message).map_err(at(index))?;
            outcomes.push(outcome);
            changes.extend(change);
        }
        Ok(self.done(call, outcomes, changes, request, validate_only))
    }

    fn purge(&self, it: pb::PurgePersonaVersionRequest) -> Result<(Reply, Effect), Refusal> {
        check_name("name", &it.name)?;
        let call = Call::Purge(it.clone());
        let key = key_of(&it.namespace, &it.name);
        let payload = format!("{key:?} {} {}", it.version, it.message);
        let request = (!it.request_id.is_empty()).then(|| (("purge", it.request_id.clone()), payload));
        if let Some(outcomes) = self.replayed(request.as_ref())? {
            return Ok((self.written(&call, outcomes, true), Effect::default()));
        }
        let Some(life) = self.lives.get(&key) else { return Err(self.absent(&key, "")) };
        self.kept(&key, it.version)?;
        let aliases = life.aliases(self.head);
        let naming = aliases.iter().filter(|(_, moved)| moved.version == Some(it.version));
        let naming: Vec<_> = naming.map(|(alias, _)| *alias).collect();
        if !naming.is_empty() || life.live(self.head) == Some(it.version) {
            let (version, aliases) = (it.version.to_string(), naming.join(","));
            let metadata =
                [("namespace", &*key.0), ("name", &*key.1), ("version", &*version), ("aliases", &*aliases)];
            return Err(refuse(Code::FailedPrecondition, ErrorReason::VersionInUse, &metadata));
        }
        let outcome = self.outcome(&key, it.version);
        let changes = vec![Change::Purge(key, it.version)];
        Ok(self.done(&call, vec![outcome], changes, request, it.validate_only))
    }

    fn replayed(&self, request: Option<&(RequestId, String)>) -> Result<Option<Vec<Outcome>>, Refusal> {
        let Some((id, payload)) = request else { return Ok(None) };
        match self.requests.get(id) {
            Some((recorded, _)) if recorded != payload => {
                Err(refuse(Code::InvalidArgument, ErrorReason::RequestIdReused, &[("request_id", &id.1)]))
            }
            found => Ok(found.map(|(_, outcomes)| outcomes.clone())),
        }
    }

    fn done(
        &self,
        call: &Call,
        mut outcomes: Vec<Outcome>,
        changes: Vec<Change>,
        request: Option<(RequestId, String)>,
        validate_only: bool,
    ) -> (Reply, Effect) {
        if validate_only {
            outcomes.iter_mut().filter(|outcome| !outcome.unchanged).for_each(|outcome| outcome.revision = 0);
            return (self.written(call, outcomes, false), Effect::default());
        }
        let request = request.map(|(id, payload)| (id, (payload, outcomes.clone())));
        let effect = Effect { changes, request, floor: None };
        let head = self.head + i64::from(!effect.changes.is_empty());
        (Self { head, ..self.bare() }.written(call, outcomes, false), effect)
    }

    /// Enough of the model to make headers.
    fn bare(&self) -> Self {
        Self { store_id: self.store_id.clone(), ..Self::default() }
    }

    fn outcome(&self, key: &Key, version: i64) -> Outcome {
        Outcome { key: key.clone(), version, revision: self.head + 1, ..Outcome::default() }
    }

    pub fn absent(&self, key: &Key, last_version: &str) -> Refusal {
        let metadata = [("namespace", &*key.0), ("name", &*key.1), ("last_version", last_version)];
        refuse(Code::NotFound, ErrorReason::PersonaNotFound, &metadata)
    }

    fn last_version(&self, key: &Key) -> String {
        self.lives.get(key).map(|life| life.last_version().to_string()).unwrap_or_default()
    }

    /// A version that can be read.
    pub fn kept(&self, key: &Key, number: i64) -> Result<(), Refusal> {
        let life = &self.lives[key];
        let cause = match life.version(number).map(|version| (version.pruned, version.purged.is_some())) {
            Some((false, false)) => return Ok(()),
            None => "never",
            Some((false, true)) => "purged",
            Some((true, _)) => "pruned",
        };
        Err(self.unreadable(key, number, cause))
    }

    pub fn unreadable(&self, key: &Key, number: i64, cause: &str) -> Refusal {
        let (version, last_version) = (number.to_string(), self.last_version(key));
        let metadata = [
            ("namespace", &*key.0),
            ("name", &*key.1),
            ("version", &*version),
            ("last_version", &*last_version),
            ("cause", cause),
        ];
        refuse(Code::NotFound, ErrorReason::VersionNotFound, &metadata)
    }

    /// A persona that is there now, and its version.
    fn live(&self, key: &Key) -> Result<(&Life, i64), Refusal> {
        let live = self.lives.get(key).and_then(|life| Some((life, life.live(self.head)?)));
        live.ok_or_else(|| self.absent(key, &self.last_version(key)))
    }

    fn operation(
        &self,
        operation: &Kind,
        key: Key,
        message: &str,
    ) -> Result<(Outcome, Option<Change>), Refusal> {
        let message = message.to_owned();
        match operation {
            Kind::Put(put) => self.put(put, key, message),
            Kind::Delete(delete) => {
                let (life, version) = self.live(&key)?;
                check_etag(&key, &delete.etag, Some(&life.version(version).unwrap().persona.etag))?;
                Ok((self.outcome(&key, version), Some(Change::Delete(key, message))))
            }
            Kind::SetAlias(set) => {
                let (life, _) = self.live(&key)?;
                let aliases = life.aliases(self.head);
                let now = aliases.get(&*set.alias);
                let previous = now.and_then(|moved| moved.version).unwrap_or(0);
                check_expected(&key, &set.alias, set.expected_version, previous)?;
                self.kept(&key, set.version)?;
                let outcome = Outcome { previous, ..self.outcome(&key, set.version) };
                if let Some(now) = now.filter(|_| previous == set.version) {
                    return Ok((Outcome { revision: now.revision, unchanged: true, ..outcome }, None));
                }
                if now.is_none() && aliases.len() >= 32 {
                    return Err(argument("alias"));
                }
                Ok((outcome, Some(Change::Alias(key, set.alias.clone(), Some(set.version), message))))
            }
            Kind::DeleteAlias(delete) => {
                let (life, _) = self.live(&key)?;
                let previous = life.shown(&delete.alias, self.head).unwrap_or(0);
                check_expected(&key, &delete.alias, delete.expected_version, previous)?;
                if previous == 0 {
                    return Err(no_alias(&key, &delete.alias));
                }
                let outcome = Outcome { previous, ..self.outcome(&key, 0) };
                Ok((outcome, Some(Change::Alias(key, delete.alias.clone(), None, message))))
            }
        }
    }

    fn put(&self, put: &Put, key: Key, message: String) -> Result<(Outcome, Option<Change>), Refusal> {
        let life = self.lives.get(&key);
        let live = life.and_then(|life| Some(&life.version(life.live(self.head)?)?.persona));
        check_etag(&key, &put.etag, live.map(|live| &live.etag))?;
        if let (true, Some(live)) = (put.create_only, live) {
            let metadata = [("namespace", &*key.0), ("name", &*key.1), ("etag", &*live.etag)];
            return Err(refuse(Code::AlreadyExists, ErrorReason::PersonaExists, &metadata));
        }
        let digest = Digest::of(&put.content).to_string();
        let version = life.map_or(0, Life::last_version) + 1;
        // Version and the first eight bytes of the digest; the same in every view.
        let hex = digest.trim_start_matches("sha256:");
        let etag = |version: i64| format!("{version}-{}", &hex[..16]);
        let outcome = Outcome {
            digest: digest.clone(),
            etag: etag(version),
            created: live.is_none(),
            ..self.outcome(&key, version)
        };
        if let Some(live) = live.filter(|live| live.digest == digest) {
            let (version, revision, etag) = (live.version, live.revision, live.etag.clone());
            return Ok((Outcome { version, revision, etag, unchanged: true, ..outcome }, None));
        }
        let persona = pb::Persona {
            namespace: key.0.clone(),
            version,
            revision: self.head + 1,
            etag: etag(version),
            digest,
            create_time: Some(self.time),
            actor: "anonymous".to_owned(),
            message,
            origin: Some(pb::Origin { kind: Some(pb::origin::Kind::Api(pb::origin::Api {})) }),
            ..Paper::read(&put.content).unwrap().derived()
        };
        Ok((outcome, Some(Change::Put(key, Box::new(persona)))))
    }

    /// The answer of a write with these outcomes.
    fn written(&self, call: &Call, outcomes: Vec<Outcome>, replayed: bool) -> Reply {
        let header = self.header(self.head);
        if let Call::Batch(_) = call {
            let revision =
                outcomes.iter().filter(|one| !one.unchanged).map(|one| one.revision).max().unwrap_or(0);
            let results = outcomes.into_iter().map(|one| pb::batch_write_personas_response::Result {
                name: one.key.1,
                version: one.version,
                revision: one.revision,
                etag: one.etag,
                digest: one.digest,
                unchanged: one.unchanged,
                created: one.created,
                previous_version: one.previous,
                diagnostics: Vec::new(),
            });
            return Reply::Batch(pb::BatchWritePersonasResponse {
                header,
                results: results.collect(),
                revision,
                replayed,
            });
        }
        let Outcome { key: (namespace, name), version, revision, digest, etag, unchanged, created, previous } =
            outcomes.into_iter().next().unwrap();
        match call {
            Call::Put(_) => Reply::Put(pb::PutPersonaResponse {
                header,
                namespace,
                name,
                version,
                revision,
                etag,
                digest,
                unchanged,
                replayed,
                diagnostics: Vec::new(),
                created,
            }),
            Call::Delete(_) => Reply::Delete(pb::DeletePersonaResponse {
                header,
                namespace,
                name,
                version,
                revision,
                replayed,
            }),
            Call::SetAlias(it) => Reply::SetAlias(pb::SetPersonaAliasResponse {
                header,
                namespace,
                name,
                alias: it.alias.clone(),
                version,
                previous_version: previous,
                revision,
                unchanged,
                replayed,
            }),
            Call::DeleteAlias(it) => Reply::DeleteAlias(pb::DeletePersonaAliasResponse {
                header,
                namespace,
                name,
                alias: it.alias.clone(),
                previous_version: previous,
                revision,
                replayed,
            }),
            _ => Reply::Purge(pb::PurgePersonaVersionResponse {
                header,
                namespace,
                name,
                version,
                revision,
                replayed,
            }),
        }
    }

    /// Takes in what a call does.
    pub fn apply(&mut self, effect: Effect) {
        let Effect { changes, request, floor } = effect;
        self.head += i64::from(!changes.is_empty());
        self.floor = floor.unwrap_or(self.floor);
        self.requests.extend(request);
        let revision = self.head;
        for change in changes {
            let (Change::Put(key, _)
            | Change::Delete(key, _)
            | Change::Alias(key, ..)
            | Change::Purge(key, _)) = &change;
            let life = self.lives.entry(key.clone()).or_default();
            match change {
                Change::Put(_, persona) => {
                    let (version, message) = (persona.version, persona.message.clone());
                    life.versions.push(Version { persona: *persona, purged: None, pruned: false });
                    life.log.push(Entry { revision, event: Event::Put, version, message });
                }
                Change::Delete(_, message) => {
                    let version = life.last_version();
                    let aliases: Vec<_> = life.aliases(revision).into_keys().map(str::to_owned).collect();
                    life.log.push(Entry { revision, event: Event::Delete, version, message });
                    for alias in aliases {
                        life.moves.push(Move { revision, alias, version: None, message: String::new() });
                    }
                }
                Change::Alias(_, alias, version, message) => {
                    life.moves.push(Move { revision, alias, version, message })
                }
                Change::Purge(_, version) => life.versions[version as usize - 1].purged = Some(revision),
            }
        }
    }
}

pub fn no_alias(key: &Key, alias: &str) -> Refusal {
    refuse(
        Code::NotFound,
        ErrorReason::AliasNotFound,
        &[("namespace", &key.0), ("name", &key.1), ("alias", alias)],
    )
}

fn check_etag(key: &Key, given: &str, current: Option<&String>) -> Result<(), Refusal> {
    if given.is_empty() || current.is_some_and(|current| current == given) {
        return Ok(());
    }
    let etag = current.map_or("", String::as_str);
    Err(refuse(
        Code::Aborted,
        ErrorReason::EtagMismatch,
        &[("namespace", &key.0), ("name", &key.1), ("etag", etag)],
    ))
}

fn check_expected(key: &Key, alias: &str, expected: Option<i64>, now: i64) -> Result<(), Refusal> {
    if expected.is_none_or(|expected| expected == now) {
        return Ok(());
    }
    let version = now.to_string();
    let metadata = [("namespace", &*key.0), ("name", &*key.1), ("alias", alias), ("version", &*version)];
    Err(refuse(Code::Aborted, ErrorReason::AliasMoved, &metadata))
}

/// What is wrong with an operation whatever the registry holds.
fn check_operation(operation: &Kind) -> Result<(), Refusal> {
    match operation {
        Kind::Put(put) if !put.name.is_empty() => check_name("name", &put.name),
        Kind::Put(_) => Ok(()),
        Kind::Delete(delete) => check_name("name", &delete.name),
        Kind::SetAlias(set) => {
            check_name("name", &set.name)?;
            check_name("alias", &set.alias)
        }
        Kind::DeleteAlias(delete) => {
            check_name("name", &delete.name)?;
            check_name("alias", &delete.alias)
        }
    }
}

/// The persona that an operation is about, once its document is judged.
fn prepared(operation: &Kind) -> Result<String, Refusal> {
    match operation {
        Kind::Put(put) => {
            let paper = Paper::read(&put.content);
            let written = String::from_utf8(put.content.to_vec()).unwrap();
            let written = written.lines().find_map(|line| line.strip_prefix("name: ")).unwrap().to_owned();
            if !put.name.is_empty() && put.name != written {
                return Err(refuse(Code::InvalidArgument, ErrorReason::NameInvalid, &[("field", "name")]));
            }
            let invalid = || refuse(Code::InvalidArgument, ErrorReason::PersonaInvalid, &[("errors", "1")]);
            paper.map(|paper| paper.name).ok_or_else(invalid)
        }
        Kind::Delete(delete) => Ok(delete.name.clone()),
        Kind::SetAlias(set) => check_alias(&set.alias).map(|()| set.name.clone()),
        Kind::DeleteAlias(delete) => check_alias(&delete.alias).map(|()| delete.name.clone()),
    }
}
