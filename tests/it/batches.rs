//! Batches: all or nothing, one revision, and retries of every kind of write.

use pb::batch_write_personas_request::{Delete, DeleteAlias, Operation, Put, SetAlias, operation::Kind};
use pb::watch_personas_response::Event;
use persona_registry::wire::pb::{self, ErrorReason};
use tonic::Code;

use crate::aliases::{set, unset};
use crate::harness::{Server, delete, document, get, metadata, put, refused, soon};

pub fn puts(name: &str, body: &str) -> Operation {
    let put = Put { content: document(name, body).into(), ..Default::default() };
    Operation { kind: Some(Kind::Put(put)) }
}

fn deletes(name: &str) -> Operation {
    Operation { kind: Some(Kind::Delete(Delete { name: name.to_owned(), etag: String::new() })) }
}

fn sets(name: &str, alias: &str, version: i64) -> Operation {
    let set = SetAlias { name: name.to_owned(), alias: alias.to_owned(), version, expected_version: None };
    Operation { kind: Some(Kind::SetAlias(set)) }
}

fn unsets(name: &str, alias: &str) -> Operation {
    let unset = DeleteAlias { name: name.to_owned(), alias: alias.to_owned(), expected_version: None };
    Operation { kind: Some(Kind::DeleteAlias(unset)) }
}

pub fn batch(operations: Vec<Operation>) -> pb::BatchWritePersonasRequest {
    pb::BatchWritePersonasRequest { operations, ..Default::default() }
}

#[tokio::test]
async fn w6_r1_a_batch_is_one_revision_and_one_change_for_whoever_watches() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for name in ["moved", "gone", "same", "unset"] {
        client.put_persona(put(name, "one")).await.unwrap();
    }
    client.set_persona_alias(set("unset", "production", 1)).await.unwrap();
    let start = Some(pb::watch_personas_request::Start::FromNow(true));
    let mode = pb::WatchMode::EveryVersion.into();
    let request = pb::WatchPersonasRequest { start, mode, ..Default::default() };
    let mut stream = client.watch_personas(request).await.unwrap().into_inner();
    let opened = soon(stream.message()).await.unwrap().unwrap();
    assert!(matches!(opened.event, Some(Event::Opened(_))));

    let request = batch(vec![
        puts("new", "one"),
        deletes("gone"),
        puts("same", "one"),
        sets("moved", "production", 1),
        unsets("unset", "production"),
    ]);
    let done = client.batch_write_personas(request).await.unwrap().into_inner();
    assert_eq!(done.revision, 6);
    let told: Vec<_> = done
        .results
        .iter()
        .map(|it| (it.name.as_str(), it.version, it.revision, it.unchanged, it.created, it.previous_version))
        .collect();
    assert_eq!(
        told,
        [
            ("new", 1, 6, false, true, 0),
            ("gone", 1, 6, false, false, 0),
            ("same", 1, 3, true, false, 0),
            ("moved", 1, 6, false, false, 0),
            ("unset", 0, 6, false, false, 1),
        ]
    );
    let got = client.get_persona(get("new")).await.unwrap().into_inner().persona.unwrap();
    assert_eq!((got.etag.as_str(), got.digest.as_str()), (&*done.results[0].etag, &*done.results[0].digest));
    let message = soon(stream.message()).await.unwrap().unwrap();
    let Some(Event::Changes(changes)) = message.event else { panic!("{message:?}") };
    let names: Vec<_> = changes.changes.iter().map(|it| it.persona.as_ref().unwrap().name.as_str()).collect();
    assert_eq!((changes.revision, changes.fragment, names), (6, false, vec!["new", "gone"]));

    let nothing = client.batch_write_personas(batch(vec![puts("new", "one")])).await.unwrap().into_inner();
    assert_eq!((nothing.revision, nothing.results[0].unchanged), (0, true));
    assert_eq!(nothing.header.unwrap().revision, 6, "what changes nothing takes no revision");
}

