//! What writers did, as the answers to their writes told it: the model that streams are held against.

use std::collections::BTreeMap;

use persona_registry::domain::Caller;
use persona_registry::registry::{self, Import, ImportFile, OnConflict, Validate};
use persona_registry::wire::pb;
use persona_registry::wire::pb::persona_change::Type;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::harness::{Server, document};
use crate::recorder::{Group, Key, Map, Told};

/// What each revision changed: the version it made, or none for a deletion.
#[derive(Debug, Clone, Default)]
pub struct History(BTreeMap<i64, Vec<(Key, Option<i64>)>>);

impl History {
    pub fn add(&mut self, revision: i64, key: Key, version: Option<i64>) {
        self.0.entry(revision).or_default().push((key, version));
    }

    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub fn head(&self) -> i64 {
        self.0.keys().next_back().copied().unwrap_or_default()
    }

    /// What was live at a revision, where `takes` says so.
    pub fn view(&self, revision: i64, takes: impl Fn(&Key) -> bool) -> Map {
        let mut map = Map::new();
        for (key, version) in self.0.range(..=revision).flat_map(|(_, changes)| changes) {
            match version {
                Some(version) if takes(key) => drop(map.insert(key.clone(), *version)),
                _ => drop(map.remove(key)),
            }
        }
        map
    }

    /// Each change after a revision, commit by commit.
    pub fn groups_after(&self, revision: i64, takes: impl Fn(&Key) -> bool) -> Vec<Group> {
        let mut view = self.view(revision, &takes);
        let mut groups = Vec::new();
        for (&revision, changes) in self.0.range(revision + 1..) {
            let mut group = Group { revision, changes: Vec::new() };
            for (key, version) in changes.iter().filter(|(key, _)| takes(key)) {
                let was = match version {
                    Some(version) => view.insert(key.clone(), *version),
                    None => view.remove(key),
                };
                let kind = match (was, version) {
                    (_, None) => Type::Deleted,
                    (None, Some(_)) => Type::Created,
                    (Some(_), Some(_)) => Type::Updated,
                };
                // A deletion tells the last version there was.
                let version = version.or(was).unwrap();
                group.changes.push(Told { kind, key: key.clone(), version, revision });
            }
            if !group.changes.is_empty() {
                groups.push(group);
            }
        }
        groups
    }
}

/// A client that notes what it did.
pub struct Writer {
    pub client: PersonaServiceClient<Channel>,
    pub history: History,
}

impl Writer {
    pub async fn new(server: &Server) -> Self {
        Self { client: server.client().await, history: History::default() }
    }

    pub async fn put(&mut self, namespace: &str, name: &str, body: &str) -> Result<i64, Status> {
        let (namespace, content) = (namespace.to_owned(), document(name, body).into());
        let request = pb::PutPersonaRequest { namespace: namespace.clone(), content, ..Default::default() };
        let put = self.client.put_persona(request).await?.into_inner();
        assert!(!put.unchanged, "the tests' writers give every version a text of its own");
        self.history.add(put.revision, (namespace, name.to_owned()), Some(put.version));
        Ok(put.revision)
    }

    /// Deletes; none when it was not there.
    pub async fn delete(&mut self, namespace: &str, name: &str) -> Result<Option<i64>, Status> {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let request = pb::DeletePersonaRequest {
            namespace: namespace.clone(),
            name: name.clone(),
            ..Default::default()
        };
        match self.client.delete_persona(request).await {
            Ok(gone) => {
                let revision = gone.into_inner().revision;
                self.history.add(revision, (namespace, name), None);
                Ok(Some(revision))
            }
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(status),
        }
    }
}

/// Brings documents into `default` as one commit, as a folder would; tells its revision.
pub async fn import(server: &Server, folder: &str, documents: &[(String, Vec<u8>)]) -> i64 {
    let files = documents.iter().map(|(name, content)| {
        let content = bytes::Bytes::from(content.clone());
        let request = Validate { content: content.clone(), ..Validate::default() };
        let (draft, _) =
            registry::draft_of(content, server.registry.examine(&Default::default(), &request).unwrap())
                .unwrap();
        ImportFile { path: format!("{name}.md"), draft: draft.into() }
    });
    let caller = Caller::internal("tests", "import");
    let import = Import {
        source: persona_registry::domain::SourceId::new(folder),
        namespace: "default".parse().unwrap(),
        files: files.collect(),
        gone: Vec::new(),
        on_conflict: OnConflict::FileWins,
        others: Vec::new(),
    };
    server.registry.import(&caller, import).await.unwrap();
    i64::try_from(server.registry.head().0).unwrap()
}
