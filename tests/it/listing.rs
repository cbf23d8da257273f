//! Promises L: listings, their pages and their tokens.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use prost::Message as _;
use tonic::Code;
use tonic::transport::Channel;

use crate::harness::{Server, bytes_of, delete, metadata, put, reason, refused, soon};
use persona_registry::domain::limits;
use persona_registry::journal::Durability;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use persona_registry::wire::pb::{self, ErrorReason};

type Client = PersonaServiceClient<Channel>;
/// Namespace and name, with the etag.
type Shown = ((String, String), String);

fn list(namespace: &str, page_size: i32) -> pb::ListPersonasRequest {
    pb::ListPersonasRequest { namespace: namespace.to_owned(), page_size, ..Default::default() }
}

fn put_in(namespace: &str, name: &str, body: &str) -> pb::PutPersonaRequest {
    pb::PutPersonaRequest { namespace: namespace.to_owned(), ..put(name, body) }
}

fn names(personas: &[pb::Persona]) -> Vec<&str> {
    personas.iter().map(|persona| persona.name.as_str()).collect()
}

/// All pages; every one must show the revision of the first.
async fn pages(client: &mut Client, request: pb::ListPersonasRequest) -> Vec<pb::ListPersonasResponse> {
    let mut pages: Vec<pb::ListPersonasResponse> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListPersonasRequest { page_token, ..request.clone() };
        let page = client.list_personas(request).await.unwrap().into_inner();
        assert!(pages.iter().all(|before| before.header == page.header));
        assert_ne!(page.next_page_token.is_empty(), page.resume_token.is_empty());
        page_token = page.next_page_token.clone();
        pages.push(page);
        if page_token.is_empty() {
            return pages;
        }
    }
}

#[tokio::test]
async fn l1_all_pages_show_one_revision_whatever_writers_do() {
    let server =
        Server::start_with(|options| options.registry.journal.durability = Durability::Relaxed).await;
    let mut client = server.client().await;
    // Every change with its revision: what the registry must show at each.
    let history: Arc<Mutex<BTreeMap<i64, Shown>>> = Arc::default();
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4_u32 {
        let (mut client, history, stop) = (server.client().await, Arc::clone(&history), Arc::clone(&stop));
        writers.spawn(async move {
            let namespace = ["default", "team-a"][writer as usize % 2];
            let mut round = 0_u32;
            while !stop.load(Ordering::Relaxed) || round < 60 {
                // Names of one writer are its own, so it knows whether they exist; some come late.
                let name = if round % 5 == 4 {
                    format!("new-{writer}-{}", round % 40)
                } else {
                    format!("{}-{writer}", ["b", "m", "t", "z"][(round / 2) as usize % 4])
                };
                let key = (namespace.to_owned(), name.clone());
                let request = put_in(namespace, &name, &round.to_string());
                let done = client.put_persona(request).await.unwrap().into_inner();
                history.lock().unwrap().insert(done.revision, (key.clone(), done.etag));
                if round % 3 == 2 {
                    let request = pb::DeletePersonaRequest { namespace: namespace.into(), ..delete(&name) };
                    let gone = client.delete_persona(request).await.unwrap().into_inner();
                    history.lock().unwrap().insert(gone.revision, (key, String::new()));
                }
                round += 1;
            }
        });
    }
    let mut seen = Vec::new();
    for round in 0..5 {
        for namespace in ["", "team-a", "-"] {
            seen.push((namespace, pages(&mut client, list(namespace, 1 + round % 4)).await));
        }
    }
    stop.store(true, Ordering::Relaxed);
    writers.join_all().await;
    let history = history.lock().unwrap();
    let mut moving = 0;
    for (namespace, pages) in seen {
        let revision = pages[0].header.clone().unwrap().revision;
        let mut model: BTreeMap<(String, String), String> = BTreeMap::new();
        for (_, (key, etag)) in history.range(..=revision) {
            model.insert(key.clone(), etag.clone());
        }
        let wanted = if namespace.is_empty() { "default" } else { namespace };
        model.retain(|key, etag| !etag.is_empty() && (wanted == "-" || key.0 == wanted));
        let shown: Vec<Shown> = pages
            .iter()
            .flat_map(|page| &page.personas)
            .map(|persona| ((persona.namespace.clone(), persona.name.clone()), persona.etag.clone()))
            .collect();
        assert_eq!(shown, model.into_iter().collect::<Vec<_>>(), "{wanted} at {revision}");
        moving += usize::from(pages.len() > 1);
    }
    assert!(moving > 0);
}

