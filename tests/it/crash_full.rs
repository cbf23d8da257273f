//! A real file system that runs full under a running server, and gets room again.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use persona_registry::server::Options;
use persona_registry::wire::pb::{
    self, ErrorReason, get_status_response::WriteState, watch_personas_response::Event,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::harness::{Server, bytes_of, document, get, put, reason, refused, soon};

/// A small file system of the test's own in memory. Mounting takes root; without it the test says so and ends.
pub struct Disk(tempfile::TempDir);

impl Disk {
    pub fn mount(mebibytes: usize) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(dir)),
            refused => {
                eprintln!("SKIPPED: a small file system cannot be mounted here: {refused:?}");
                None
            }
        }
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }

    /// Takes all room but this much.
    pub fn fill(&self, leave: u64) {
        let mut file = fs::File::options().create(true).append(true).open(self.ballast()).unwrap();
        let block = [7; 4096];
        while free(self.0.path()) > leave {
            if file.write_all(&block).is_err() {
                return;
            }
        }
    }

    pub fn empty(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a failed test may leave a server that still has files open.
        drop(Command::new("umount").arg("-l").arg(self.0.path()).status());
    }
}

fn free(path: &Path) -> u64 {
    let stat = rustix::fs::statvfs(path).unwrap();
    stat.f_bavail * stat.f_frsize
}

const MIB: u64 = 1 << 20;

pub fn on(disk: &Disk) -> impl FnOnce(&mut Options) {
    let data_dir = disk.0.path().join("data");
    move |options| {
        options.registry.data_dir = data_dir;
        options.registry.min_free_bytes = 4 * MIB;
        // Checkpoints at every tick: the engine writes whether there is room or not.
        options.registry.checkpoint_interval = Duration::ZERO;
        options.registry.store.cache_bytes = 512 * 1024;
    }
}

/// Waits until the status says so.
pub async fn until_state(server: &Server, state: WriteState) {
    let mut admin = server.admin().await;
    soon(async {
        loop {
            let status = admin.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
            if status.write_state() == state {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

fn body(n: usize) -> String {
    format!("{n} ").repeat(2000)
}

/// Everything written so far is there, by get and by list.
async fn all_there(server: &Server, count: usize) {
    let mut client = server.client().await;
    for n in 0..count {
        let name = format!("p-{n}");
        let persona = client.get_persona(get(&name)).await.unwrap().into_inner().persona.unwrap();
        assert_eq!(bytes_of(&persona), document(&name, &body(n)));
    }
    let mut request = pb::ListPersonasRequest { page_size: 500, ..Default::default() };
    let mut listed = 0;
    loop {
        let page = client.list_personas(request.clone()).await.unwrap().into_inner();
        listed += page.personas.len();
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, count);
}

async fn write(server: &Server, range: std::ops::Range<usize>) {
    let mut client = server.client().await;
    for n in range {
        client.put_persona(put(&format!("p-{n}"), &body(n))).await.unwrap();
    }
}

async fn follow(server: &Server) -> tonic::Streaming<pb::WatchPersonasResponse> {
    let start = Some(pb::watch_personas_request::Start::FromNow(true));
    let request = pb::WatchPersonasRequest { start, ..Default::default() };
    let mut stream = server.client().await.watch_personas(request).await.unwrap().into_inner();
    assert!(matches!(soon(stream.message()).await.unwrap().unwrap().event, Some(Event::Opened(_))));
    stream
}

async fn is_refused(server: &Server) {
    let written = server.client().await.put_persona(put("too-much", "x")).await;
    let status = refused(written, Code::ResourceExhausted, ErrorReason::StoreFull);
    assert!(status.get_error_details().retry_info().and_then(|info| info.retry_delay).is_some());
}

/// With this little left of the disk, and writes refused below `min_free`.
async fn full(leave: u64, min_free: u64) {
    let Some(disk) = Disk::mount(80) else { return };
    let options = on(&disk);
    let mut server = Server::start_with(|it| {
        options(it);
        it.registry.min_free_bytes = min_free;
    })
    .await;
    write(&server, 0..50).await;
    let mut stream = follow(&server).await;

    disk.fill(leave);
    is_refused(&server).await;
    until_state(&server, WriteState::Full).await;
    all_there(&server, 50).await;
    let mut second = follow(&server).await;

    disk.empty();
    until_state(&server, WriteState::Writable).await;
    write(&server, 50..60).await;
    for stream in [&mut stream, &mut second] {
        let told = soon(stream.message()).await.unwrap().unwrap();
        assert!(matches!(told.event, Some(Event::Changes(_))), "{told:?}");
    }
    all_there(&server, 60).await;

    // A start on the full disk serves what is there and goes on refusing, or says what it takes.
    disk.fill(leave);
    drop((stream, second));
    let stopped = server.stop().await;
    let again = stopped.again();
    server = match stopped.start().await {
        Ok(server) => {
            assert!(leave > 8 * MIB);
            all_there(&server, 60).await;
            is_refused(&server).await;
            disk.empty();
            until_state(&server, WriteState::Writable).await;
            server
        }
        Err(error) => {
            let error = error.to_string();
            assert!(
                leave < 8 * MIB && error.contains("is full") && error.contains("free some space"),
                "{error}"
            );
            disk.empty();
            again.start().await.unwrap()
        }
    };
    all_there(&server, 60).await;
    write(&server, 60..70).await;
    all_there(&server.restart().await, 70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_e_server_below_its_margin() {
    full(12 * MIB, 16 * MIB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_e_server_with_little_room_left() {
    full(2 * MIB, 4 * MIB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_e_server_with_no_room_at_all() {
    full(0, 4 * MIB).await;
}

/// Without a margin the view itself meets the end of the disk, when the journal has already taken the write: that one's
/// outcome is unknown to the client, and nothing acknowledged is lost. With room again all comes back by itself.
#[tokio::test(flavor = "multi_thread")]
async fn crash_e_server_that_fills_the_disk_itself() {
    let Some(disk) = Disk::mount(40) else { return };
    let options = on(&disk);
    let server = Server::start_with(|it| {
        options(it);
        it.registry.min_free_bytes = 0;
    })
    .await;
    disk.fill(6 * MIB);
    let mut client = server.client().await;
    let mut written = 0;
    let refusal = loop {
        match client.put_persona(put(&format!("p-{written}"), &body(written))).await {
            Ok(_) => written += 1,
            Err(status) => break status,
        }
    };
    println!("{written} written, then {refusal:?}");
    let of_unknown_outcome = reason(&refusal) == ErrorReason::WriteOutcomeUnknown;
    assert!(of_unknown_outcome || reason(&refusal) == ErrorReason::StoreFull);
    is_refused(&server).await;
    until_state(&server, WriteState::Full).await;
    // Reads meanwhile are right or refused, and never wrong.
    for n in 0..written {
        let name = format!("p-{n}");
        match client.get_persona(get(&name)).await {
            Ok(got) => assert_eq!(bytes_of(&got.into_inner().persona.unwrap()), document(&name, &body(n))),
            Err(status) => assert_eq!(status.code(), Code::DataLoss, "{status:?}"),
        }
    }
    disk.empty();
    until_state(&server, WriteState::Writable).await;
    let last = written + usize::from(of_unknown_outcome);
    all_there(&server, last).await;
    write(&server, last..last + 10).await;
    all_there(&server.restart().await, last + 10).await;
}
