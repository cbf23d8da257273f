//! Calls by chance, made from what a client knows by the answers it got; and sending them.

use std::collections::BTreeMap;

use pb::batch_write_personas_request::{Delete, DeleteAlias, Operation, Put, SetAlias, operation::Kind};
use pb::get_persona_request::Selector;
use persona_registry::wire::pb::admin_service_client::AdminServiceClient;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use persona_registry::wire::pb::{self, PersonaView};
use tonic::Status;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

use crate::harness::{Server, reason};
use crate::journal_commits::Dice;
use crate::model::{Call, Refusal, Reply, unpaged};
use crate::model_papers::{FILTERS, PATHS, Paper};
use crate::recorder::Key;

pub const NAMESPACES: [&str; 2] = ["default", "other"];
pub const ALIASES: [&str; 3] = ["canary", "production", "stable"];
/// Names of the runs; a run may use the first few.
pub const NAMES: [&str; 8] = ["ada", "b-2", "b.3", "c_4", "d", "eve", "f0", "gil"];

/// What calls are made.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    pub names: usize,
    pub request_ids: usize,
    /// Out of a hundred calls.
    pub reads: usize,
    pub purges: bool,
    /// Out of a thousand calls.
    pub compactions: usize,
    pub filters: bool,
}

/// What a client knows.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    pub store_id: String,
    pub head: i64,
    etags: BTreeMap<Key, Vec<String>>,
    versions: BTreeMap<Key, i64>,
    pages: Vec<(Call, String)>,
    /// Writes with a request id.
    sent: Vec<Call>,
}

impl Memory {
    pub fn of(store_id: &str) -> Self {
        Self { store_id: store_id.to_owned(), ..Self::default() }
    }

    pub fn note(&mut self, call: &Call, reply: &Reply) {
        let id = match call {
            Call::Put(it) => &it.request_id,
            Call::Delete(it) => &it.request_id,
            Call::SetAlias(it) => &it.request_id,
            Call::DeleteAlias(it) => &it.request_id,
            Call::Batch(it) => &it.request_id,
            Call::Purge(it) => &it.request_id,
            _ => "",
        };
        if !id.is_empty() {
            self.sent.push(call.clone());
        }
        match reply {
            Reply::Put(it) => {
                let key = (it.namespace.clone(), it.name.clone());
                self.versions.insert(key.clone(), it.version);
                self.etags.entry(key).or_default().push(it.etag.clone());
            }
            Reply::Batch(it) => {
                let Call::Batch(asked) = call else { unreachable!() };
                for result in it.results.iter().filter(|result| !result.etag.is_empty()) {
                    let key = (crate::model::namespace_of(&asked.namespace), result.name.clone());
                    self.versions.insert(key.clone(), result.version);
                    self.etags.entry(key).or_default().push(result.etag.clone());
                }
            }
            Reply::List(it) => self.turn(call, &it.next_page_token),
            Reply::Versions(it) => self.turn(call, &it.next_page_token),
            Reply::Aliases(it) => self.turn(call, &it.next_page_token),
            Reply::Namespaces(it) => self.turn(call, &it.next_page_token),
            _ => {}
        }
        self.head = self.head.max(revision(reply).unwrap_or(0));
    }

    fn turn(&mut self, call: &Call, token: &str) {
        if !token.is_empty() {
            self.pages.push((unpaged(call), token.to_owned()));
        }
    }

