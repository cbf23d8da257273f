//! One conversation with an editor, from `initialize` to `exit`: what it asks for and tells, each in its turn.

use std::ops::ControlFlow;
use std::sync::mpsc::SyncSender;

use gen_lsp_types::ErrorCodes;
use gen_lsp_types::json_rpc::{Error, Id};
use serde_json::Value;

use super::client::{Client, welcome};
use super::message::{Call, Incoming, Outgoing, error, read};
use super::workspace::Workspace;
use super::{Ended, Event, Options, guarded};

/// How far the conversation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing but `initialize` is answered.
    Silent,
    /// Everything is.
    Talking,
    /// Nothing is waited for but `exit`.
    ShutDown,
}

/// The conversation.
#[derive(Debug)]
pub(super) struct Session {
    phase: Phase,
    workspace: Workspace,
    /// Answers that are to be given.
    answers: Vec<Outgoing>,
}

impl Session {
    pub(super) fn new(options: Options, events: SyncSender<Event>) -> Self {
        Self { phase: Phase::Silent, workspace: Workspace::new(options, events), answers: Vec::new() }
    }

    /// What is to be said since this was last asked.
    pub(super) fn said(&mut self) -> Vec<Outgoing> {
        let mut said = std::mem::take(&mut self.answers);
        said.append(&mut self.workspace.said());
        said
    }

    /// Judges what changed, and tells what changed of that.
    pub(super) fn settle(&mut self) {
        if let Err(error) = guarded(|| self.workspace.settle()) {
            tracing::error!("{}", error.message);
        }
    }

    /// Takes what happened. Breaks off when the conversation is over.
    pub(super) fn take(&mut self, event: Event) -> ControlFlow<Ended> {
        let ended = if self.phase == Phase::ShutDown { Ended::Farewell } else { Ended::Abrupt };
        match event {
            Event::Closed => return ControlFlow::Break(ended),
            Event::Surveyed(root, files) => self.workspace.surveyed(&root, files),
            Event::NoLength => {
                let message = "the header of a message has no Content-Length";
                self.refuse(Id::Null, error(ErrorCodes::ParseError, message.to_owned()));
            }
            Event::TooLarge(length) => self.workspace.lose_track(length),
            Event::Message(body) => match read(&body) {
                Incoming::Notification(call) if call.method == "exit" => return ControlFlow::Break(ended),
                Incoming::Notification(call) => self.notified(&call),
                Incoming::Request(id, call) => self.asked(id, &call),
                Incoming::Answer => {}
                Incoming::Wrong(id, error) => self.refuse(id, error),
            },
        }
        ControlFlow::Continue(())
    }

    fn refuse(&mut self, id: Id, error: Error) {
        tracing::warn!(code = ?error.code, "refused: {}", error.message);
        self.answers.push(Outgoing::answer(id, Err(error)));
    }

    fn asked(&mut self, id: Id, call: &Call) {
        let result = match (self.phase, call.method.as_str()) {
            (Phase::Silent, "initialize") => self.initialize(call),
            (Phase::Silent, _) => {
                Err(error(ErrorCodes::ServerNotInitialized, "`initialize` comes first".to_owned()))
            }
            (Phase::Talking, "initialize") => {
                Err(error(ErrorCodes::InvalidRequest, "`initialize` was there already".to_owned()))
            }
            (Phase::ShutDown, _) => {
                Err(error(ErrorCodes::InvalidRequest, "after `shutdown` only `exit` is expected".to_owned()))
            }
            (Phase::Talking, "shutdown") => {
                self.phase = Phase::ShutDown;
                Ok(Value::Null)
            }
            (Phase::Talking, _) => guarded(|| self.workspace.answer(call)).and_then(|result| result),
        };
        match result {
            Ok(result) => self.answers.push(Outgoing::answer(id, Ok(result))),
            Err(error) => self.refuse(id, error),
        }
    }

    fn initialize(&mut self, call: &Call) -> Result<Value, Error> {
        let client = Client::of(&call.params()?);
        let welcome = welcome(client.encoding);
        self.phase = Phase::Talking;
        self.workspace.begin(client);
        Ok(welcome)
    }

    fn notified(&mut self, call: &Call) {
        if self.phase != Phase::Talking {
            return;
        }
        match guarded(|| self.workspace.told(call)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) | Err(error) => {
                tracing::warn!(method = call.method, "passed over: {}", error.message)
            }
        }
    }
}
