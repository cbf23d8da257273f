//! The stream's task: what the registry says becomes what is held.

use std::sync::{Arc, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use super::changes::Change;
use super::options::Part;
use super::view::{Known, Map, Origin, View};
use super::{Shared, disk};
use crate::client::{ClientError, Start, Step, Watch};
use crate::wire::pb;
use crate::wire::pb::persona_change::Type;
use crate::wire::pb::watch_personas_response::Event;

/// Follows until the client is closed.
pub(super) async fn follow(shared: Arc<Shared>, mut closing: watch::Receiver<bool>) {
    let heard = std::sync::Mutex::new(Instant::now());
    let mut follower = Follower { shared: &shared, incoming: Map::new(), parts: Vec::new(), heard: &heard };
    tokio::select! {
        biased;
        _ = closing.wait_for(|closing| *closing) => {}
        () = follower.run() => {}
    }
    let heard = *heard.lock().unwrap_or_else(PoisonError::into_inner);
    shared.view.send_modify(|view| {
        down(view, heard);
        view.settled = true;
        view.error = Some(ClientError::Closed);
    });
}

struct Follower<'a> {
    shared: &'a Shared,
    /// A snapshot that is not complete.
    incoming: Map,
    /// Fragments of one revision.
    parts: Vec<pb::PersonaChange>,
    /// When a stream that had caught up said something for the last time.
    heard: &'a std::sync::Mutex<Instant>,
}

