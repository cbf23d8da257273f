//! Folders followed while the server runs: however files are written, moved or taken away, the registry comes after.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use persona_registry::wire::pb::refused_source::Reason;

use crate::faulty::{Disk, Mood};
use crate::folders::{Folder, following, plain, refused, rename, state, stored, until, until_stored};
use crate::harness::{Server, delete, document, get, put};

async fn version(server: &Server, name: &str) -> i64 {
    server.client().await.get_persona(get(name)).await.unwrap().into_inner().persona.unwrap().version
}

/// The path from the current folder.
fn relative(path: &std::path::Path) -> std::path::PathBuf {
    let here = std::env::current_dir().unwrap();
    let up = here.components().skip(1).map(|_| std::path::Path::new(".."));
    up.collect::<std::path::PathBuf>().join(path.strip_prefix("/").unwrap())
}

/// Waits for what a later change brings: whatever was to come before it has come.
async fn passed(folder: &Folder, server: &Server) {
    static TURN: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let turn = TURN.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
    folder.persona("turn", &turn);
    until_stored(server, "turn", Some(&document("turn", &turn))).await;
}

#[tokio::test]
async fn what_is_edited_made_or_deleted_is_taken_in() {
    let folder = Folder::new();
    folder.persona("a", "1");
    folder.persona("b", "1");
    let server = folder.serve(following()).await;
    assert!(state(&server).await.following);

    folder.persona("a", "2");
    until_stored(&server, "a", Some(&document("a", "2"))).await;
    folder.write("deep/down/c.md", document("c", "1"));
    until_stored(&server, "c", Some(&document("c", "1"))).await;
    folder.write("deep/down/c.md", document("c", "2"));
    until_stored(&server, "c", Some(&document("c", "2"))).await;
    folder.remove("b.md");
    until_stored(&server, "b", None).await;
    folder.persona("b", "1");
    until_stored(&server, "b", Some(&document("b", "1"))).await;
    assert_eq!(refused(&server).await.len(), 0);
}

#[tokio::test]
async fn editors_that_write_by_renaming_make_one_version_and_delete_nothing() {
    let folder = Folder::new();
    folder.persona("a", "1");
    folder.persona("b", "1");
    let server = folder.serve(following()).await;
    let before = server.registry.head().0;
    for round in 2..6 {
        // A new file put over the old one.
        folder.write(".a.md.tmp", document("a", &round.to_string()));
        rename(&folder.file(".a.md.tmp"), &folder.file("a.md"));
        until_stored(&server, "a", Some(&document("a", &round.to_string()))).await;
        // The old one moved away first: for a moment there is none.
        rename(&folder.file("a.md"), &folder.file("a.md~"));
        folder.write("a.md", document("a", &format!("{round} again")));
        until_stored(&server, "a", Some(&document("a", &format!("{round} again")))).await;
        folder.remove("a.md~");
    }
    assert_eq!(
        server.registry.head().0 - before,
        8,
        "each save is one commit, and nothing was deleted in between"
    );
    assert_eq!(version(&server, "a").await, 9);
}

#[tokio::test]
async fn a_file_under_another_name_is_the_same_persona_and_another_name_inside_is_another_one() {
    let folder = Folder::new();
    folder.write("a.md", document("a", "1"));
    folder.persona("b", "1");
    let server = folder.serve(following()).await;
    rename(&folder.file("a.md"), &folder.file("renamed.md"));
    passed(&folder, &server).await;
    assert_eq!((version(&server, "a").await, stored(&server, "a").await), (1, Some(document("a", "1"))));
    // Broken under its new path it has not vanished, also after a restart.
    folder.write("renamed.md", "---\nname: a\ndescription: x\n# never closed\n");
    until("it is refused", || async { !refused(&server).await.is_empty() }).await;
    let server = server.restart().await;
    assert!(stored(&server, "a").await.is_some());

    folder.write("renamed.md", document("c", "1"));
    until_stored(&server, "c", Some(&document("c", "1"))).await;
    until_stored(&server, "a", None).await;
}

