//! Folders taken in at the start: the three-way rule over restarts, pruning and its guards, and what is refused.

use persona_registry::wire::pb;
use persona_registry::wire::pb::refused_source::Reason;
use tonic::Code;

use crate::folders::{Folder, files_win, plain, pruning, refused, state, stored};
use crate::harness::{Server, delete, document, put, refused as refused_call};
use pb::ErrorReason;

/// What each side holds: nothing (` `), or the document told by a letter.
fn text(letter: char) -> Option<Vec<u8>> {
    (letter != ' ').then(|| document("a", &letter.to_string()))
}

/// Makes the registry hold a document, by the API.
async fn make(server: &Server, letter: char) {
    let mut client = server.client().await;
    match letter {
        ' ' => {
            let gone = client.delete_persona(delete("a")).await;
            assert!(gone.is_ok() || gone.unwrap_err().code() == Code::NotFound);
        }
        letter => drop(client.put_persona(put("a", &letter.to_string())).await.unwrap()),
    }
}

/// One cell: the folder brought `base` (by a start of its own), then the file became `file` and the registry
/// `registry`; after the next start the registry holds `after`, and the file is a conflict or not.
async fn check(cell: &str, seeding: &persona_registry::seed::Options, after: char, conflict: bool) {
    let [base, file, registry] = cell.chars().collect::<Vec<_>>().try_into().unwrap();
    let folder = Folder::new();
    // Something else in the folder, so that it is not empty.
    folder.persona("other", "always there");
    if let Some(base) = text(base) {
        folder.write("a.md", base);
    }
    let server = folder.serve(seeding.clone()).await;
    make(&server, registry).await;
    let stopped = server.stop().await;
    match text(file) {
        Some(file) => folder.write("a.md", file),
        None if base != ' ' => folder.remove("a.md"),
        None => {}
    }
    let server = stopped.start().await.unwrap();
    assert_eq!(stored(&server, "a").await, text(after), "{cell:?} ends with {after:?}");
    let told = refused(&server).await;
    let reasons: Vec<_> = told.iter().map(|one| (one.path.as_str(), one.reason())).collect();
    let expected: &[_] = if conflict { &[("a.md", Reason::Conflict)] } else { &[] };
    assert_eq!(reasons, expected, "{cell:?}");

    // The decision stands: another start changes nothing, and the base it left is the right one.
    let revision = server.registry.head();
    let server = server.restart().await;
    assert_eq!(
        (server.registry.head(), stored(&server, "a").await),
        (revision, text(after)),
        "{cell:?} again"
    );
    assert_eq!(refused(&server).await.len(), expected.len(), "{cell:?} again");
    server.stop().await;
}

#[tokio::test]
async fn every_cell_of_the_three_way_rule_holds_over_restarts() {
    // Base, file, registry; what the registry holds then; whether the file is a conflict.
    for (cell, after, conflict) in [
        ("   ", ' ', false),
        ("  a", 'a', false),
        (" a ", 'a', false),
        (" aa", 'a', false),
        (" ab", 'b', true),
        ("a  ", ' ', false),
        ("a a", 'a', false),
        ("a b", 'b', false),
        ("aa ", ' ', false),
        ("aaa", 'a', false),
        ("aab", 'b', false),
        ("ab ", ' ', true),
        ("aba", 'b', false),
        ("abb", 'b', false),
        ("abc", 'c', true),
    ] {
        check(cell, &plain(), after, conflict).await;
    }
}

#[tokio::test]
async fn files_that_win_settle_conflicts_and_nothing_else() {
    for (cell, after) in [(" ab", 'a'), ("ab ", 'b'), ("abc", 'b'), ("aa ", ' '), ("aab", 'b'), ("a b", 'b')]
    {
        check(cell, &files_win(), after, false).await;
    }
}

#[tokio::test]
async fn pruning_deletes_what_the_folder_created_and_nobody_changed() {
    for (cell, after) in [("a a", ' '), ("a b", 'b'), ("a  ", ' '), ("  a", 'a'), ("aa ", ' ')] {
        check(cell, &pruning(), after, false).await;
    }
}

#[tokio::test]
async fn what_was_there_before_the_folder_is_not_pruned() {
    let folder = Folder::new();
    folder.persona("other", "always there");
    let server = folder.serve(pruning()).await;
    make(&server, 'a').await;
    let stopped = server.stop().await;
    // Adopted, then brought anew by the folder: it is still not its own.
    folder.persona("a", "a");
    let server = stopped.start().await.unwrap();
    let stopped = server.stop().await;
    folder.persona("a", "b");
    let server = stopped.start().await.unwrap();
    assert_eq!(stored(&server, "a").await, text('b'));
    let stopped = server.stop().await;
    folder.remove("a.md");
    let server = stopped.start().await.unwrap();
    assert_eq!(stored(&server, "a").await, text('b'));
}

