//! A snapshot of the whole store as a stream of bytes, taken while writes go on.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use super::committer::Command;
use super::snapshots::Running;
use super::{Error, Registry};
use crate::domain::{Caller, Permission, Revision};
use crate::store::snapshot::SnapshotError;

/// Bytes of a chunk.
const CHUNK: usize = 256 * 1024;
/// Chunks that wait for the reader.
const AHEAD: usize = 4;
/// How long a chunk may wait for the reader: nothing is pruned as long as the view is walked.
const STALL: Duration = Duration::from_secs(60);

/// A snapshot that is being taken. Dropped, it is given up.
#[derive(Debug)]
pub struct Backup {
    revision: Revision,
    chunks: mpsc::Receiver<Result<Bytes, Error>>,
    drain: watch::Receiver<bool>,
}

impl Backup {
    /// The revision at which it was begun. It shows that one or a later one.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The next bytes of the file; none behind its end. After an error nothing comes.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        tokio::select! {
            chunk = self.chunks.recv() => chunk,
            _ = self.drain.wait_for(|drain| *drain) => {
                self.chunks.close();
                Some(Err(Error::Draining))
            }
        }
    }
}

impl Registry {
    /// Takes a snapshot of the whole store at one revision: every write that returned before is in it.
    #[tracing::instrument(level = "debug", skip_all, err(level = "debug"))]
    pub async fn backup(&self, caller: &Caller) -> Result<Backup, Error> {
        caller.require_everywhere(Permission::Administer)?;
        let (reply, dump) = oneshot::channel();
        if self.commands.send(Command::Dump(reply)).await.is_err() {
            return Err(self.gone());
        }
        let dump = dump.await.map_err(|_| self.gone())??;
        let (sender, chunks) = mpsc::channel(AHEAD);
        let backup = Backup { revision: dump.header.revision, chunks, drain: self.drain.subscribe() };
        let (registry, handle) = (self.clone(), Handle::current());
        tokio::task::spawn_blocking(move || {
            let running = Arc::clone(&dump.running);
            let pipe = Pipe::new(sender.clone(), Arc::clone(&running), handle.clone());
            let written = dump.write(pipe, &registry.commands.downgrade());
            let Err(error) = written else { return };
            // Whatever it failed by then, it was no longer wanted.
            let error = if running.is_cancelled() { SnapshotError::Cancelled } else { error };
            let number = dump.view.number;
            // A view that is to be made anew must not be held, nor the place for another snapshot.
            drop((dump, running));
            if let SnapshotError::Store(error) = &error {
                handle.block_on(registry.heal(number, error));
            }
            drop(sender.blocking_send(Err(refusal(error))));
        });
        Ok(backup)
    }
}

fn refusal(error: SnapshotError) -> Error {
    match error {
        SnapshotError::Cancelled => {
            Error::Busy("the snapshot was given up for something that goes before it")
        }
        SnapshotError::Store(error) => error.into(),
        other => Error::Internal(format!("the snapshot could not be taken: {other}")),
    }
}

/// Cuts bytes into chunks and hands them to a reader, for as long as that one takes some.
struct Pipe {
    chunk: Vec<u8>,
    sender: mpsc::Sender<Result<Bytes, Error>>,
    running: Arc<Running>,
    handle: Handle,
}

impl Pipe {
    fn new(sender: mpsc::Sender<Result<Bytes, Error>>, running: Arc<Running>, handle: Handle) -> Self {
        Self { chunk: Vec::new(), sender, running, handle }
    }

    fn send(&mut self) -> io::Result<()> {
        let chunk = Bytes::from(std::mem::take(&mut self.chunk));
        let sent = self.handle.block_on(async {
            tokio::select! {
                sent = tokio::time::timeout(STALL, self.sender.send(Ok(chunk))) => sent.ok()?.ok(),
                () = self.running.cancelled() => None,
            }
        });
        sent.ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (taken, _) = bytes.split_at(bytes.len().min(CHUNK.saturating_sub(self.chunk.len())));
        self.chunk.extend_from_slice(taken);
        if self.chunk.len() >= CHUNK {
            self.send()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() { Ok(()) } else { self.send() }
    }
}