impl Follower<'_> {
    async fn run(&mut self) {
        self.read_disk().await;
        let (start, revision) = {
            let view = self.shared.view.borrow();
            (start(&view), view.revision)
        };
        let checked = &self.shared.checked;
        // A connection that went dead under the stream must not be the one of the calls.
        let client = self.shared.client.apart().unwrap_or_else(|_| self.shared.client.clone());
        let mut watch = client.follow(checked.selection(), start, checked.pace());
        watch.holds(revision);
        loop {
            match watch.next().await {
                Ok(Step::Message(message)) => self.take(*message, &mut watch),
                Ok(Step::Lost { cause, wait }) => {
                    let refused = !cause.is_undecided();
                    if refused {
                        tracing::error!(%cause, ?wait, "the registry refuses the stream of personas");
                    } else {
                        tracing::warn!(%cause, ?wait, "the stream of personas broke, and is opened again");
                    }
                    self.lost(cause, &mut watch);
                }
                // It insists: there is no such end.
                Err(cause) => return self.lost(cause, &mut watch),
            }
        }
    }

    async fn read_disk(&self) {
        let Some(path) = self.shared.checked.options.snapshot_path.clone() else { return };
        let selection = disk::Selected::of(&self.shared.checked);
        let read = tokio::task::spawn_blocking(move || disk::read(&path, &selection)).await;
        let Ok(Some(copy)) = read else { return };
        let told = copy.personas.iter().map(|(name, persona)| Change {
            name: name.clone(),
            before: None,
            after: Some(persona.clone()),
        });
        let told: Vec<_> = told.collect();
        self.change(told, |view| {
            view.personas = Arc::new(copy.personas);
            view.origin = Origin::Disk;
            view.revision = copy.revision;
            view.store_id = copy.store_id;
            view.token = copy.token;
            view.known = Known::Then(copy.time);
        });
    }

    fn take(&mut self, message: pb::WatchPersonasResponse, watch: &mut Watch) {
        let token = message.resume_token;
        let caught_up = watch.is_caught_up();
        let reached = |view: &mut View, revision: i64| {
            view.revision = revision;
            if !token.is_empty() {
                view.token.clone_from(&token);
            }
            if caught_up {
                up(view);
            }
        };
        match message.event {
            Some(Event::Opened(opened)) => {
                self.incoming.clear();
                self.parts.clear();
                let header = opened.header.unwrap_or_default();
                self.change([], |view| {
                    view.streams += 1;
                    view.store_id = header.store_id;
                    if caught_up {
                        up(view);
                    }
                });
            }
            Some(Event::Snapshot(snapshot)) => {
                let named =
                    snapshot.personas.into_iter().map(|persona| (persona.name.clone(), Arc::new(persona)));
                self.incoming.extend(named);
            }
            Some(Event::Synced(synced)) => {
                let mut incoming = std::mem::take(&mut self.incoming);
                let held = self.shared.view.borrow().personas.clone();
                if self.shared.checked.lacks(Part::Sweep) {
                    for (name, persona) in held.iter() {
                        incoming.entry(name.clone()).or_insert_with(|| persona.clone());
                    }
                }
                let told = difference(&held, &incoming);
                drop(held);
                self.change(told, |view| {
                    view.personas = Arc::new(incoming);
                    view.snapshots += 1;
                    view.edition += 1;
                    reached(view, synced.revision);
                });
            }
            Some(Event::Changes(changes)) => {
                self.parts.extend(changes.changes);
                if !changes.fragment {
                    let parts = std::mem::take(&mut self.parts);
                    self.apply(parts, |view| {
                        view.edition += 1;
                        reached(view, changes.revision);
                    });
                }
            }
            Some(Event::Progress(progress)) => self.change([], |view| reached(view, progress.revision)),
            Some(Event::Closing(_)) | None => {}
        }
        if caught_up {
            *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
    }

    fn apply(&self, parts: Vec<pb::PersonaChange>, then: impl FnOnce(&mut View)) {
        let mut hub = self.shared.hub.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told = Vec::new();
        self.shared.view.send_modify(|view| {
            let personas = Arc::make_mut(&mut view.personas);
            for part in parts {
                let kind = part.r#type();
                let Some(persona) = part.persona else { continue };
                let name = persona.name.clone();
                let after = match kind {
                    Type::Created | Type::Updated => Some(Arc::new(persona)),
                    Type::Deleted | Type::Left => None,
                    Type::Unspecified => continue,
                };
                let before = match &after {
                    Some(persona) => personas.insert(name.clone(), persona.clone()),
                    None => personas.remove(&name),
                };
                told.push(Change { name, before, after });
            }
            then(view);
        });
        hub.tell(told);
    }

    fn change(&self, told: impl IntoIterator<Item = Change>, change: impl FnOnce(&mut View)) {
        let mut hub = self.shared.hub.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.view.send_modify(change);
        hub.tell(told);
    }

    fn lost(&mut self, cause: ClientError, watch: &mut Watch) {
        self.incoming.clear();
        self.parts.clear();
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let checked = &self.shared.checked;
        self.change([], |view| {
            down(view, heard);
            view.error = Some(cause);
            // With something to show, the first read waits for one attempt only.
            view.settled |= view.origin == Origin::Disk;
            if checked.lacks(Part::Cache) {
                let (streams, snapshots) = (view.streams, view.snapshots);
                let (settled, error) = (view.settled, view.error.take());
                *view = View { streams, snapshots, settled, error, ..View::default() };
            }
        });
        if checked.lacks(Part::Cache) || checked.lacks(Part::Resume) {
            watch.begin_anew();
        }
        if checked.lacks(Part::Backoff) {
            watch.hurry();
        }
    }
}

fn start(view: &View) -> Start {
    if view.token.is_empty() { Start::Snapshot } else { Start::Token(view.token.clone()) }
}

/// The stream has caught up.
fn up(view: &mut View) {
    if !view.is_live() {
        view.edition += 1;
    }
    view.origin = Origin::Stream;
    view.known = Known::Now;
    view.settled = true;
    view.error = None;
}

/// The stream is down.
fn down(view: &mut View, heard: Instant) {
    if view.is_live() {
        view.known = Known::At(heard);
    }
}