#[tokio::test]
async fn what_was_put_again_by_another_door_is_not_pruned_though_it_is_the_same() {
    let folder = Folder::new();
    folder.persona("other", "always there");
    folder.persona("a", "a");
    let server = folder.serve(pruning()).await;
    make(&server, ' ').await;
    make(&server, 'a').await;
    let stopped = server.stop().await;
    folder.remove("a.md");
    let server = stopped.start().await.unwrap();
    assert_eq!(stored(&server, "a").await, text('a'));
}

#[tokio::test]
async fn a_pruned_persona_comes_back_with_its_file_and_goes_on_counting() {
    let folder = Folder::new();
    folder.persona("other", "always there");
    folder.persona("a", "a");
    let stopped = folder.serve(pruning()).await.stop().await;
    folder.remove("a.md");
    let stopped = stopped.start().await.unwrap().stop().await;
    folder.persona("a", "a");
    let server = stopped.start().await.unwrap();
    let got = server.client().await.get_persona(crate::harness::get("a")).await.unwrap().into_inner();
    assert_eq!(got.persona.unwrap().version, 2);
}

#[tokio::test]
async fn nothing_is_pruned_from_a_folder_that_is_empty_or_cannot_be_read_whole() {
    let folder = Folder::new();
    folder.persona("a", "a");
    folder.persona("b", "b");
    let stopped = folder.serve(pruning()).await.stop().await;
    // As when the volume behind it is not mounted.
    folder.remove("a.md");
    folder.remove("b.md");
    let server = stopped.start().await.unwrap();
    assert!(stored(&server, "a").await.is_some() && stored(&server, "b").await.is_some());
    assert!(state(&server).await.problem.contains("nothing is pruned"), "{:?}", state(&server).await);
    let stopped = server.stop().await;
    // A place that cannot be looked at may hold anything.
    folder.persona("b", "b");
    std::os::unix::fs::symlink("nowhere.md", folder.file("c.md")).unwrap();
    let server = stopped.start().await.unwrap();
    assert!(stored(&server, "a").await.is_some());
    assert_eq!(refused(&server).await[0].reason(), Reason::Unreadable);
    let stopped = server.stop().await;
    folder.remove("c.md");
    let server = stopped.start().await.unwrap();
    assert!(stored(&server, "a").await.is_none() && stored(&server, "b").await.is_some());
    assert_eq!(state(&server).await.problem, "");
}

#[tokio::test]
async fn a_file_that_is_refused_has_not_vanished() {
    let folder = Folder::new();
    folder.persona("other", "always there");
    folder.write("file.md", document("a", "a"));
    let stopped = folder.serve(pruning()).await.stop().await;
    // Broken so that not even its name can be read any more: its path tells.
    folder.write("file.md", "---\nname: a\ndescription: x\n# never closed\n");
    let stopped = stopped.start().await.unwrap().stop().await;
    // Moved and broken: its name tells.
    folder.remove("file.md");
    folder.write("moved.md", "---\nname: a\n---\n# No description\n");
    let server = stopped.start().await.unwrap();
    assert!(stored(&server, "a").await.is_some());
    let stopped = server.stop().await;
    // Moved whole, which the base takes note of, and then broken there.
    folder.write("moved.md", document("a", "a"));
    let stopped = stopped.start().await.unwrap().stop().await;
    folder.write("moved.md", "---\nname: a\ndescription: x\n# never closed\n");
    let server = stopped.start().await.unwrap();
    assert!(stored(&server, "a").await.is_some());
}

