//! The watch stream: events in domain terms become messages, one at a time, when the reader asks.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tokio_stream::Stream;
use tonic::Status;

use super::made::{ChangeAnswer, ChangesAnswer, WatchAnswer, persona_of};
use super::parse::Checks;
use super::persona_service::{Personas, size};
use super::status;
use super::whole::framed;
use crate::domain::{Caller, Name, Namespace, Revision, StoreId, Version, View, limits};
use crate::registry::{
    Error, Event, Mode, Next, PersonaChange, Selection, Shelf, Start, Told, Watch, WatchRequest,
};
use crate::wire::{self, pb};
use pb::persona_change::Type;
use pb::watch_personas_response::{Closing, Event as Wire, Opened, Progress, Snapshot, Synced, closing};

/// How long a client waits before it comes back to a server that is shutting down.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// A stream's messages, framed.
pub(super) type Framed = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

/// Checks the request and takes a place among the streams.
pub(super) fn begin(
    personas: &Personas,
    caller: &Caller,
    request: pb::WatchPersonasRequest,
) -> Result<Framed, Error> {
    let Personas { registry, shelf, told } = personas;
    let request = parse(request)?;
    let messages = Messages {
        store_id: registry.store_id(),
        view: request.view,
        mode: request.mode,
        progress_interval: request.progress_interval,
        shelf: Arc::clone(shelf),
        told: Arc::clone(told),
    };
    // In a box, since each message moves it.
    let following = Box::new((registry.watch(caller, request, size)?, messages));
    Ok(Box::pin(futures_util::stream::unfold(Some(following), |state| async move {
        let mut following = state?;
        let (watch, messages) = &mut *following;
        match watch.next(&messages.told).await {
            Ok(Some(Next::Told(message))) => Some((Ok(message), Some(following))),
            Ok(Some(Next::Event(event, resume_token))) => {
                let message = messages.framed(watch, event, resume_token);
                if let Ok(message) = &message {
                    watch.tell(&messages.told, message);
                }
                Some((message.map_err(|error| status::of(&error)), Some(following)))
            }
            Ok(None) => Some((Err(status::of(&Error::Draining)), None)),
            Err(error) => Some((Err(status::of(&error)), None)),
        }
    })))
}

fn parse(request: pb::WatchPersonasRequest) -> Result<WatchRequest, Error> {
    use pb::watch_personas_request::Start as WireStart;
    let mut checks = Checks::default();
    let namespace = checks.namespaces(&request.namespace);
    let names = checks.names(&request.names, limits::WATCH_NAMES).into_iter().collect();
    let filter = checks.filter(&request.filter)?;
    let alias = checks.shown_alias("alias", &request.alias);
    let view = checks.view(request.view, View::Full);
    let progress_interval = checks.progress_interval(request.progress_interval);
    let mode = match pb::WatchMode::try_from(request.mode) {
        Ok(pb::WatchMode::Unspecified | pb::WatchMode::Latest) => Mode::Latest,
        Ok(pb::WatchMode::EveryVersion) => Mode::EveryVersion,
        Err(_) => {
            checks.fail("mode", format!("{} is no WatchMode", request.mode));
            Mode::Latest
        }
    };
    let start = match request.start {
        None | Some(WireStart::FromNow(false)) => Start::Snapshot,
        Some(WireStart::FromNow(true)) => Start::Now,
        Some(WireStart::ResumeToken(token)) => Start::Resume(token),
    };
    checks.done()?;
    Ok(WatchRequest {
        selection: Selection { namespace, names, filter, alias, ..Selection::default() },
        start,
        mode,
        view,
        progress_interval,
    })
}

/// What every message of a stream is made with.
struct Messages {
    store_id: StoreId,
    view: View,
    mode: Mode,
    progress_interval: Duration,
    shelf: Arc<Shelf>,
    told: Arc<Told>,
}

impl Messages {
    /// The message that tells of an event of this stream.
    fn framed(&self, watch: &Watch, event: Event, resume_token: String) -> Result<Bytes, Error> {
        let event = match event {
            Event::Changes { revision, time, changes, fragment } => {
                let change = |change| self.change(watch, change);
                let changes = ChangesAnswer {
                    revision: wire::number(revision.0),
                    changes: changes.into_iter().map(change).collect(),
                    fragment,
                    commit_time: Some(wire::timestamp(time)),
                };
                return framed(&WatchAnswer { changes: Some(changes), resume_token });
            }
            Event::Opened(revision) => Wire::Opened(Opened {
                header: Some(wire::header(self.store_id, revision)),
                progress_interval: prost_types::Duration::try_from(self.progress_interval).ok(),
                mode: match self.mode {
                    Mode::Latest => pb::WatchMode::Latest,
                    Mode::EveryVersion => pb::WatchMode::EveryVersion,
                }
                .into(),
            }),
            Event::Snapshot(revision, personas) => Wire::Snapshot(Snapshot {
                revision: wire::number(revision.0),
                personas: personas.iter().map(|persona| wire::persona(persona, self.view)).collect(),
            }),
            Event::Synced(revision, count) => {
                Wire::Synced(Synced { revision: wire::number(revision.0), count: wire::number(count) })
            }
            Event::Progress(revision) => Wire::Progress(Progress { revision: wire::number(revision.0) }),
            Event::Closing => Wire::Closing(Closing {
                reason: closing::Reason::ServerDraining.into(),
                retry_delay: prost_types::Duration::try_from(RETRY_DELAY).ok(),
            }),
        };
        framed(&pb::WatchPersonasResponse { event: Some(event), resume_token })
    }

    fn change(&self, watch: &Watch, change: PersonaChange) -> ChangeAnswer {
        let (kind, persona) = match change {
            PersonaChange::Created(persona) => (Type::Created, persona_of(watch.made(&persona, &self.shelf))),
            PersonaChange::Updated(persona) => (Type::Updated, persona_of(watch.made(&persona, &self.shelf))),
            PersonaChange::Deleted(namespace, name, version, revision) => {
                (Type::Deleted, gone(&namespace, &name, version, revision))
            }
            PersonaChange::Left(namespace, name, version, revision) => {
                (Type::Left, gone(&namespace, &name, version, revision))
            }
        };
        ChangeAnswer { kind: kind.into(), persona: Some(persona) }
    }
}

/// What is told of a persona that is no longer shown.
fn gone(namespace: &Namespace, name: &Name, version: Version, revision: Revision) -> Bytes {
    let persona = pb::Persona {
        namespace: namespace.to_string(),
        name: name.to_string(),
        version: wire::number(version.0),
        revision: wire::number(revision.0),
        ..pb::Persona::default()
    };
    persona.encode_to_vec().into()
}