#[tokio::test]
async fn l2_a_token_belongs_to_its_request() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for name in ["a", "b", "c"] {
        client.put_persona(put(name, "1")).await.unwrap();
        client.put_persona(put_in("other", name, "1")).await.unwrap();
    }
    let store_id = server.registry.store_id().to_string();
    let request = list("", 1);
    let first = client.list_personas(request.clone()).await.unwrap().into_inner();
    let request = pb::ListPersonasRequest { page_token: first.next_page_token, ..request };
    let second = client.list_personas(request.clone()).await.unwrap().into_inner();
    assert_eq!(names(&second.personas), ["b"]);
    // The page size may change, and words that mean the same are the same.
    for same in [
        pb::ListPersonasRequest { page_size: 7, ..request.clone() },
        pb::ListPersonasRequest { namespace: "default".to_owned(), ..request.clone() },
        pb::ListPersonasRequest { view: pb::PersonaView::Basic.into(), ..request.clone() },
    ] {
        let page = client.list_personas(same).await.unwrap().into_inner();
        assert_eq!(names(&page.personas)[0], "b");
    }
    let fresh =
        |min_revision| Some(pb::ReadOptions { store_id: store_id.clone(), min_revision, at_revision: 0 });
    let resume = pages(&mut client, list("", 50)).await[0].resume_token.clone();
    for other in [
        pb::ListPersonasRequest { namespace: "other".to_owned(), ..request.clone() },
        pb::ListPersonasRequest { namespace: "-".to_owned(), ..request.clone() },
        pb::ListPersonasRequest { view: pb::PersonaView::Full.into(), ..request.clone() },
        pb::ListPersonasRequest { read_options: fresh(1), ..request.clone() },
        pb::ListPersonasRequest { read_options: fresh(0), ..request.clone() },
        pb::ListPersonasRequest { page_token: resume, ..request.clone() },
        pb::ListPersonasRequest { page_token: "nonsense".to_owned(), ..request.clone() },
        pb::ListPersonasRequest { page_token: format!("{} ", request.page_token), ..request.clone() },
        pb::ListPersonasRequest { page_token: request.page_token.repeat(2), ..request.clone() },
    ] {
        let answer = client.list_personas(other).await;
        refused(answer, Code::InvalidArgument, ErrorReason::PageTokenInvalid);
    }
    // A page token is no place to watch from.
    let watch = pb::WatchPersonasRequest {
        start: Some(pb::watch_personas_request::Start::ResumeToken(request.page_token.clone())),
        ..Default::default()
    };
    let answer = client.watch_personas(watch).await.map(|_| ());
    refused(answer, Code::InvalidArgument, ErrorReason::ResumeTokenInvalid);
}

#[tokio::test]
async fn l2_a_token_damaged_at_any_byte_is_refused() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for name in ["a", "b"] {
        client.put_persona(put(name, "1")).await.unwrap();
    }
    let token = client.list_personas(list("", 1)).await.unwrap().into_inner().next_page_token;
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let cut = token[..at].to_owned();
        let without = format!("{}{}", &token[..at], &token[at + 1..]);
        for page_token in [String::from_utf8(changed).unwrap(), cut, without] {
            if page_token.is_empty() || page_token == token {
                continue;
            }
            let answer = client.list_personas(pb::ListPersonasRequest { page_token, ..list("", 1) }).await;
            refused(answer, Code::InvalidArgument, ErrorReason::PageTokenInvalid);
        }
    }
}

#[tokio::test]
async fn l3_the_order_is_bytewise_by_namespace_and_name() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let some = ["b", "a_b", "a.b", "a0", "a-b", "a", "a-b-c", "ab", "a-b.c", "0-a", "z"];
    for namespace in ["n", "n-1", "n.1", "n0", "m"] {
        for name in some {
            client.put_persona(put_in(namespace, name, "1")).await.unwrap();
        }
    }
    let mut sorted = some;
    sorted.sort_unstable();
    for page_size in [1, 2, 5, 500] {
        let pages = pages(&mut client, list("n", page_size)).await;
        let shown: Vec<_> = pages.iter().flat_map(|page| names(&page.personas)).collect();
        assert_eq!(shown, sorted);
    }
    let pages = pages(&mut client, list("-", 4)).await;
    let shown: Vec<_> = pages
        .iter()
        .flat_map(|page| &page.personas)
        .map(|persona| (persona.namespace.clone(), persona.name.clone()))
        .collect();
    let mut sorted = shown.clone();
    sorted.sort();
    assert_eq!(shown, sorted);
    assert_eq!(shown.len(), 5 * some.len());
    let nobody = client.list_personas(list("nobody", 0)).await.unwrap().into_inner();
    assert!(nobody.personas.is_empty() && nobody.next_page_token.is_empty());
    assert!(!nobody.resume_token.is_empty());
}

