//! Aliases: moving them, reading and watching at them, and what a deletion takes along.

use pb::get_persona_request::Selector;
use pb::persona_change::Type;
use pb::persona_service_client::PersonaServiceClient;
use pb::watch_personas_response::Event;
use persona_registry::wire::pb::{self, ErrorReason};
use tonic::Code;
use tonic::transport::Channel;

use crate::harness::{Server, delete, get, metadata, put, refused, soon};

pub fn set(name: &str, alias: &str, version: i64) -> pb::SetPersonaAliasRequest {
    pb::SetPersonaAliasRequest {
        name: name.to_owned(),
        alias: alias.to_owned(),
        version,
        ..Default::default()
    }
}

pub fn unset(name: &str, alias: &str) -> pb::DeletePersonaAliasRequest {
    pb::DeletePersonaAliasRequest { name: name.to_owned(), alias: alias.to_owned(), ..Default::default() }
}

fn at_alias(name: &str, alias: &str) -> pb::GetPersonaRequest {
    pb::GetPersonaRequest { selector: Some(Selector::Alias(alias.to_owned())), ..get(name) }
}

/// Versions 1 to 3 of `a`.
async fn three(client: &mut PersonaServiceClient<Channel>) {
    for body in ["one", "two", "three"] {
        client.put_persona(put("a", body)).await.unwrap();
    }
}

async fn version_at(client: &mut PersonaServiceClient<Channel>, alias: &str) -> i64 {
    client.get_persona(at_alias("a", alias)).await.unwrap().into_inner().persona.unwrap().version
}

#[tokio::test]
async fn w8_an_alias_moves_only_from_where_it_is_believed_to_be() {
    let server = Server::start().await;
    let mut client = server.client().await;
    three(&mut client).await;

    let made = client.set_persona_alias(set("a", "production", 1)).await.unwrap().into_inner();
    assert_eq!((made.version, made.previous_version, made.unchanged), (1, 0, false));
    let again = client.set_persona_alias(set("a", "production", 1)).await.unwrap().into_inner();
    assert_eq!((again.previous_version, again.unchanged, again.revision), (1, true, made.revision));

    let from = |expected| pb::SetPersonaAliasRequest {
        expected_version: Some(expected),
        ..set("a", "production", 2)
    };
    for wrong in [0, 2, 3] {
        let answer = client.set_persona_alias(from(wrong)).await;
        let status = refused(answer, Code::Aborted, ErrorReason::AliasMoved);
        assert_eq!(metadata(&status, "version"), "1");
    }
    let moved = client.set_persona_alias(from(1)).await.unwrap().into_inner();
    assert_eq!((moved.version, moved.previous_version), (2, 1));
    assert!(moved.revision > made.revision);
    let fresh = pb::SetPersonaAliasRequest { expected_version: Some(0), ..set("a", "canary", 3) };
    client.set_persona_alias(fresh.clone()).await.unwrap();
    refused(client.set_persona_alias(fresh).await, Code::Aborted, ErrorReason::AliasMoved);

    let wrong = pb::DeletePersonaAliasRequest { expected_version: Some(1), ..unset("a", "production") };
    refused(client.delete_persona_alias(wrong).await, Code::Aborted, ErrorReason::AliasMoved);
    let gone = client.delete_persona_alias(unset("a", "production")).await.unwrap().into_inner();
    assert_eq!(gone.previous_version, 2);
    let answer = client.delete_persona_alias(unset("a", "production")).await;
    refused(answer, Code::NotFound, ErrorReason::AliasNotFound);
}

