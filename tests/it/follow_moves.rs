//! Folders within a followed one that go and come: what is written in them later is heard, as in all others.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use persona_registry::seed::Source;
use persona_registry::wire::pb;

use crate::harness::{PATIENCE, Server, bytes_of, document, get};

/// Follows a folder of which only that is seen which is heard.
async fn following(folder: &Path) -> Server {
    let dir = folder.to_owned();
    Server::start_with(|options| {
        options.sources = vec![Source { namespace: "default".parse().unwrap(), dir }];
        options.seeding.follow = true;
        options.seeding.rescan = Duration::from_secs(3600);
    })
    .await
}

async fn comes(server: &Server, content: &[u8]) {
    let (mut client, end) = (server.client().await, Instant::now() + PATIENCE);
    loop {
        let got = client.get_persona(get("a")).await.ok().and_then(|got| got.into_inner().persona);
        if got.is_some_and(|persona| bytes_of(&persona) == content) {
            return;
        }
        assert!(Instant::now() < end, "it was not heard");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the folder was read after this moment.
async fn read_again(server: &Server) {
    let (mut admin, end) = (server.admin().await, Instant::now() + PATIENCE);
    let now = prost_types::Timestamp::from(std::time::SystemTime::now());
    let is_later = |time: prost_types::Timestamp| (time.seconds, time.nanos) > (now.seconds, now.nanos);
    loop {
        let status = admin.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
        if status.folders[0].read_time.is_some_and(is_later) {
            return;
        }
        assert!(Instant::now() < end, "it was not heard");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn check(change: impl Fn(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("team/area/a.md");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, document("a", "1")).unwrap();
    let server = following(folder.path()).await;
    // Whoever hears this hears the rest.
    fs::write(&file, document("a", "2")).unwrap();
    comes(&server, &document("a", "2")).await;
    change(folder.path());
    read_again(&server).await;
    fs::write(&file, document("a", "3")).unwrap();
    comes(&server, &document("a", "3")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_went_and_came_back_at_once_is_heard() {
    for moved in ["team", "team/area"] {
        check(|folder| {
            fs::rename(folder.join(moved), folder.join("aside")).unwrap();
            fs::rename(folder.join("aside"), folder.join(moved)).unwrap();
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_was_made_anew_is_heard() {
    check(|folder| {
        fs::remove_dir_all(folder.join("team/area")).unwrap();
        fs::create_dir(folder.join("team/area")).unwrap();
    })
    .await;
}