#[tokio::test]
async fn a_hundred_files_at_once_come_in_few_commits() {
    let folder = Folder::new();
    folder.persona("always", "there");
    let server = folder.serve(following()).await;
    let before = server.registry.head().0;
    // As a checkout does: into a folder beside, then all of it at once.
    for number in 0..100 {
        folder.write(&format!("../new/p-{number}.md"), document(&format!("p-{number}"), "1"));
    }
    rename(&folder.file("../new"), &folder.file("branch"));
    until("all are there", || async { state(&server).await.files == 101 }).await;
    assert!(server.registry.head().0 - before <= 4, "{}", server.registry.head().0 - before);
    // And back.
    rename(&folder.file("branch"), &folder.file("../old"));
    until("all are gone", || async { server.registry.status().personas == 1 }).await;
    assert!(server.registry.head().0 - before <= 8, "{}", server.registry.head().0 - before);
}

#[tokio::test]
async fn a_folder_that_vanishes_loses_nothing_and_is_followed_when_it_returns() {
    let folder = Folder::new();
    folder.persona("a", "1");
    folder.write("sub/b.md", "---\nname: b\n---\n# Bad\n");
    let server = folder.serve(following()).await;
    let away = folder.path().with_file_name("away");
    rename(&folder.path(), &away);
    until("it is missed", || async { state(&server).await.problem.contains("cannot be read") }).await;
    assert!(stored(&server, "a").await.is_some(), "a folder that is not there says nothing");
    assert_eq!(state(&server).await.missing, 0, "nor that anything is missing in it");
    assert_eq!(refused(&server).await.len(), 1, "nor does it mend anything");

    // Another one in its place, changed meanwhile.
    std::fs::write(away.join("a.md"), document("a", "2")).unwrap();
    rename(&away, &folder.path());
    until_stored(&server, "a", Some(&document("a", "2"))).await;
    folder.persona("a", "3");
    until_stored(&server, "a", Some(&document("a", "3"))).await;
    folder.write("sub/b.md", document("b", "1"));
    until_stored(&server, "b", Some(&document("b", "1"))).await;
    until("all is well", || async { state(&server).await.problem.is_empty() }).await;
}

#[tokio::test]
async fn a_file_that_is_being_written_is_not_taken_until_it_is_whole() {
    let folder = Folder::new();
    folder.persona("a", "1");
    let seeding = persona_registry::seed::Options { writing: crate::harness::PATIENCE, ..following() };
    let server = Server::start_with(|options| {
        folder.feed(options, seeding);
        // Named as people name folders, by a relative path.
        options.sources[0].dir = relative(&folder.path());
    })
    .await;
    // Storable at every line end, and half of what it is to be.
    let content = document("a", "half");
    let mut file = std::fs::File::create(folder.file("a.md")).unwrap();
    file.write_all(&content).unwrap();
    file.flush().unwrap();
    // Something else changes, so that the folder is looked through while the file is open.
    passed(&folder, &server).await;
    assert_eq!(stored(&server, "a").await, Some(document("a", "1")));
    file.write_all(b"and the rest\n").unwrap();
    drop(file);
    let whole = [&content[..], b"and the rest\n"].concat();
    until_stored(&server, "a", Some(&whole)).await;
    assert_eq!(version(&server, "a").await, 2);
    assert_eq!(refused(&server).await.len(), 0);
}

#[tokio::test]
async fn a_half_written_file_is_read_again_rather_than_refused() {
    let folder = Folder::new();
    folder.persona("a", "1");
    let mut seeding = following();
    // Long enough that the file is mended before it is believed, however busy the machine is.
    seeding.doubt = crate::harness::PATIENCE;
    let server = folder.serve(seeding).await;
    folder.write("a.md", "---\nname: a\ndescr");
    passed(&folder, &server).await;
    assert_eq!(refused(&server).await.len(), 0, "it may not be whole yet");
    assert_eq!(stored(&server, "a").await, Some(document("a", "1")));
    folder.persona("a", "2");
    until_stored(&server, "a", Some(&document("a", "2"))).await;
}

#[tokio::test]
async fn a_refused_file_is_listed_until_it_is_mended_or_gone() {
    let folder = Folder::new();
    folder.persona("a", "1");
    let server = folder.serve(following()).await;
    folder.write("a.md", "---\nname: a\n---\n# No description\n");
    until("it is refused", || async { refused(&server).await.len() == 1 }).await;
    let first = refused(&server).await.remove(0);
    assert_eq!((first.reason(), first.name.as_str()), (Reason::Invalid, "a"));
    assert_eq!(stored(&server, "a").await, Some(document("a", "1")), "what was there stays");
    // Still bad in another way: refused since the first time.
    folder.write("a.md", "no front matter at all\n");
    until("the reason is the new one", || async {
        refused(&server).await.iter().any(|file| file.diagnostics.iter().any(|found| found.code == "SYN005"))
    })
    .await;
    assert_eq!(refused(&server).await[0].refuse_time, first.refuse_time);
    folder.persona("a", "2");
    until("it is mended", || async { refused(&server).await.is_empty() }).await;
    assert_eq!(stored(&server, "a").await, Some(document("a", "2")));

    folder.write("b.md", "no front matter at all\n");
    until("it is refused", || async { refused(&server).await.len() == 1 }).await;
    folder.remove("b.md");
    until("it is gone", || async { refused(&server).await.is_empty() }).await;
}