    /// A call by chance.
    pub fn call(&mut self, dice: &mut Dice, manner: &Manner) -> Call {
        if dice.below(1000) < manner.compactions {
            // Close behind the registry, or far enough for versions between to be old and still wanted.
            let revision = match dice.below(2) {
                0 => self.head - dice.below(12) as i64 + 1,
                _ => self.head - dice.below(200) as i64,
            };
            return Call::Compact(pb::CompactHistoryRequest { revision: revision.max(0) });
        }
        if dice.below(100) < manner.reads {
            return self.read(dice, manner);
        }
        if manner.request_ids > 0 && !self.sent.is_empty() && dice.below(16) == 0 {
            return self.sent[dice.below(self.sent.len())].clone();
        }
        let namespace = NAMESPACES[usize::from(dice.below(4) == 0)].to_owned();
        let message = if dice.below(4) == 0 { format!("because {}", dice.below(3)) } else { String::new() };
        let request_id = match manner.request_ids {
            many if many > 0 && dice.below(4) == 0 => format!("id-{}", dice.below(many)),
            _ => String::new(),
        };
        let validate_only = dice.below(12) == 0;
        if dice.below(9) == 0 {
            let mut operations = Vec::new();
            for _ in 0..=dice.below(5) {
                operations.push(Operation { kind: Some(self.operation(dice, manner, &namespace)) });
            }
            return Call::Batch(pb::BatchWritePersonasRequest {
                namespace,
                operations,
                message,
                request_id,
                validate_only,
            });
        }
        if manner.purges && dice.below(20) == 0 {
            let (name, version) = self.version(dice, manner, &namespace);
            return Call::Purge(pb::PurgePersonaVersionRequest {
                namespace,
                name,
                version,
                message,
                request_id,
                validate_only,
            });
        }
        match self.operation(dice, manner, &namespace) {
            Kind::Put(Put { name, content, dialect, profile, etag, create_only, waivers }) => {
                Call::Put(pb::PutPersonaRequest {
                    namespace,
                    name,
                    content,
                    dialect,
                    profile,
                    etag,
                    create_only,
                    message,
                    request_id,
                    validate_only,
                    waivers,
                })
            }
            Kind::Delete(Delete { name, etag }) => Call::Delete(pb::DeletePersonaRequest {
                namespace,
                name,
                etag,
                message,
                request_id,
                validate_only,
            }),
            Kind::SetAlias(SetAlias { name, alias, version, expected_version }) => {
                Call::SetAlias(pb::SetPersonaAliasRequest {
                    namespace,
                    name,
                    alias,
                    version,
                    expected_version,
                    message,
                    request_id,
                    validate_only,
                })
            }
            Kind::DeleteAlias(DeleteAlias { name, alias, expected_version }) => {
                Call::DeleteAlias(pb::DeletePersonaAliasRequest {
                    namespace,
                    name,
                    alias,
                    expected_version,
                    message,
                    request_id,
                    validate_only,
                })
            }
        }
    }

    fn operation(&self, dice: &mut Dice, manner: &Manner, namespace: &str) -> Kind {
        let name = NAMES[dice.below(manner.names)].to_owned();
        let etag = self.etag(dice, namespace, &name);
        match dice.below(20) {
            0..12 => {
                let paper = Paper::by_chance(dice, &name);
                let content = match dice.below(24) {
                    0 => format!("---\nname: {name}\n---\nNo description.\n").into_bytes(),
                    _ => paper.bytes(),
                };
                let other = NAMES[dice.below(manner.names)];
                let name = match dice.below(16) {
                    0 => other.to_owned(),
                    1..8 => name,
                    _ => String::new(),
                };
                let create_only = etag.is_empty() && dice.below(8) == 0;
                let dialect = pb::Dialect::Persona.into();
                Kind::Put(Put {
                    name,
                    content: content.into(),
                    dialect,
                    etag,
                    create_only,
                    ..Default::default()
                })
            }
            12..15 => {
                let name = if dice.below(30) == 0 { "No Name".to_owned() } else { name };
                Kind::Delete(Delete { name, etag })
            }
            15..18 => {
                let (name, version) = self.version(dice, manner, namespace);
                let expected_version = self.expected(dice, namespace, &name);
                Kind::SetAlias(SetAlias { name, alias: alias(dice), version, expected_version })
            }
            _ => {
                let expected_version = self.expected(dice, namespace, &name);
                Kind::DeleteAlias(DeleteAlias { name, alias: alias(dice), expected_version })
            }
        }
    }

