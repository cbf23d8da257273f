//! A reader of watch streams that holds each message against promises S as it comes.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use persona_registry::wire::pb;
use persona_registry::wire::pb::persona_change::Type;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use persona_registry::wire::pb::watch_personas_request::Start;
use persona_registry::wire::pb::watch_personas_response::{Changes, Event, Snapshot, Synced};
use prost::Message as _;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::harness::{Server, soon};

/// Namespace and name.
pub type Key = (String, String);
/// Live personas and their versions.
pub type Map = BTreeMap<Key, i64>;

/// A change as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub kind: Type,
    pub key: Key,
    pub version: i64,
    /// The persona's own revision, or that of its deletion.
    pub revision: i64,
}

/// All changes of one revision.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    pub revision: i64,
    pub changes: Vec<Told>,
}

/// What came, one after the other, for a check that knows the whole history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A stream began, in this mode; the revision that it begins after where it has no place of its own.
    Opened(pb::WatchMode, i64),
    Snapshot(i64, Map),
    Group(Group),
    Progress(i64),
}

/// What a client knows after the messages so far. It changes by whole groups only, as a client's must.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    pub map: Map,
    /// The map is the whole view: there was a snapshot, or an empty beginning.
    pub whole: bool,
    /// The last place that it is safe to resume from.
    pub token: String,
    /// Nothing up to here may come any more.
    pub cursor: i64,
    pub groups: Vec<Group>,
    pub heard: Vec<Heard>,
    /// The map at each `progress`.
    pub progress: Vec<(i64, Map)>,
    /// Token, cursor and map after each message with a token.
    pub places: Vec<(String, i64, Map)>,
    pub fragments: usize,
    pub is_open: bool,
    pub is_closed: bool,
    every_version: bool,
    /// Personas are shown as an alias resolves them, and so may be older than the change that tells of them.
    at_alias: bool,
    /// What a version said is forgotten once it is purged, and with it whether a filter took it.
    has_filter: bool,
    snapshot: Option<(i64, Vec<(Key, i64)>)>,
    part: Option<Group>,
}

impl Recorder {
    pub fn of(request: &pb::WatchPersonasRequest) -> Self {
        let (at_alias, has_filter) = (!request.alias.is_empty(), !request.filter.is_empty());
        Self { at_alias, has_filter, ..Self::default() }
    }

    /// What a client does when its stream broke: it keeps what is complete and forgets the rest.
    pub fn broke(&mut self) {
        (self.is_open, self.is_closed) = (false, false);
        (self.part, self.snapshot) = (None, None);
    }

    /// Takes a message in.
    #[track_caller]
    pub fn take(&mut self, message: &pb::WatchPersonasResponse) {
        // Half of what clients take by default, so that no stream ever dies of a message.
        assert!(message.encoded_len() <= 2 * 1024 * 1024, "a message of {} bytes", message.encoded_len());
        assert!(!self.is_closed, "nothing comes after Closing");
        let event = message.event.as_ref().expect("every message has an event");
        let is_first = !std::mem::replace(&mut self.is_open, true);
        assert_eq!(matches!(event, Event::Opened(_)), is_first, "Opened comes first and once");
        if self.part.is_some() {
            assert!(matches!(event, Event::Changes(_)), "fragments are consecutive, not {event:?}");
        }
        let has_token = !message.resume_token.is_empty();
        match event {
            Event::Opened(opened) => {
                assert!(opened.progress_interval.is_some());
                self.every_version = opened.mode() == pb::WatchMode::EveryVersion;
                let revision = opened.header.as_ref().expect("Opened says where it stands").revision;
                self.heard.push(Heard::Opened(opened.mode(), revision));
            }
            Event::Snapshot(snapshot) => {
                assert!(!has_token, "half a snapshot is no place to resume from");
                self.snapshot(snapshot);
            }
            Event::Synced(synced) => {
                assert!(has_token);
                self.synced(synced);
            }
            Event::Changes(changes) => {
                assert_eq!(has_token, !changes.fragment, "a token exactly at the end of a group");
                self.changes(changes);
            }
            Event::Progress(progress) => {
                assert!(has_token && self.snapshot.is_none());
                assert!(progress.revision >= self.cursor, "a cursor never goes back");
                self.cursor = progress.revision;
                self.heard.push(Heard::Progress(self.cursor));
                self.progress.push((self.cursor, self.map.clone()));
            }
            Event::Closing(closing) => {
                assert!(has_token && closing.retry_delay.is_some());
                self.is_closed = true;
            }
        }
        if has_token {
            self.token.clone_from(&message.resume_token);
            self.places.push((self.token.clone(), self.cursor, self.map.clone()));
        }
    }

