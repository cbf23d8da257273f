//! Answers with personas that were encoded before are those that the view gives, whatever is written meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use persona_registry::domain::{Caller, Name, Namespace, Revision, Version, View};
use persona_registry::registry::{Error, Freshness, Get, List, Registry, Selection, Selector};
use persona_registry::wire;
use persona_registry::wire::pb::get_persona_request::Selector as WireSelector;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use persona_registry::wire::pb::{self, ErrorReason, PersonaView};
use prost::Message as _;
use tonic::Code;
use tonic::transport::Channel;

use crate::harness::{Server, get, put, refused, soon};

type Client = PersonaServiceClient<Channel>;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const WRITES: usize = 400;

fn caller() -> Caller {
    Caller::internal("tests", "ready")
}

fn at(registry: &Registry, header: &pb::ResponseHeader) -> Freshness {
    let at = Some(Revision(header.revision.try_into().unwrap()));
    Freshness { store_id: Some(registry.store_id()), min: Revision(0), at }
}

fn view(view: PersonaView) -> View {
    if view == PersonaView::Full { View::Full } else { View::Basic }
}

/// What the view says to the same question, as of the revision that the answer shows; none: it was purged since.
async fn plain_get(
    registry: &Registry,
    asked: &pb::GetPersonaRequest,
    header: &pb::ResponseHeader,
) -> Option<pb::Persona> {
    let selector = match &asked.selector {
        None => Selector::Newest,
        Some(WireSelector::Version(version)) => Selector::Version(Version((*version).try_into().unwrap())),
        Some(WireSelector::Alias(alias)) => Selector::Alias(alias.parse().unwrap()),
    };
    let name: Name = asked.name.parse().unwrap();
    let view = view(asked.view());
    let freshness = at(registry, header);
    let namespace = Namespace::default();
    let get = Get { namespace, name, selector, view, if_none_match: None, freshness };
    match registry.get(&caller(), get).await {
        Ok(got) => Some(wire::persona(&got.persona.unwrap(), view)),
        Err(Error::VersionNotFound { .. }) => None,
        Err(error) => panic!("{asked:?} was answered, and the view says {error}"),
    }
}

/// Asks as long as somebody writes, and compares; how many answers there were.
async fn reads(registry: Registry, mut client: Client, number: usize, is_over: Arc<AtomicBool>) -> usize {
    let mut compared = 0;
    while !is_over.load(Ordering::Relaxed) {
        for (turn, name) in NAMES.iter().enumerate() {
            let selector = match (number + turn + compared) % 3 {
                0 => None,
                1 => Some(WireSelector::Version(1 + (compared % 40) as i64)),
                _ => Some(WireSelector::Alias("production".to_owned())),
            };
            let view = if compared % 4 == 0 { PersonaView::Basic } else { PersonaView::Full };
            let asked = pb::GetPersonaRequest { selector, view: view.into(), ..get(name) };
            let Ok(answer) = client.get_persona(asked.clone()).await else { continue };
            let answer = answer.into_inner();
            if let Some(plain) = plain_get(&registry, &asked, answer.header.as_ref().unwrap()).await {
                let persona = answer.persona.unwrap();
                assert_eq!(persona, plain, "{asked:?}");
                assert_eq!(persona.encode_to_vec(), plain.encode_to_vec());
                compared += 1;
            }
        }
        let asked =
            pb::ListPersonasRequest { view: PersonaView::Full.into(), page_size: 3, ..Default::default() };
        let answer = client.list_personas(asked).await.unwrap().into_inner();
        let selection = Selection { namespace: Some(Namespace::default()), ..Selection::default() };
        let freshness = at(&registry, answer.header.as_ref().unwrap());
        let list = List { selection, page_size: 3, page_token: String::new(), view: View::Full, freshness };
        let plain = registry.list(&caller(), list, |_, _| 0).await.unwrap();
        let plain: Vec<_> = plain.personas.iter().map(|one| wire::persona(one, View::Full)).collect();
        assert_eq!(answer.personas.len(), plain.len());
        for (shown, plain) in answer.personas.iter().zip(&plain) {
            // A purge since then shows at old revisions too.
            if plain.purged && !shown.purged {
                continue;
            }
            assert_eq!(shown, plain);
        }
    }
    compared
}

/// Puts, moves of an alias, deletions and purges in turn.
async fn writes(mut client: Client) {
    for number in 0..WRITES {
        let name = NAMES[number % NAMES.len()].to_owned();
        let done = client.put_persona(put(&name, &"text ".repeat(1 + number * 7 % 900))).await.unwrap();
        let version = done.into_inner().version;
        let aliased = pb::SetPersonaAliasRequest {
            name: name.clone(),
            alias: "production".to_owned(),
            version,
            ..Default::default()
        };
        match number % 11 {
            3 => drop(client.set_persona_alias(aliased).await.unwrap()),
            7 => drop(client.delete_persona(crate::harness::delete(&name)).await.unwrap()),
            _ => {}
        }
        // What is in use is refused, and that is no matter here.
        if number % 50 == 49 {
            let version = version - 1;
            let purge = pb::PurgePersonaVersionRequest { name, version, ..Default::default() };
            drop(client.purge_persona_version(purge).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encoded_answers_are_those_of_the_view_under_concurrent_writes() {
    let server = Server::start().await;
    let (is_over, compared) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut readers = tokio::task::JoinSet::new();
    for number in 0..3 {
        let reads = reads(server.registry.clone(), server.client().await, number, Arc::clone(&is_over));
        let compared = Arc::clone(&compared);
        readers.spawn(async move { compared.fetch_add(reads.await, Ordering::Relaxed) });
    }
    let written = tokio::spawn(writes(server.client().await));
    written.await.unwrap();
    is_over.store(true, Ordering::Relaxed);
    soon(readers.join_all()).await;
    assert!(compared.load(Ordering::Relaxed) > WRITES, "{compared:?} answers are too few to tell");
}

#[tokio::test]
async fn r4_a_purged_version_is_not_shown_though_it_was_encoded_before() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for body in ["a secret", "none"] {
        client.put_persona(put("a", body)).await.unwrap();
    }
    let old = pb::GetPersonaRequest { selector: Some(WireSelector::Version(1)), ..get("a") };
    for _ in 0..2 {
        let shown = client.get_persona(old.clone()).await.unwrap().into_inner().persona.unwrap();
        assert!(shown.body.contains("a secret"));
    }
    let purge = pb::PurgePersonaVersionRequest { name: "a".to_owned(), version: 1, ..Default::default() };
    client.purge_persona_version(purge).await.unwrap();
    refused(client.get_persona(old).await, Code::NotFound, ErrorReason::VersionNotFound);
    assert!(client.get_persona(get("a")).await.is_ok());
}