#[tokio::test]
async fn the_second_of_two_files_takes_the_name_when_the_first_goes() {
    let folder = Folder::new();
    folder.write("1.md", document("a", "first"));
    folder.write("2.md", document("a", "second"));
    let server = folder.serve(following()).await;
    assert_eq!(stored(&server, "a").await, Some(document("a", "first")));
    assert_eq!(refused(&server).await[0].reason(), Reason::DuplicateName);
    let before = server.registry.head().0;
    folder.remove("1.md");
    until_stored(&server, "a", Some(&document("a", "second"))).await;
    until("nothing is refused", || async { refused(&server).await.is_empty() }).await;
    assert_eq!(server.registry.head().0 - before, 1, "it was never deleted in between");
}

#[tokio::test]
async fn a_copy_does_not_take_the_name_from_the_file_that_has_it() {
    let folder = Folder::new();
    folder.persona("m", "1");
    let server = folder.serve(following()).await;
    // It stands before the other one, and is only about to become another persona.
    folder.write("a_copy.md", document("m", "draft"));
    until("it is refused", || async {
        refused(&server)
            .await
            .iter()
            .any(|file| file.path == "a_copy.md" && file.reason() == Reason::DuplicateName)
    })
    .await;
    assert_eq!((stored(&server, "m").await, refused(&server).await.len()), (Some(document("m", "1")), 1));
    let server = server.restart().await;
    assert_eq!(stored(&server, "m").await, Some(document("m", "1")), "a start knows it too");
    folder.write("a_copy.md", document("a", "1"));
    until_stored(&server, "a", Some(&document("a", "1"))).await;
    assert_eq!(version(&server, "m").await, 1);
}

#[tokio::test]
async fn what_is_taken_with_warnings_or_has_lost_its_file_is_counted() {
    let folder = Folder::new();
    folder.persona("a", "1");
    let seeding = persona_registry::seed::Options { prune: false, ..following() };
    let server = folder.serve(seeding).await;
    folder.write("b.md", "---\nname: b\ndescription: Use when: always.\n---\n# B\n\nText.\n");
    until("it is counted", || async { state(&server).await.warned == 1 }).await;
    folder.remove("a.md");
    until("it is missed", || async { state(&server).await.missing == 1 }).await;
    assert!(stored(&server, "a").await.is_some());
    folder.persona("a", "1");
    until("it is back", || async { state(&server).await.missing == 0 }).await;
}

#[tokio::test]
async fn a_conflict_is_told_and_is_over_when_either_door_mends_it() {
    let folder = Folder::new();
    folder.persona("a", "1");
    let server = folder.serve(following()).await;
    let mut client = server.client().await;
    client.put_persona(put("a", "theirs")).await.unwrap();
    folder.persona("a", "ours");
    until("it is a conflict", || async {
        refused(&server).await.first().is_some_and(|file| file.reason() == Reason::Conflict)
    })
    .await;
    assert_eq!(stored(&server, "a").await, Some(document("a", "theirs")));
    // Made equal over there: nothing happened in the folder.
    client.put_persona(put("a", "ours")).await.unwrap();
    until("it is over", || async { refused(&server).await.is_empty() }).await;
    folder.persona("a", "ours 2");
    until_stored(&server, "a", Some(&document("a", "ours 2"))).await;

    client.delete_persona(delete("a")).await.unwrap();
    folder.persona("a", "ours 3");
    until("it is a conflict", || async { refused(&server).await.len() == 1 }).await;
    assert_eq!(stored(&server, "a").await, None, "what was deleted there is not brought back unasked");
    assert!(refused(&server).await[0].message.contains("was deleted in the registry"));
    // Given up over here.
    folder.remove("a.md");
    folder.persona("other", "1");
    until("it is over", || async { refused(&server).await.is_empty() }).await;
}