    #[track_caller]
    fn snapshot(&mut self, snapshot: &Snapshot) {
        let (revision, seen) = self.snapshot.get_or_insert_with(|| (snapshot.revision, Vec::new()));
        assert_eq!(*revision, snapshot.revision, "a snapshot shows one revision");
        for persona in &snapshot.personas {
            assert!(persona.revision <= *revision);
            let key = key(persona);
            assert!(seen.last().is_none_or(|(last, _)| *last < key), "in order, each once");
            seen.push((key, persona.version));
        }
    }

    #[track_caller]
    fn synced(&mut self, synced: &Synced) {
        let (revision, seen) = self.snapshot.take().unwrap_or((synced.revision, Vec::new()));
        assert_eq!((revision, seen.len() as i64), (synced.revision, synced.count));
        self.map = seen.into_iter().collect();
        (self.whole, self.cursor) = (true, revision);
        self.heard.push(Heard::Snapshot(revision, self.map.clone()));
    }

    #[track_caller]
    fn changes(&mut self, changes: &Changes) {
        assert!(!changes.changes.is_empty() && changes.commit_time.is_some());
        assert!(changes.revision > self.cursor, "{} after {}", changes.revision, self.cursor);
        let part = self.part.get_or_insert_with(|| Group { revision: changes.revision, ..Group::default() });
        assert_eq!(part.revision, changes.revision, "fragments are of one revision");
        part.changes.extend(changes.changes.iter().map(told));
        if changes.fragment {
            self.fragments += 1;
            return;
        }
        let group = self.part.take().unwrap();
        for change in &group.changes {
            let Told { kind, key, version, revision } = change;
            assert!(*revision <= group.revision);
            let is_own = *kind == Type::Left || self.at_alias || *revision == group.revision;
            assert!(!self.every_version || is_own, "a commit's own changes only");
            let was = match kind {
                Type::Deleted | Type::Left => self.map.remove(key),
                _ => self.map.insert(key.clone(), *version),
            };
            if self.whole && !self.has_filter {
                assert_eq!(was.is_none(), *kind == Type::Created, "{change:?}, was {was:?}");
            }
        }
        self.cursor = group.revision;
        self.heard.push(Heard::Group(group.clone()));
        self.groups.push(group);
    }
}

pub fn key(persona: &pb::Persona) -> Key {
    (persona.namespace.clone(), persona.name.clone())
}

fn told(change: &pb::PersonaChange) -> Told {
    let persona = change.persona.as_ref().expect("every change has a persona");
    let kind = change.r#type();
    assert_ne!(kind, Type::Unspecified);
    if matches!(kind, Type::Deleted | Type::Left) {
        let (namespace, name) = key(persona);
        let (version, revision) = (persona.version, persona.revision);
        let bare = pb::Persona { namespace, name, version, revision, ..Default::default() };
        assert_eq!(*persona, bare, "what is gone is told with no more than that");
    }
    Told { kind, key: key(persona), version: persona.version, revision: persona.revision }
}

/// A stream and what it told so far.
pub struct Follower {
    pub recorder: Recorder,
    pub request: pb::WatchPersonasRequest,
    /// The client takes no more than 64 KiB that it does not read.
    pub narrow: bool,
    stream: Streaming<pb::WatchPersonasResponse>,
}

impl Follower {
    pub async fn open(server: &Server, request: pb::WatchPersonasRequest) -> Self {
        let stream = soon(server.client().await.watch_personas(request.clone())).await.unwrap();
        Self { recorder: Recorder::of(&request), request, narrow: false, stream: stream.into_inner() }
    }