    fn etag(&self, dice: &mut Dice, namespace: &str, name: &str) -> String {
        let known = self.etags.get(&(namespace.to_owned(), name.to_owned()));
        match (known, dice.below(8)) {
            (Some(known), 0) => known[dice.below(known.len())].clone(),
            (Some(known), 1) => known[known.len() - 1].clone(),
            (None, 0) => "7-0011223344556677".to_owned(),
            _ => String::new(),
        }
    }

    fn version(&self, dice: &mut Dice, manner: &Manner, namespace: &str) -> (String, i64) {
        let name = NAMES[dice.below(manner.names)].to_owned();
        let last = self.versions.get(&(namespace.to_owned(), name.clone())).copied().unwrap_or(1);
        let back = if dice.below(3) == 0 { dice.below(last as usize + 1) } else { dice.below(4) };
        (name, (last + 1 - back as i64).max(1))
    }

    fn expected(&self, dice: &mut Dice, namespace: &str, name: &str) -> Option<i64> {
        let last = self.versions.get(&(namespace.to_owned(), name.to_owned())).copied().unwrap_or(1);
        (dice.below(4) == 0).then(|| dice.below(last as usize + 1) as i64)
    }

    fn options(&self, dice: &mut Dice) -> Option<pb::ReadOptions> {
        let store_id = self.store_id.clone();
        let (mut min_revision, mut at_revision) = (0, 0);
        match dice.below(12) {
            0 => min_revision = self.head + dice.below(3) as i64 - 1,
            1..4 => at_revision = self.head + 1 - dice.below(12.min(self.head as usize + 1)) as i64,
            4..6 => at_revision = 1 + dice.below(self.head as usize + 1) as i64,
            6 if dice.below(3) == 0 => {
                return Some(pb::ReadOptions { store_id: "0".repeat(32), min_revision: 1, at_revision: 0 });
            }
            6 => return Some(pb::ReadOptions { store_id: String::new(), min_revision: 1, at_revision: 0 }),
            _ => return None,
        }
        Some(pb::ReadOptions { store_id, min_revision: min_revision.max(0), at_revision })
    }

    fn read(&mut self, dice: &mut Dice, manner: &Manner) -> Call {
        let namespace = NAMESPACES[usize::from(dice.below(4) == 0)].to_owned();
        let name = NAMES[dice.below(manner.names)].to_owned();
        let read_options = self.options(dice);
        let view = [PersonaView::Unspecified, PersonaView::Basic, PersonaView::Full][dice.below(3)];
        let paths = if view == PersonaView::Basic { 0 } else { dice.below(3) * dice.below(2) };
        let sections = (0..paths).map(|_| PATHS[dice.below(PATHS.len())].to_owned()).collect();
        let view = view.into();
        let page_size = dice.below(4) as i32;
        if dice.below(4) == 0 && !self.pages.is_empty() {
            return self.next_page(dice, page_size);
        }
        match dice.below(20) {
            0..7 => {
                let selector = match dice.below(3) {
                    0 => None,
                    1 => Some(Selector::Version(self.version(dice, manner, &namespace).1)),
                    _ => Some(Selector::Alias(alias(dice))),
                };
                let if_none_match = self.etag(dice, &namespace, &name);
                Call::Get(pb::GetPersonaRequest {
                    namespace,
                    name,
                    selector,
                    view,
                    sections,
                    if_none_match,
                    read_options,
                })
            }
            7..10 => {
                let mut names: Vec<_> = NAMES[..manner.names].iter().map(|name| (*name).to_owned()).collect();
                let first = dice.below(names.len());
                names.rotate_left(first);
                names.truncate(1 + dice.below(3));
                let alias = if dice.below(2) == 0 { String::new() } else { alias(dice) };
                Call::BatchGet(pb::BatchGetPersonasRequest {
                    namespace,
                    names,
                    alias,
                    view,
                    sections,
                    read_options,
                })
            }
            10..15 => {
                let alias =
                    if dice.below(2) == 0 { String::new() } else { ALIASES[dice.below(3)].to_owned() };
                let filter = match dice.below(2) {
                    1 if manner.filters => FILTERS[dice.below(FILTERS.len())].0.to_owned(),
                    _ => String::new(),
                };
                let namespace = if dice.below(2) == 0 { "-".to_owned() } else { namespace };
                Call::List(pb::ListPersonasRequest {
                    namespace,
                    page_size,
                    page_token: String::new(),
                    filter,
                    alias,
                    view,
                    read_options,
                })
            }
            15..17 => Call::Versions(pb::ListPersonaVersionsRequest {
                namespace,
                name,
                page_size: if dice.below(2) == 0 { 500 } else { page_size },
                page_token: String::new(),
                read_options,
            }),
            17..19 => {
                let (namespace, name) = match dice.below(4) {
                    0 => ("-".to_owned(), String::new()),
                    1 => ("-".to_owned(), name),
                    2 => (namespace, name),
                    _ => (namespace, String::new()),
                };
                let page_token = String::new();
                Call::Aliases(pb::ListPersonaAliasesRequest {
                    namespace,
                    name,
                    page_size,
                    page_token,
                    read_options,
                })
            }
            _ => {
                let page_size = dice.below(2) as i32;
                Call::Namespaces(pb::ListNamespacesRequest { page_size, page_token: String::new() })
            }
        }
    }