#[tokio::test]
async fn l3_a_page_holds_fifty_or_what_is_asked_up_to_five_hundred() {
    let server =
        Server::start_with(|options| options.registry.journal.durability = Durability::Relaxed).await;
    let mut client = server.client().await;
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..502 {
        let mut client = client.clone();
        writers.spawn(async move { client.put_persona(put(&format!("p{number:03}"), "1")).await.unwrap() });
    }
    writers.join_all().await;
    for (asked, given) in [(0, 50), (1, 1), (51, 51), (499, 499), (500, 500)] {
        let page = client.list_personas(list("", asked)).await.unwrap().into_inner();
        assert_eq!(page.personas.len(), given);
    }
    for asked in [-1, 501, i32::MIN, i32::MAX] {
        let answer = client.list_personas(list("", asked)).await;
        let status = refused(answer, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
        assert_eq!(metadata(&status, "field"), "page_size");
    }
    let sizes: Vec<_> =
        pages(&mut client, list("", 251)).await.iter().map(|page| page.personas.len()).collect();
    assert_eq!(sizes, [251, 251], "no empty page where the last one is full");
}

#[tokio::test]
async fn l3_a_page_is_cut_at_two_mib() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let body = format!("{}\n", "word ".repeat(15)).repeat(250 * 1024 / 76);
    for number in 0..11 {
        client.put_persona(put(&format!("p{number:02}"), &body)).await.unwrap();
    }
    let full = pb::ListPersonasRequest { view: pb::PersonaView::Full.into(), ..list("", 0) };
    let pages = pages(&mut client, full).await;
    assert_eq!(pages.len(), 2);
    let (first, second) = (&pages[0], &pages[1]);
    assert!(first.encoded_len() <= limits::PAGE_BYTES + 1024);
    assert!(first.encoded_len() + second.personas[0].encoded_len() > limits::PAGE_BYTES);
    assert_eq!(first.personas.len() + second.personas.len(), 11);
    assert_eq!(bytes_of(&second.personas[0]).len(), put("p00", &body).content.len());
    // The default view holds no documents, so all of them fit.
    let basic = client.list_personas(list("", 0)).await.unwrap().into_inner();
    assert_eq!(basic.personas.len(), 11);
    assert!(basic.personas.iter().all(|persona| persona.body.is_empty() && persona.front_matter.is_empty()));
}

#[tokio::test]
async fn l4_a_watch_from_the_last_page_brings_everything_after_it_and_nothing_before() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for name in ["a", "b", "c"] {
        client.put_persona(put(name, "1")).await.unwrap();
        client.put_persona(put_in("other", name, "1")).await.unwrap();
    }
    for namespace in ["", "-"] {
        let request = list(namespace, 2);
        let first = client.list_personas(request.clone()).await.unwrap().into_inner();
        // What is written between the pages is not on them, so the watch must bring it.
        let mut expected = Vec::new();
        let between = client.put_persona(put("b", namespace)).await.unwrap().into_inner();
        expected.push(between.revision);
        let mut page = first;
        while !page.next_page_token.is_empty() {
            let request =
                pb::ListPersonasRequest { page_token: page.next_page_token.clone(), ..request.clone() };
            page = client.list_personas(request).await.unwrap().into_inner();
        }
        let after = client.put_persona(put(&format!("new{namespace}x"), "1")).await.unwrap().into_inner();
        expected.push(after.revision);
        let watch = pb::WatchPersonasRequest {
            namespace: namespace.to_owned(),
            mode: pb::WatchMode::EveryVersion.into(),
            start: Some(pb::watch_personas_request::Start::ResumeToken(page.resume_token)),
            ..Default::default()
        };
        let mut stream = client.watch_personas(watch).await.unwrap().into_inner();
        let later = client.delete_persona(delete("c")).await.unwrap().into_inner();
        expected.push(later.revision);
        client.put_persona(put("c", "again")).await.unwrap();
        let mut seen = Vec::new();
        while seen.len() < expected.len() {
            let message = soon(stream.message()).await.unwrap().unwrap();
            if let Some(pb::watch_personas_response::Event::Changes(changes)) = message.event {
                seen.push(changes.revision);
            }
        }
        assert_eq!(seen, expected);
    }
    // The token is bound to what was listed.
    let token = client.list_personas(list("", 0)).await.unwrap().into_inner().resume_token;
    let watch = pb::WatchPersonasRequest {
        namespace: "other".to_owned(),
        start: Some(pb::watch_personas_request::Start::ResumeToken(token)),
        ..Default::default()
    };
    let answer = client.watch_personas(watch).await.map(|_| ()).unwrap_err();
    assert_eq!(reason(&answer), ErrorReason::ResumeTokenInvalid);
}