#[tokio::test]
async fn w6_one_operation_that_fails_leaves_nothing_of_the_batch() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let etag = client.put_persona(put("a", "one")).await.unwrap().into_inner().etag;
    client.put_persona(put("a", "two")).await.unwrap();
    let stale = Put { content: document("a", "three").into(), etag, ..Default::default() };
    let broken = Put { content: "---\nname: broken\n---\n".into(), ..Default::default() };
    let misnamed = Put { name: "other".to_owned(), content: document("a", "x").into(), ..Default::default() };
    let large = "word ".repeat(48 * 1024);
    for (last, code, expected) in [
        (Operation { kind: Some(Kind::Put(stale)) }, Code::Aborted, ErrorReason::EtagMismatch),
        (Operation { kind: Some(Kind::Put(broken)) }, Code::InvalidArgument, ErrorReason::PersonaInvalid),
        (Operation { kind: Some(Kind::Put(misnamed)) }, Code::InvalidArgument, ErrorReason::NameInvalid),
        (deletes("nobody"), Code::NotFound, ErrorReason::PersonaNotFound),
        (sets("a", "production", 9), Code::NotFound, ErrorReason::VersionNotFound),
        (unsets("a", "production"), Code::NotFound, ErrorReason::AliasNotFound),
        (sets("a", "latest", 1), Code::InvalidArgument, ErrorReason::ArgumentInvalid),
        (Operation { kind: None }, Code::InvalidArgument, ErrorReason::ArgumentInvalid),
        (puts("b", "again"), Code::InvalidArgument, ErrorReason::ArgumentInvalid),
        (puts("d", &"x".repeat(256 * 1024)), Code::InvalidArgument, ErrorReason::PersonaTooLarge),
    ] {
        let request = batch(vec![puts("b", "one"), puts("c", "one"), last]);
        let status = refused(client.batch_write_personas(request).await, code, expected);
        assert_eq!(metadata(&status, "index"), "2", "{status:?}");
        assert!(status.message().starts_with("operation 2: "), "{status:?}");
    }
    let too_much = batch(vec![puts("b", &large), puts("c", &large), puts("d", &large)]);
    let answer = client.batch_write_personas(too_much).await;
    refused(answer, Code::InvalidArgument, ErrorReason::BatchTooLarge);
    let answer = client.batch_write_personas(batch(Vec::new())).await;
    refused(answer, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
    let status = server.admin().await.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
    assert_eq!((status.header.unwrap().revision, status.counts.unwrap().personas), (2, 1));
}