#[tokio::test]
async fn without_pruning_a_deleted_file_leaves_its_persona() {
    let folder = Folder::new();
    folder.persona("a", "1");
    let seeding =
        persona_registry::seed::Options { prune: false, gone: std::time::Duration::ZERO, ..following() };
    let server = folder.serve(seeding).await;
    folder.remove("a.md");
    passed(&folder, &server).await;
    passed(&folder, &server).await;
    assert!(stored(&server, "a").await.is_some());
}

#[tokio::test]
async fn a_file_that_may_not_be_read_is_told_and_read_once_it_may() {
    let folder = Folder::new();
    folder.persona("a", "1");
    let server = folder.serve(following()).await;
    std::fs::set_permissions(folder.file("a.md"), std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(folder.file("a.md")).is_ok() {
        eprintln!("permissions do not bind this user: this test has shown nothing");
        return;
    }
    folder.persona("b", "1");
    until("it is refused", || async { refused(&server).await.len() == 1 }).await;
    assert_eq!(refused(&server).await[0].reason(), Reason::Unreadable);
    std::fs::set_permissions(folder.file("a.md"), std::fs::Permissions::from_mode(0o644)).unwrap();
    until("it is read", || async { refused(&server).await.is_empty() }).await;
}

#[tokio::test]
async fn a_volume_that_changes_by_one_link_is_taken_in_whole() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    let release = |release: &str, text: &str| {
        for name in ["a", "b"] {
            folder.write(&format!("..{release}/{name}.md"), document(name, text));
        }
        symlink(format!("..{release}"), folder.file("..new")).unwrap();
        rename(&folder.file("..new"), &folder.file("..data"));
    };
    release("1", "one");
    for name in ["a.md", "b.md"] {
        symlink(format!("..data/{name}"), folder.file(name)).unwrap();
    }
    let server = folder.serve(following()).await;
    assert_eq!(stored(&server, "a").await, Some(document("a", "one")));
    release("2", "two");
    until_stored(&server, "a", Some(&document("a", "two"))).await;
    until_stored(&server, "b", Some(&document("b", "two"))).await;
    assert_eq!((version(&server, "a").await, refused(&server).await.len()), (2, 0));
}

#[tokio::test]
async fn a_link_to_a_folder_is_seen_when_it_comes_and_when_it_goes() {
    let folder = Folder::new();
    folder.persona("other", "1");
    folder.write("..data/agents/a.md", document("a", "1"));
    let server = folder.serve(following()).await;
    assert_eq!(stored(&server, "a").await, None, "nothing leads there");
    std::os::unix::fs::symlink("..data/agents", folder.file("agents")).unwrap();
    until_stored(&server, "a", Some(&document("a", "1"))).await;
    folder.write("..data/agents/a.md", document("a", "2"));
    until_stored(&server, "a", Some(&document("a", "2"))).await;
    folder.remove("agents");
    until_stored(&server, "a", None).await;
}

#[tokio::test]
async fn a_registry_that_takes_no_writes_is_tried_again() {
    let folder = Folder::new();
    folder.persona("a", "1");
    let mut disk = None;
    let server = Server::start_with(|options| {
        folder.feed(options, following());
        options.registry.journal.reserve_bytes = 4096;
        disk = Some(Disk::of(options));
    })
    .await;
    let disk = disk.unwrap();
    disk.set(Mood::Full);
    // More than the journal has room for ahead of its records.
    let large = "word ".repeat(2000);
    for name in ["a", "b", "c"] {
        folder.persona(name, &large);
    }
    until("all are refused", || async {
        let files = refused(&server).await;
        files.len() == 3 && files.iter().all(|file| file.reason() == Reason::NotWritten)
    })
    .await;
    assert!(refused(&server).await[0].message.contains("disk is full"));
    assert_eq!((state(&server).await.files, stored(&server, "a").await), (0, Some(document("a", "1"))));
    disk.set(Mood::Well);
    // Nothing happens in the folder: the registry is asked again by itself.
    for name in ["a", "b", "c"] {
        until_stored(&server, name, Some(&document(name, &large))).await;
    }
    until("nothing is refused", || async { refused(&server).await.is_empty() }).await;
}