#[tokio::test]
async fn w8_of_many_that_move_one_alias_from_one_place_exactly_one_does() {
    let server = Server::start().await;
    let mut client = server.client().await;
    three(&mut client).await;
    client.set_persona_alias(set("a", "production", 1)).await.unwrap();
    let mut movers = tokio::task::JoinSet::new();
    for mover in 0..8 {
        let mut client = server.client().await;
        movers.spawn(async move {
            let to = 2 + mover % 2;
            let request =
                pb::SetPersonaAliasRequest { expected_version: Some(1), ..set("a", "production", to) };
            client.set_persona_alias(request).await.is_ok()
        });
    }
    let won = movers.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn w8_what_an_alias_cannot_name_is_refused() {
    let server = Server::start().await;
    let mut client = server.client().await;
    three(&mut client).await;
    let answer = client.set_persona_alias(set("a", "latest", 1)).await;
    refused(answer, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
    refused(
        client.set_persona_alias(set("a", "No", 1)).await,
        Code::InvalidArgument,
        ErrorReason::NameInvalid,
    );
    let answer = client.set_persona_alias(set("a", "production", 0)).await;
    refused(answer, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
    let status = refused(
        client.set_persona_alias(set("a", "production", 4)).await,
        Code::NotFound,
        ErrorReason::VersionNotFound,
    );
    assert_eq!(metadata(&status, "cause"), "never");
    let answer = client.set_persona_alias(set("nobody", "production", 1)).await;
    refused(answer, Code::NotFound, ErrorReason::PersonaNotFound);
    client.delete_persona(delete("a")).await.unwrap();
    let answer = client.set_persona_alias(set("a", "production", 1)).await;
    refused(answer, Code::NotFound, ErrorReason::PersonaNotFound);
}

#[tokio::test]
async fn g1_an_alias_that_is_not_there_is_never_another_version_instead() {
    let server = Server::start().await;
    let mut client = server.client().await;
    three(&mut client).await;
    let answer = client.get_persona(at_alias("a", "production")).await;
    let status = refused(answer, Code::NotFound, ErrorReason::AliasNotFound);
    assert_eq!(metadata(&status, "alias"), "production");
    let answer = client.get_persona(at_alias("nobody", "production")).await;
    refused(answer, Code::NotFound, ErrorReason::PersonaNotFound);
    assert_eq!(version_at(&mut client, "latest").await, 3);

    client.set_persona_alias(set("a", "production", 2)).await.unwrap();
    client.put_persona(put("b", "one")).await.unwrap();
    let batch = |names: &[&str]| pb::BatchGetPersonasRequest {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        alias: "production".to_owned(),
        ..Default::default()
    };
    let found = client.batch_get_personas(batch(&["a"])).await.unwrap().into_inner().personas;
    assert_eq!(found[0].version, 2);
    let answer = client.batch_get_personas(batch(&["a", "b"])).await;
    let status = refused(answer, Code::NotFound, ErrorReason::AliasNotFound);
    assert_eq!((metadata(&status, "missing").as_str(), metadata(&status, "names").as_str()), ("1", "b"));
    let answer = client.batch_get_personas(batch(&["b", "nobody"])).await;
    let status = refused(answer, Code::NotFound, ErrorReason::PersonaNotFound);
    assert_eq!(metadata(&status, "names"), "nobody");
    let listing = pb::ListPersonasRequest { alias: "production".to_owned(), ..Default::default() };
    let listed = client.list_personas(listing).await.unwrap().into_inner().personas;
    assert_eq!(listed.iter().map(|it| (it.name.as_str(), it.version)).collect::<Vec<_>>(), [("a", 2)]);
}

#[tokio::test]
async fn w7_a_deletion_takes_the_aliases_along_and_a_new_persona_has_none() {
    let server = Server::start().await;
    let mut client = server.client().await;
    three(&mut client).await;
    client.set_persona_alias(set("a", "production", 2)).await.unwrap();
    client.set_persona_alias(set("a", "canary", 3)).await.unwrap();
    let gone = client.delete_persona(delete("a")).await.unwrap().into_inner().revision;
    refused(
        client.get_persona(at_alias("a", "production")).await,
        Code::NotFound,
        ErrorReason::PersonaNotFound,
    );
    let back = client.put_persona(put("a", "four")).await.unwrap().into_inner();
    assert_eq!((back.version, back.created), (4, true));
    refused(
        client.get_persona(at_alias("a", "production")).await,
        Code::NotFound,
        ErrorReason::AliasNotFound,
    );
    let mut list = async |at_revision| {
        let store_id = server.registry.store_id().to_string();
        let read_options = Some(pb::ReadOptions { store_id, min_revision: 0, at_revision });
        let request = pb::ListPersonaAliasesRequest { read_options, ..Default::default() };
        let aliases = client.list_persona_aliases(request).await.unwrap().into_inner().aliases;
        aliases.into_iter().map(|it| (it.name, it.alias, it.version)).collect::<Vec<_>>()
    };
    assert_eq!(list(0).await, []);
    let before = list(gone - 1).await;
    let named = |alias: &str, version| ("a".to_owned(), alias.to_owned(), version);
    assert_eq!(before, [named("canary", 3), named("production", 2)]);
}

#[tokio::test]
async fn aliases_are_listed_in_pages_by_namespace_name_and_alias() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut expected = Vec::new();
    for (namespace, name) in [("default", "a"), ("default", "b"), ("ops", "a")] {
        let put = pb::PutPersonaRequest { namespace: namespace.to_owned(), ..put(name, "one") };
        client.put_persona(put).await.unwrap();
        for alias in ["x", "y", "z"] {
            let set = pb::SetPersonaAliasRequest {
                namespace: namespace.to_owned(),
                message: format!("{name} {alias}"),
                ..set(name, alias, 1)
            };
            client.set_persona_alias(set).await.unwrap();
            expected.push((namespace.to_owned(), name.to_owned(), alias.to_owned()));
        }
    }
    for page_size in 1..=10 {
        let mut request =
            pb::ListPersonaAliasesRequest { namespace: "-".to_owned(), page_size, ..Default::default() };
        let mut listed = Vec::new();
        loop {
            let page = client.list_persona_aliases(request.clone()).await.unwrap().into_inner();
            assert!(page.aliases.len() <= usize::try_from(page_size).unwrap());
            for alias in page.aliases {
                assert_eq!(alias.message, format!("{} {}", alias.name, alias.alias));
                listed.push((alias.namespace, alias.name, alias.alias));
            }
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        assert_eq!(listed, expected, "in pages of {page_size}");
    }
    let one = pb::ListPersonaAliasesRequest { name: "b".to_owned(), ..Default::default() };
    assert_eq!(client.list_persona_aliases(one).await.unwrap().into_inner().aliases.len(), 3);
    let nobody = pb::ListPersonaAliasesRequest { name: "nobody".to_owned(), ..Default::default() };
    refused(client.list_persona_aliases(nobody).await, Code::NotFound, ErrorReason::PersonaNotFound);
}

/// What a stream told, in short: revision, kind, name, version shown.
type Told = (i64, Type, String, i64);

async fn told(stream: &mut tonic::Streaming<pb::WatchPersonasResponse>, upto: i64) -> Vec<Told> {
    let mut told = Vec::new();
    loop {
        let message = soon(stream.message()).await.unwrap().unwrap();
        match message.event.unwrap() {
            Event::Changes(changes) => {
                for change in changes.changes {
                    let kind = change.r#type();
                    let persona = change.persona.unwrap();
                    let whole = !persona.body.is_empty();
                    assert_eq!(whole, matches!(kind, Type::Created | Type::Updated), "{kind:?}");
                    told.push((changes.revision, kind, persona.name, persona.version));
                }
                if changes.revision >= upto {
                    return told;
                }
            }
            Event::Progress(progress) if progress.revision >= upto => return told,
            _ => {}
        }
    }
}

#[tokio::test]
async fn s6_at_an_alias_a_move_is_an_update_with_the_whole_persona_and_a_removal_leaves() {
    let server = Server::start().await;
    let mut client = server.client().await;
    three(&mut client).await;
    let request = pb::WatchPersonasRequest {
        alias: "production".to_owned(),
        mode: pb::WatchMode::EveryVersion.into(),
        progress_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        ..Default::default()
    };
    let mut stream = client.watch_personas(request.clone()).await.unwrap().into_inner();
    assert!(matches!(soon(stream.message()).await.unwrap().unwrap().event, Some(Event::Opened(_))));
    let synced = soon(stream.message()).await.unwrap().unwrap();
    let Some(Event::Synced(end)) = synced.event else { panic!("{synced:?}") };
    assert_eq!(end.count, 0, "nobody has the alias");

    let mut revisions = Vec::new();
    revisions.push(client.set_persona_alias(set("a", "production", 1)).await.unwrap().into_inner().revision);
    client.put_persona(put("a", "four")).await.unwrap();
    client.set_persona_alias(set("a", "canary", 4)).await.unwrap();
    revisions.push(client.set_persona_alias(set("a", "production", 3)).await.unwrap().into_inner().revision);
    revisions.push(client.set_persona_alias(set("a", "production", 2)).await.unwrap().into_inner().revision);
    let removed = client.delete_persona_alias(unset("a", "production")).await.unwrap().into_inner();
    revisions.push(removed.revision);
    revisions.push(client.set_persona_alias(set("a", "production", 2)).await.unwrap().into_inner().revision);
    revisions.push(client.delete_persona(delete("a")).await.unwrap().into_inner().revision);
    let row = |at: usize, kind, version| (revisions[at], kind, "a".to_owned(), version);
    let expected = [
        row(0, Type::Created, 1),
        row(1, Type::Updated, 3),
        row(2, Type::Updated, 2),
        row(3, Type::Left, 2),
        row(4, Type::Created, 2),
        row(5, Type::Deleted, 4),
    ];
    assert_eq!(told(&mut stream, revisions[5]).await, expected);

    // The same from the log, in one step: it was not there before, and is not there now.
    let resumed = pb::WatchPersonasRequest {
        mode: pb::WatchMode::Latest.into(),
        start: Some(pb::watch_personas_request::Start::ResumeToken(synced.resume_token.clone())),
        ..request.clone()
    };
    let server = server.restart().await;
    let mut client = server.client().await;
    let mut stream = client.watch_personas(resumed).await.unwrap().into_inner();
    assert_eq!(told(&mut stream, revisions[5]).await, []);
    let resumed = pb::WatchPersonasRequest {
        start: Some(pb::watch_personas_request::Start::ResumeToken(synced.resume_token)),
        ..request
    };
    let mut stream = client.watch_personas(resumed).await.unwrap().into_inner();
    assert_eq!(told(&mut stream, revisions[5]).await, expected, "every version again, from the log");
}