#[tokio::test]
async fn w2_w4_every_kind_of_write_is_rehearsed_and_replayed() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for body in ["one", "two", "three"] {
        client.put_persona(put("a", body)).await.unwrap();
    }
    let head = async |server: &Server| {
        let status = server.admin().await.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
        status.header.unwrap().revision
    };

    let id = || "the same for each method".to_owned();
    let move_it = pb::SetPersonaAliasRequest { request_id: id(), ..set("a", "production", 2) };
    let many = pb::BatchWritePersonasRequest {
        request_id: id(),
        ..batch(vec![puts("b", "one"), sets("a", "canary", 3)])
    };
    let purge = pb::PurgePersonaVersionRequest {
        name: "a".to_owned(),
        version: 1,
        request_id: id(),
        ..Default::default()
    };
    let remove = pb::DeletePersonaAliasRequest { request_id: id(), ..unset("a", "production") };

    // Rehearsals first: nothing happens, and no id is used up.
    let rehearsed = pb::SetPersonaAliasRequest { validate_only: true, ..move_it.clone() };
    let rehearsed = client.set_persona_alias(rehearsed).await.unwrap().into_inner();
    assert_eq!((rehearsed.version, rehearsed.revision), (2, 0));
    let rehearsed = pb::BatchWritePersonasRequest { validate_only: true, ..many.clone() };
    let rehearsed = client.batch_write_personas(rehearsed).await.unwrap().into_inner();
    assert_eq!(
        (rehearsed.revision, rehearsed.results[0].version, rehearsed.results[0].created),
        (0, 1, true)
    );
    let rehearsed = pb::PurgePersonaVersionRequest { validate_only: true, ..purge.clone() };
    assert_eq!(client.purge_persona_version(rehearsed).await.unwrap().into_inner().revision, 0);
    let rehearsed = pb::DeletePersonaAliasRequest { validate_only: true, ..remove.clone() };
    refused(client.delete_persona_alias(rehearsed).await, Code::NotFound, ErrorReason::AliasNotFound);
    assert_eq!(head(&server).await, 3);

    let moved = client.set_persona_alias(move_it.clone()).await.unwrap().into_inner();
    let done = client.batch_write_personas(many.clone()).await.unwrap().into_inner();
    let purged = client.purge_persona_version(purge.clone()).await.unwrap().into_inner();
    let removed = client.delete_persona_alias(remove.clone()).await.unwrap().into_inner();
    let last = head(&server).await;
    let server = server.restart().await;
    let mut client = server.client().await;

    let again = client.set_persona_alias(move_it.clone()).await.unwrap().into_inner();
    assert_eq!((again.revision, again.version, again.previous_version), (moved.revision, 2, 0));
    assert!(again.replayed);
    let again = client.batch_write_personas(many.clone()).await.unwrap().into_inner();
    assert_eq!((again.revision, &again.results), (done.revision, &done.results));
    assert!(again.replayed);
    let again = client.purge_persona_version(purge.clone()).await.unwrap().into_inner();
    assert_eq!((again.revision, again.replayed), (purged.revision, true));
    let again = client.delete_persona_alias(remove.clone()).await.unwrap().into_inner();
    assert_eq!((again.revision, again.previous_version, again.replayed), (removed.revision, 2, true));
    assert_eq!(head(&server).await, last);

    // Another request under the id of one that was answered, by every field.
    let reused =
        |status| drop(refused::<()>(Err(status), Code::InvalidArgument, ErrorReason::RequestIdReused));
    for other in [
        pb::SetPersonaAliasRequest { version: 3, ..move_it.clone() },
        pb::SetPersonaAliasRequest { alias: "x".to_owned(), ..move_it.clone() },
        pb::SetPersonaAliasRequest { expected_version: Some(0), ..move_it.clone() },
        pb::SetPersonaAliasRequest { message: "x".to_owned(), ..move_it.clone() },
        pb::SetPersonaAliasRequest { namespace: "x".to_owned(), ..move_it },
    ] {
        reused(client.set_persona_alias(other).await.unwrap_err());
    }
    let of = |operations| pb::BatchWritePersonasRequest { operations, ..many.clone() };
    for other in [
        of(vec![puts("b", "one")]),
        of(vec![sets("a", "canary", 3), puts("b", "one")]),
        of(vec![puts("b", "two"), sets("a", "canary", 3)]),
        of(vec![puts("b", "one"), sets("a", "canary", 2)]),
        of(vec![puts("b", "one"), unsets("a", "canary")]),
        pb::BatchWritePersonasRequest { message: "x".to_owned(), ..many.clone() },
    ] {
        reused(client.batch_write_personas(other).await.unwrap_err());
    }
    let other = pb::PurgePersonaVersionRequest { version: 2, ..purge.clone() };
    reused(client.purge_persona_version(other).await.unwrap_err());
    let other = pb::DeletePersonaAliasRequest { expected_version: Some(2), ..remove };
    reused(client.delete_persona_alias(other).await.unwrap_err());
    // Ids are told apart by method.
    let put = pb::PutPersonaRequest { request_id: id(), ..put("a", "four") };
    assert!(!client.put_persona(put).await.unwrap().into_inner().replayed);
    let gone = pb::DeletePersonaRequest { request_id: id(), ..delete("a") };
    assert!(!client.delete_persona(gone).await.unwrap().into_inner().replayed);
}