#[tokio::test]
async fn what_the_system_does_not_tell_is_found_by_a_look_now_and_then() {
    let folder = Folder::new();
    folder.persona("a", "1");
    let seeding =
        persona_registry::seed::Options { rescan: std::time::Duration::from_millis(50), ..following() };
    let server = folder.serve(seeding).await;
    // Written to under a name outside of the folder, which is not watched.
    let outside = folder.file("../outside.md");
    std::fs::hard_link(folder.file("a.md"), &outside).unwrap();
    std::fs::write(&outside, document("a", "2")).unwrap();
    until_stored(&server, "a", Some(&document("a", "2"))).await;
}

#[tokio::test]
async fn a_folder_that_went_and_came_back_at_once_is_still_followed() {
    let folder = Folder::new();
    folder.write("sub/a.md", document("a", "1"));
    let server = folder.serve(following()).await;
    // The very same folder: nothing but the way it went tells.
    rename(&folder.file("sub"), &folder.file("other"));
    rename(&folder.file("other"), &folder.file("sub"));
    passed(&folder, &server).await;
    folder.write("sub/a.md", document("a", "2"));
    until_stored(&server, "a", Some(&document("a", "2"))).await;
}

#[tokio::test]
async fn a_folder_that_is_copied_back_loses_nothing() {
    let folder = Folder::new();
    for number in 0..20 {
        folder.persona(&format!("p-{number}"), "1");
    }
    let gone = std::time::Duration::from_millis(1500);
    let server = folder.serve(persona_registry::seed::Options { gone, ..following() }).await;
    let before = server.registry.head();
    let since = std::time::Instant::now();
    std::fs::remove_dir_all(folder.path()).unwrap();
    // Missing for longer than a file may be, which counts for nothing: there was no folder to miss it from.
    until("it is missed", || async { !state(&server).await.problem.is_empty() && since.elapsed() > gone })
        .await;
    // Half of it is back, and seen.
    for number in 0..10 {
        let name = format!("p-{number}");
        let copy = folder.path().with_file_name("copy");
        std::fs::create_dir_all(&copy).unwrap();
        std::fs::write(copy.join(format!("{name}.md")), document(&name, "1")).unwrap();
    }
    rename(&folder.path().with_file_name("copy"), &folder.path());
    until("half is back", || async { state(&server).await.files == 10 }).await;
    for number in 10..20 {
        folder.persona(&format!("p-{number}"), "1");
    }
    until("all is back", || async { state(&server).await.files == 20 }).await;
    assert_eq!(server.registry.head(), before, "nothing was deleted, nothing made again");
}

#[tokio::test]
async fn a_file_that_moves_to_another_folder_of_the_namespace_keeps_its_persona() {
    let (from, to) = (Folder::new(), Folder::new());
    from.persona("a", "1");
    from.persona("b", "1");
    to.persona("c", "1");
    let server = Server::start_with(|options| {
        from.feed(options, following());
        options.sources.push(to.source());
    })
    .await;
    let before = server.registry.head();
    rename(&from.file("a.md"), &to.file("a.md"));
    let source = from.source().id();
    until("it is given up", || async { server.registry.bases(&source).await.unwrap().len() == 1 }).await;
    assert_eq!((server.registry.head(), version(&server, "a").await), (before, 1));
    // It goes on with its file, and with its file it goes.
    to.persona("a", "2");
    until_stored(&server, "a", Some(&document("a", "2"))).await;
    to.remove("a.md");
    until_stored(&server, "a", None).await;
}

#[tokio::test]
async fn a_change_of_what_git_ignores_is_a_change_of_the_folder() {
    let folder = Folder::new();
    folder.persona("a", "1");
    folder.persona("draft", "1");
    std::fs::create_dir(folder.file("../.git")).unwrap();
    folder.write("../.gitignore", "draft.md\n");
    let server = folder.serve(following()).await;
    assert_eq!(stored(&server, "draft").await, None);
    folder.write("../.gitignore", "\n");
    until_stored(&server, "draft", Some(&document("draft", "1"))).await;
}

#[tokio::test]
async fn a_folder_that_is_not_followed_is_left_alone() {
    let folder = Folder::new();
    folder.persona("a", "1");
    let server = folder.serve(plain()).await;
    assert!(!state(&server).await.following);
    folder.persona("a", "2");
    // The same folder, followed by another server: once that one saw it, this one had its time too.
    let other = folder.serve(following()).await;
    until_stored(&other, "a", Some(&document("a", "2"))).await;
    assert_eq!(stored(&server, "a").await, Some(document("a", "1")));
}