#[tokio::test]
async fn refused_files_are_listed_with_their_reasons() {
    let folder = Folder::new();
    folder.persona("good", "1");
    folder.write("sub/bad.md", "---\nname: bad\n---\n# Bad\n");
    folder.write("twin-1.md", document("twin", "first"));
    folder.write("twin-2.md", document("twin", "second"));
    folder.write("README.md", "# About\n");
    folder.write("binary.md", b"---\nname: x\ndescription: d\n---\n\xff\n");
    folder.write("large.md", vec![b'x'; 300 * 1024]);
    let server = folder.serve(plain()).await;
    let files = refused(&server).await;
    let told: Vec<_> = files
        .iter()
        .map(|file| {
            let codes: Vec<_> = file.diagnostics.iter().map(|found| found.code.as_str()).collect();
            (file.path.as_str(), file.reason(), codes)
        })
        .collect();
    assert_eq!(told[0], ("binary.md", Reason::Invalid, vec!["SYN001"]));
    assert_eq!(told[1], ("large.md", Reason::Invalid, vec!["SYN005", "SYN011"]));
    assert_eq!(told[2], ("sub/bad.md", Reason::Invalid, vec!["SCH101"]));
    assert_eq!(told[3], ("twin-2.md", Reason::DuplicateName, vec![]));
    assert_eq!(told.len(), 4);
    let bad = &files[2];
    assert_eq!((bad.namespace.as_str(), bad.name.as_str()), ("default", "bad"));
    assert_eq!(bad.folder, folder.path().to_str().unwrap());
    let span = bad.diagnostics[0].span.unwrap();
    assert_eq!((span.start_line, span.start_column), (1, 1));
    assert!(bad.message.contains("description"), "{}", bad.message);
    assert!(bad.refuse_time.is_some());
    assert!(files[3].message.contains("twin-1.md"), "{}", files[3].message);
    let state = state(&server).await;
    assert_eq!((state.files, state.refused, state.following), (2, 4, false));
}

#[tokio::test]
async fn refused_files_come_in_pages() {
    let folder = Folder::new();
    // As text `sub-x` and `sub.md` stand before `sub/`; by their parts they stand behind it.
    let expected = ["a.md", "sub-1.md", "sub-x/z.md", "sub.md", "sub/a.md", "sub/b.md", "z.md"];
    for path in expected {
        folder.write(path, "---\nname: bad\n---\n# Bad\n");
    }
    let server = folder.serve(plain()).await;
    let mut admin = server.admin().await;
    let ask = |page_size, page_token: &str, namespace: &str| pb::ListRefusedSourcesRequest {
        namespace: namespace.to_owned(),
        page_size,
        page_token: page_token.to_owned(),
    };
    let (mut token, mut paths) = (String::new(), Vec::new());
    for expected in [3, 3, 1] {
        let page = admin.list_refused_sources(ask(3, &token, "-")).await.unwrap().into_inner();
        assert_eq!((page.refused_sources.len(), page.total_size), (expected, 7));
        paths.extend(page.refused_sources.into_iter().map(|file| file.path));
        token = page.next_page_token;
    }
    assert_eq!(token, "");
    assert_eq!(paths, expected);
    let other = admin.list_refused_sources(ask(3, "", "ops")).await.unwrap().into_inner();
    assert_eq!((other.refused_sources.len(), other.total_size), (0, 0));

    let page = admin.list_refused_sources(ask(3, "", "-")).await.unwrap().into_inner();
    let wrong = admin.list_refused_sources(ask(3, &page.next_page_token, "default")).await;
    refused_call(wrong, Code::InvalidArgument, ErrorReason::PageTokenInvalid);
    let damaged = admin.list_refused_sources(ask(3, "x", "-")).await;
    refused_call(damaged, Code::InvalidArgument, ErrorReason::PageTokenInvalid);
    let wide = admin.list_refused_sources(ask(501, "", "-")).await;
    refused_call(wide, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
    let bad = admin.list_refused_sources(ask(3, "", "No")).await;
    refused_call(bad, Code::InvalidArgument, ErrorReason::NameInvalid);
}

#[tokio::test]
async fn a_store_of_the_first_schema_is_migrated_and_its_bases_hold() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store-1.tar.gz");
    let unpacked = std::process::Command::new("tar").args(["xzf", fixture, "-C"]).arg(dir.path()).status();
    assert!(unpacked.unwrap().success());
    for rebuilt in [false, true] {
        let server = Server::start_with(|options| {
            options.registry.data_dir = dir.path().join("data");
            options.seeding = pruning();
        })
        .await;
        let bases =
            server.registry.bases(&persona_registry::domain::SourceId::new("default=team")).await.unwrap();
        let told: Vec<_> = bases
            .into_iter()
            .map(|base| {
                let brought = base.brought.unwrap();
                (base.name.to_string(), brought.path, brought.created)
            })
            .collect();
        let of = |name: &str, path: &str, created| (name.to_owned(), path.to_owned(), created);
        // Of what the API changed since, the view alone cannot tell where it came from; the journal can.
        let edited = if rebuilt { of("edited", "edited.md", true) } else { of("edited", "", false) };
        assert_eq!(told, [of("adopted", "", false), of("brought", "brought.md", true), edited]);
        server.stop().await;
        std::fs::remove_dir_all(dir.path().join("data/view-1")).ok();
    }
}