    /// Goes on with a listing; now and then one that is not the token's.
    fn next_page(&mut self, dice: &mut Dice, page_size: i32) -> Call {
        let (mut call, token) = self.pages.swap_remove(dice.below(self.pages.len()));
        let is_other = dice.below(6) == 0;
        match &mut call {
            Call::List(it) => {
                (it.page_size, it.page_token) = (page_size, token);
                match dice.below(4) {
                    0 if is_other => {
                        it.namespace = if it.namespace == "-" { "other" } else { "-" }.to_owned()
                    }
                    1 if is_other => it.alias = if it.alias.is_empty() { "stable" } else { "" }.to_owned(),
                    2 if is_other => it.view = if it.view == 2 { 1 } else { 2 },
                    _ if is_other => {
                        it.filter = if it.filter.is_empty() { FILTERS[0].0 } else { "" }.to_owned()
                    }
                    _ => {}
                }
            }
            Call::Versions(it) => {
                (it.page_size, it.page_token) = (page_size, token);
                if is_other {
                    it.name = format!("{}x", it.name);
                }
            }
            Call::Aliases(it) => {
                (it.page_size, it.page_token) = (page_size, token);
                if is_other {
                    (it.namespace, it.name) = ("third".to_owned(), String::new());
                }
            }
            Call::Namespaces(it) => (it.page_size, it.page_token) = (page_size, token),
            _ => unreachable!("has no pages"),
        }
        call
    }
}

fn alias(dice: &mut Dice) -> String {
    let word = if dice.below(20) == 0 { "latest" } else { ALIASES[dice.below(ALIASES.len())] };
    word.to_owned()
}

impl Call {
    pub const fn is_write(&self) -> bool {
        matches!(
            self,
            Self::Put(_)
                | Self::Delete(_)
                | Self::SetAlias(_)
                | Self::DeleteAlias(_)
                | Self::Batch(_)
                | Self::Purge(_)
        )
    }
}

impl Reply {
    pub fn set_revision(&mut self, revision: i64) {
        if let Some(Some(header)) = self.header() {
            header.revision = revision;
        }
    }

    fn header(&mut self) -> Option<&mut Option<pb::ResponseHeader>> {
        Some(match self {
            Self::Put(it) => &mut it.header,
            Self::Delete(it) => &mut it.header,
            Self::SetAlias(it) => &mut it.header,
            Self::DeleteAlias(it) => &mut it.header,
            Self::Batch(it) => &mut it.header,
            Self::Purge(it) => &mut it.header,
            Self::Compact(it) => &mut it.header,
            Self::Get(it) => &mut it.header,
            Self::BatchGet(it) => &mut it.header,
            Self::List(it) => &mut it.header,
            Self::Versions(it) => &mut it.header,
            Self::Aliases(it) => &mut it.header,
            Self::Namespaces(it) => &mut it.header,
            Self::Refused(_) => return None,
        })
    }
}