/// What takes one map to another.
fn difference(before: &Map, after: &Map) -> Vec<Change> {
    let gone = before.iter().filter(|(name, _)| !after.contains_key(*name));
    let gone = gone.map(|(name, persona)| (name, Some(persona), None));
    let there = after.iter().map(|(name, persona)| (name, before.get(name), Some(persona)));
    gone.chain(there)
        .map(|(name, before, after)| Change {
            name: name.clone(),
            before: before.cloned(),
            after: after.cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Options, Personas, Source};
    use super::*;
    use crate::wire::pb::watch_personas_response as wire;

    fn persona(name: &str, version: i64) -> pb::Persona {
        pb::Persona { name: name.to_owned(), version, ..Default::default() }
    }

    fn change(kind: Type, name: &str, version: i64) -> pb::PersonaChange {
        pb::PersonaChange { r#type: kind.into(), persona: Some(persona(name, version)) }
    }

    fn snapshot(personas: &[(&str, i64)]) -> Event {
        let personas = personas.iter().map(|(name, version)| persona(name, *version)).collect();
        Event::Snapshot(wire::Snapshot { revision: 5, personas })
    }

    fn changes(revision: i64, fragment: bool, changes: Vec<pb::PersonaChange>) -> Event {
        Event::Changes(wire::Changes { revision, changes, fragment, commit_time: None })
    }

    /// A stream that says this, after it was opened.
    struct Stream<'a> {
        follower: Follower<'a>,
        watch: Watch,
    }

    impl Stream<'_> {
        fn say(&mut self, event: Event) {
            let message = pb::WatchPersonasResponse { event: Some(event), resume_token: "token".to_owned() };
            self.watch.note(&message);
            self.follower.take(message, &mut self.watch);
        }
    }

    fn held(personas: &Personas) -> Vec<(String, i64)> {
        let view = personas.shared.view.borrow();
        view.personas.iter().map(|(name, persona)| (name.clone(), persona.version)).collect()
    }

    fn named(held: &[(&str, i64)]) -> Vec<(String, i64)> {
        held.iter().map(|(name, version)| ((*name).to_owned(), *version)).collect()
    }

    #[tokio::test]
    async fn snapshots_swap_in_whole_and_fragments_apply_together() {
        let personas = Personas::new("http://127.0.0.1:9", Options::default()).unwrap();
        let checked = &personas.shared.checked;
        let heard = std::sync::Mutex::new(Instant::now());
        let follower =
            Follower { shared: &personas.shared, incoming: Map::new(), parts: Vec::new(), heard: &heard };
        let watch = personas.shared.client.follow(checked.selection(), Start::Snapshot, checked.pace());
        let mut stream = Stream { follower, watch };
        let mut hub = personas.shared.hub.lock().unwrap().subscribe(&Map::new());

        stream.say(Event::Opened(wire::Opened::default()));
        stream.say(snapshot(&[("a", 1), ("b", 1)]));
        stream.say(snapshot(&[("c", 1)]));
        assert_eq!(
            (held(&personas), personas.status().source),
            (Vec::new(), None),
            "nothing half-read is seen"
        );
        stream.say(Event::Synced(wire::Synced { revision: 5, count: 3 }));
        assert_eq!(held(&personas), named(&[("a", 1), ("b", 1), ("c", 1)]));
        assert_eq!(personas.status().source, Some(Source::Live));

        stream.say(changes(6, true, vec![change(Type::Updated, "a", 2)]));
        assert_eq!(held(&personas), named(&[("a", 1), ("b", 1), ("c", 1)]), "half a revision is none");
        stream.say(changes(6, false, vec![change(Type::Deleted, "b", 1), change(Type::Left, "c", 1)]));
        assert_eq!(held(&personas), named(&[("a", 2)]));
        assert_eq!(personas.status().revision, 6);

        // Half a revision and half a snapshot are of no use to the next stream.
        stream.say(changes(7, true, vec![change(Type::Deleted, "a", 2)]));
        stream.follower.lost(ClientError::Incomplete("an end"), &mut stream.watch);
        stream.watch.begin_anew();
        assert_eq!((held(&personas), personas.status().source), (named(&[("a", 2)]), Some(Source::Cached)));
        stream.say(Event::Opened(wire::Opened::default()));
        stream.say(snapshot(&[("d", 1)]));
        stream.say(Event::Synced(wire::Synced { revision: 9, count: 1 }));
        assert_eq!(held(&personas), named(&[("d", 1)]), "what the snapshot does not name is swept");

        personas.close().await;
        assert_eq!(personas.get("d").await.unwrap().version(), 1, "what is held is read on");
        assert_eq!(personas.status().state, super::super::State::Closed);
        assert!(matches!(personas.delete("d").await, Err(ClientError::Closed)));
        assert!(matches!(personas.ready(std::time::Duration::MAX).await, Err(ClientError::Closed)));
        let mut told = Vec::new();
        while let Some(change) = hub.next().await {
            told.push(format!("{} {}", change.change_type(), change.name));
        }
        assert_eq!(told, ["CREATED d"], "what came and went is left out");
    }
}
