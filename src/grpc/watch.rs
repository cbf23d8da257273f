//! The watch stream: events in domain terms become messages, one at a time, when the reader asks.

use std::time::Duration;

use tokio_stream::Stream;
use tonic::Status;

use super::parse::Checks;
use super::persona_service::size;
use super::status;
use crate::domain::{Caller, Name, Namespace, Revision, StoreId, Version, View, limits};
use crate::registry::{Error, Event, Mode, PersonaChange, Registry, Selection, Start, Watch, WatchRequest};
use crate::wire::{self, pb};
use pb::persona_change::Type;
use pb::watch_personas_response::{
    Changes, Closing, Event as Wire, Opened, Progress, Snapshot, Synced, closing,
};

/// How long a client waits before it comes back to a server that is shutting down.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Checks the request and takes a place among the streams.
pub(super) fn begin(
    registry: &Registry,
    caller: &Caller,
    request: pb::WatchPersonasRequest,
) -> Result<impl Stream<Item = Result<pb::WatchPersonasResponse, Status>> + Send + use<>, Error> {
    let request = parse(request)?;
    let messages = Messages {
        store_id: registry.store_id(),
        view: request.view,
        mode: request.mode,
        progress_interval: request.progress_interval,
    };
    let watch = registry.watch(caller, request, size)?;
    Ok(futures_util::stream::unfold(Some((watch, messages)), |state| async move {
        let (mut watch, messages): (Watch, Messages) = state?;
        match watch.next().await {
            Ok(Some((event, resume_token))) => {
                let event = Some(messages.event(event));
                Some((Ok(pb::WatchPersonasResponse { event, resume_token }), Some((watch, messages))))
            }
            Ok(None) => Some((Err(status::of(&Error::Draining)), None)),
            Err(error) => Some((Err(status::of(&error)), None)),
        }
    }))
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
}

impl Messages {
    fn event(&self, event: Event) -> Wire {
        match event {
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
            Event::Changes { revision, time, changes, fragment } => Wire::Changes(Changes {
                revision: wire::number(revision.0),
                changes: changes.into_iter().map(|change| self.change(change)).collect(),
                fragment,
                commit_time: Some(wire::timestamp(time)),
            }),
            Event::Progress(revision) => Wire::Progress(Progress { revision: wire::number(revision.0) }),
            Event::Closing => Wire::Closing(Closing {
                reason: closing::Reason::ServerDraining.into(),
                retry_delay: prost_types::Duration::try_from(RETRY_DELAY).ok(),
            }),
        }
    }

    fn change(&self, change: PersonaChange) -> pb::PersonaChange {
        let (kind, persona) = match change {
            PersonaChange::Created(persona) => (Type::Created, wire::persona(&persona, self.view)),
            PersonaChange::Updated(persona) => (Type::Updated, wire::persona(&persona, self.view)),
            PersonaChange::Deleted(namespace, name, version, revision) => {
                (Type::Deleted, gone(&namespace, &name, version, revision))
            }
            PersonaChange::Left(namespace, name, version, revision) => {
                (Type::Left, gone(&namespace, &name, version, revision))
            }
        };
        pb::PersonaChange { r#type: kind.into(), persona: Some(persona) }
    }
}

/// What is told of a persona that is no longer shown.
fn gone(namespace: &Namespace, name: &Name, version: Version, revision: Revision) -> pb::Persona {
    pb::Persona {
        namespace: namespace.to_string(),
        name: name.to_string(),
        version: wire::number(version.0),
        revision: wire::number(revision.0),
        ..pb::Persona::default()
    }
}