#[tokio::test]
async fn r4_a_purged_version_says_so_wherever_it_is_asked_for() {
    use pb::get_persona_request::Selector;
    let server = Server::start().await;
    let mut client = server.client().await;
    for body in ["one", "a secret that leaked", "three"] {
        client.put_persona(put("a", body)).await.unwrap();
    }
    client.set_persona_alias(set("a", "canary", 2)).await.unwrap();
    let purge =
        |version| pb::PurgePersonaVersionRequest { name: "a".to_owned(), version, ..Default::default() };
    let status = refused(
        client.purge_persona_version(purge(2)).await,
        Code::FailedPrecondition,
        ErrorReason::VersionInUse,
    );
    assert_eq!(metadata(&status, "aliases"), "canary");
    client.delete_persona_alias(unset("a", "canary")).await.unwrap();
    let status = refused(
        client.purge_persona_version(purge(3)).await,
        Code::FailedPrecondition,
        ErrorReason::VersionInUse,
    );
    assert_eq!(metadata(&status, "aliases"), "", "it is the newest");
    client.purge_persona_version(purge(2)).await.unwrap();
    let store_id = server.registry.store_id().to_string();
    let then = || Some(pb::ReadOptions { store_id: store_id.clone(), min_revision: 0, at_revision: 2 });
    let by_number = pb::GetPersonaRequest { selector: Some(Selector::Version(2)), ..get("a") };
    let by_time = pb::GetPersonaRequest { read_options: then(), ..get("a") };
    for request in [by_number, by_time] {
        let status = refused(client.get_persona(request).await, Code::NotFound, ErrorReason::VersionNotFound);
        assert_eq!(metadata(&status, "cause"), "purged");
    }
    let list = pb::ListPersonasRequest {
        view: pb::PersonaView::Full.into(),
        read_options: then(),
        ..Default::default()
    };
    let listed = client.list_personas(list).await.unwrap().into_inner().personas;
    assert_eq!((listed.len(), listed[0].version, listed[0].purged), (1, 2, true));
    assert_eq!((listed[0].body.as_str(), listed[0].description.as_str()), ("", ""));
    let again = client.purge_persona_version(purge(2)).await;
    refused(again, Code::NotFound, ErrorReason::VersionNotFound);
    let answer = client.set_persona_alias(set("a", "canary", 2)).await;
    let status = refused(answer, Code::NotFound, ErrorReason::VersionNotFound);
    assert_eq!(metadata(&status, "cause"), "purged");
    let request = pb::ListPersonaVersionsRequest { name: "a".to_owned(), ..Default::default() };
    let history = client.list_persona_versions(request).await.unwrap().into_inner().versions;
    let told: Vec<_> = history.iter().map(|it| (it.version, it.r#type().as_str_name())).collect();
    assert_eq!(told, [(3, "TYPE_VERSION"), (2, "TYPE_PURGED"), (1, "TYPE_VERSION")]);
    // The same text may be put again, as a new version.
    let back = client.put_persona(put("a", "one")).await.unwrap().into_inner();
    assert_eq!(back.version, 4);
}

#[tokio::test]
async fn sections_are_read_alone_and_in_document_order() {
    let text = "---\nname: a\ndescription: x\n---\n# Top\nintro\n\n## Rules\nfirst\n\n### Deep\ndeep\n\n## Style\nbrief\n";
    let server = Server::start().await;
    let mut client = server.client().await;
    let stored = pb::PutPersonaRequest { content: text.into(), ..Default::default() };
    client.put_persona(stored).await.unwrap();
    let whole = client.get_persona(get("a")).await.unwrap().into_inner().persona.unwrap();
    let paths: Vec<_> = whole.outline.iter().map(|section| section.path.as_str()).collect();
    assert!(paths.contains(&"rules/deep") && paths.contains(&"style"), "{paths:?}");
    let mut read = async |sections: &[&str]| {
        let sections = sections.iter().map(|path| (*path).to_owned()).collect();
        let request = pb::GetPersonaRequest { sections, ..get("a") };
        client.get_persona(request).await.map(|got| got.into_inner().persona.unwrap())
    };
    for (sections, body) in [
        (&["style"][..], "## Style\nbrief\n"),
        (&["rules/deep"], "### Deep\ndeep\n\n"),
        (&["style", "rules"], "## Rules\nfirst\n\n### Deep\ndeep\n\n## Style\nbrief\n"),
        (&["rules/deep", "rules", "rules"], "## Rules\nfirst\n\n### Deep\ndeep\n\n"),
    ] {
        let got = read(sections).await.unwrap();
        assert_eq!(got.body, body, "{sections:?}");
        assert_eq!((&got.etag, &got.front_matter), (&whole.etag, &whole.front_matter));
    }
    let status = refused(read(&["style", "nowhere"]).await, Code::NotFound, ErrorReason::SectionNotFound);
    assert_eq!(metadata(&status, "section"), "nowhere");
    let batch = pb::BatchGetPersonasRequest {
        names: vec!["a".to_owned()],
        sections: vec!["style".to_owned()],
        ..Default::default()
    };
    let got = client.batch_get_personas(batch).await.unwrap().into_inner().personas;
    assert_eq!(got[0].body, "## Style\nbrief\n");
    let basic = pb::GetPersonaRequest {
        sections: vec!["style".to_owned()],
        view: pb::PersonaView::Basic.into(),
        ..get("a")
    };
    refused(client.get_persona(basic).await, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
}