/// The revision in an answer's header.
pub fn revision(reply: &Reply) -> Option<i64> {
    let mut reply = reply.clone();
    reply.header().map(|header| header.as_ref().expect("every answer has a header").revision)
}

/// A connection.
#[derive(Clone)]
pub struct Hand {
    personas: PersonaServiceClient<Channel>,
    admin: AdminServiceClient<Channel>,
}

/// Leaves out what is said of the personas beside a document: it is read before the write has its turn, and is no part of the order.
fn unbeside(found: &mut Vec<pb::Diagnostic>) {
    found.retain(|one| !one.code.starts_with("REG"));
}

impl Hand {
    pub async fn new(server: &Server) -> Self {
        Self { personas: server.client().await, admin: server.admin().await }
    }

    pub async fn send(&mut self, call: &Call) -> Reply {
        let it = &mut self.personas;
        let answer = match call.clone() {
            Call::Put(call) => it.put_persona(call).await.map(|it| {
                let mut answer = it.into_inner();
                unbeside(&mut answer.diagnostics);
                Reply::Put(answer)
            }),
            Call::Delete(call) => it.delete_persona(call).await.map(|it| Reply::Delete(it.into_inner())),
            Call::SetAlias(call) => {
                it.set_persona_alias(call).await.map(|it| Reply::SetAlias(it.into_inner()))
            }
            Call::DeleteAlias(call) => {
                it.delete_persona_alias(call).await.map(|it| Reply::DeleteAlias(it.into_inner()))
            }
            Call::Batch(call) => it.batch_write_personas(call).await.map(|it| {
                let mut answer = it.into_inner();
                answer.results.iter_mut().for_each(|result| unbeside(&mut result.diagnostics));
                Reply::Batch(answer)
            }),
            Call::Purge(call) => it.purge_persona_version(call).await.map(|it| Reply::Purge(it.into_inner())),
            Call::Compact(call) => {
                self.admin.compact_history(call).await.map(|it| Reply::Compact(it.into_inner()))
            }
            Call::Get(call) => it.get_persona(call).await.map(|it| Reply::Get(Box::new(it.into_inner()))),
            Call::BatchGet(call) => {
                it.batch_get_personas(call).await.map(|it| Reply::BatchGet(it.into_inner()))
            }
            Call::List(call) => it.list_personas(call).await.map(|it| Reply::List(it.into_inner())),
            Call::Versions(call) => {
                it.list_persona_versions(call).await.map(|it| Reply::Versions(it.into_inner()))
            }
            Call::Aliases(call) => {
                it.list_persona_aliases(call).await.map(|it| Reply::Aliases(it.into_inner()))
            }
            Call::Namespaces(call) => {
                it.list_namespaces(call).await.map(|it| Reply::Namespaces(it.into_inner()))
            }
        };
        answer.unwrap_or_else(|status| Reply::Refused(refusal(&status)))
    }
}

pub fn refusal(status: &Status) -> Refusal {
    let details = status.get_error_details();
    let reason = reason(status);
    let metadata = details.error_info().unwrap().metadata.clone();
    Refusal { code: status.code(), reason, metadata: metadata.into_iter().collect() }
}

/// An answer without its tokens, which are opaque, and their number.
pub fn bare(reply: &Reply) -> Reply {
    let mut reply = reply.clone();
    let hide = |token: &mut String| {
        if !token.is_empty() {
            token.replace_range(.., crate::model_reads::TOKEN);
        }
    };
    match &mut reply {
        Reply::List(it) => {
            hide(&mut it.next_page_token);
            hide(&mut it.resume_token);
        }
        Reply::Versions(it) => hide(&mut it.next_page_token),
        Reply::Aliases(it) => hide(&mut it.next_page_token),
        Reply::Namespaces(it) => hide(&mut it.next_page_token),
        _ => {}
    }
    reply
}
