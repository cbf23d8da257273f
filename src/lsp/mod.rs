//! The judge as a language server: an editor tells what is open in it, and is told what is found there, how to mend it
//! and what it means. One thread reads, one answers each message in its turn; nothing of an editor's waits in memory
//! but a few messages.

mod actions;
mod client;
mod findings;
mod folders;
mod frame;
mod hover;
mod message;
mod open;
mod pages;
mod place;
mod position;
mod session;
mod symbols;
mod workspace;

use std::io::{self, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use gen_lsp_types::ErrorCodes;
use gen_lsp_types::json_rpc::Error;

use session::Session;

use crate::domain::BoundWaiver;
use crate::validate;

/// Messages that were read and wait.
const QUEUE: usize = 4;

/// Messages after which findings are told even if more are waiting.
const BURST: usize = 64;

/// How editors are served.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where in a workspace personas are; anywhere when empty.
    pub only: Vec<PathBuf>,
    /// Where pages of rules are kept for editors to open; findings lead to no page without.
    pub pages: Option<PathBuf>,
    /// Which findings are told, and how bad each is.
    pub judging: validate::Options,
    /// Findings that documents may carry.
    pub waivers: Arc<[BoundWaiver]>,
}

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As the protocol has it: `shutdown` before the end.
    Farewell,
    /// Without.
    Abrupt,
}

/// Something to deal with.
#[derive(Debug)]
enum Event {
    /// A message came.
    Message(Vec<u8>),
    /// A message without a length was passed over.
    NoLength,
    /// A message of so many bytes was passed over.
    TooLarge(u64),
    /// No more will come.
    Closed,
    /// The personas of a folder are known.
    Surveyed(PathBuf, folders::Surveyed),
}

/// Serves one editor until it says that it ends or its stream does.
///
/// # Errors
/// When the editor takes no more.
pub fn serve(
    input: impl Read + Send + 'static,
    output: &mut impl Write,
    options: Options,
) -> io::Result<Ended> {
    let (events, coming) = sync_channel(QUEUE);
    let mut session = Session::new(options, events.clone());
    std::thread::Builder::new().name("editor".to_owned()).spawn(move || listen(input, &events))?;
    while let Ok(mut event) = coming.recv() {
        // What was typed while findings were being told is taken in at once, and judged once.
        for _ in 0..BURST {
            let ended = session.take(event);
            for message in session.said() {
                frame::write(output, &serde_json::to_vec(&message)?)?;
            }
            if let ControlFlow::Break(ended) = ended {
                return Ok(ended);
            }
            match coming.try_recv() {
                Ok(next) => event = next,
                Err(_) => break,
            }
        }
        session.settle();
        for message in session.said() {
            frame::write(output, &serde_json::to_vec(&message)?)?;
        }
    }
    Ok(Ended::Abrupt)
}

/// Reads to the end of the stream, or until nobody listens any more.
fn listen(input: impl Read, events: &SyncSender<Event>) {
    let mut input = BufReader::new(input);
    loop {
        let event = frame::read(&mut input).unwrap_or_else(|error| {
            tracing::warn!(%error, "the editor cannot be read any more");
            None
        });
        let is_over = event.is_none();
        if events.send(event.unwrap_or(Event::Closed)).is_err() || is_over {
            return;
        }
    }
}

/// A fault of ours ends what it happened in, and not the conversation.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
        message::error(ErrorCodes::InternalError, "the server has a fault; its log says where".to_owned())
    })
}