    /// A stream of which the client takes no more than 64 KiB that it does not read.
    pub async fn narrow(server: &Server, request: pb::WatchPersonasRequest) -> Self {
        let endpoint = Channel::from_shared(format!("http://{}", server.address)).unwrap();
        let endpoint = endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535);
        let mut client = PersonaServiceClient::new(endpoint.connect().await.unwrap());
        let stream = soon(client.watch_personas(request.clone())).await.unwrap().into_inner();
        Self { recorder: Recorder::of(&request), request, narrow: true, stream }
    }

    /// Opens a stream with a snapshot and reads to its end.
    pub async fn synced(server: &Server, request: pb::WatchPersonasRequest) -> Self {
        let mut follower = Self::open(server, request).await;
        while !follower.recorder.whole {
            follower.next().await;
        }
        follower
    }

    /// A stream that goes on from a place.
    pub async fn at(server: &Server, request: pb::WatchPersonasRequest, place: &(String, i64, Map)) -> Self {
        let (token, cursor, map) = place.clone();
        let recorder = Recorder { map, whole: true, token, cursor, ..Recorder::of(&request) };
        let stream = server.client().await.watch_personas(resuming(&request, &recorder.token)).await.unwrap();
        Self { recorder, request, narrow: false, stream: stream.into_inner() }
    }

    /// Goes on from the last token, on a connection of its own, and in this mode from now on.
    pub async fn resume(&mut self, server: &Server, mode: pb::WatchMode) {
        soon(self.try_resume(server.address, mode)).await.unwrap();
    }

    /// The same, where the server may be gone. Without a token it begins anew.
    pub async fn try_resume(&mut self, address: SocketAddr, mode: pb::WatchMode) -> Result<(), Status> {
        self.recorder.broke();
        self.request.mode = mode.into();
        let request = match self.recorder.token.as_str() {
            "" => self.request.clone(),
            token => resuming(&self.request, token),
        };
        let mut endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
        if self.narrow {
            endpoint = endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535);
        }
        let channel = endpoint.connect().await.map_err(|error| Status::from_error(error.into()))?;
        self.stream = PersonaServiceClient::new(channel).watch_personas(request).await?.into_inner();
        Ok(())
    }

    /// The next message, or how the stream ended.
    pub async fn try_next(&mut self) -> Result<Event, Status> {
        let message = soon(self.stream.message()).await?.expect("a watch ends with a status");
        self.recorder.take(&message);
        Ok(message.event.unwrap())
    }

    pub async fn next(&mut self) -> Event {
        self.try_next().await.unwrap()
    }

    /// The next message, if it has come.
    pub async fn next_if_any(&mut self) -> Option<Event> {
        futures_util::future::FutureExt::now_or_never(self.try_next()).map(Result::unwrap)
    }

    /// Reads until everything up to a revision has come.
    pub async fn reach(&mut self, revision: i64) {
        while self.recorder.cursor < revision {
            self.next().await;
        }
    }

    /// Reads to the end, and tells how it ended.
    pub async fn end(&mut self) -> Status {
        loop {
            if let Err(status) = self.try_next().await {
                return status;
            }
        }
    }
}

pub fn resuming(request: &pb::WatchPersonasRequest, token: &str) -> pb::WatchPersonasRequest {
    let start = Some(Start::ResumeToken(token.to_owned()));
    pb::WatchPersonasRequest { start, ..request.clone() }
}

/// Asks for everything in a namespace, in this mode; the shortest interval of progress there is.
pub fn everything(namespace: &str, mode: pb::WatchMode) -> pb::WatchPersonasRequest {
    pb::WatchPersonasRequest {
        namespace: namespace.to_owned(),
        mode: mode.into(),
        view: pb::PersonaView::Basic.into(),
        progress_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        ..Default::default()
    }
}

/// All that List tells now, and the revision that it shows.
pub async fn listed(server: &Server, namespace: &str) -> (i64, Map) {
    let (mut client, mut map, mut page_token) = (server.client().await, Map::new(), String::new());
    loop {
        let namespace = namespace.to_owned();
        let request = pb::ListPersonasRequest { namespace, page_size: 500, page_token, ..Default::default() };
        let page = client.list_personas(request).await.unwrap().into_inner();
        map.extend(page.personas.iter().map(|one| (key(one), one.version)));
        if page.next_page_token.is_empty() {
            return (page.header.unwrap().revision, map);
        }
        page_token = page.next_page_token;
    }
}
