//! What was told of the changes between two revisions, for the next stream that selects the same: ten thousand of them
//! are told by one message.

use bytes::Bytes;

use super::{Mode, Watch};
use crate::domain::{Revision, Timestamp, View};
use crate::registry::Error;
use crate::registry::kept::{CacheCounts, Held, Kept};
use crate::registry::token::Binding;

/// Keeps messages of changes, within a bound.
#[derive(Debug)]
pub struct Told(Kept<Stretch, End>);

/// The changes that a stream is told next. Streams that ask for the same are told the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Stretch {
    /// All changes after this revision,
    pub after: Revision,
    /// up to this one, or up to where a message ends.
    pub head: Revision,
    /// What is selected, and of it what the caller may see.
    pub binding: Binding,
    pub mode: Mode,
    pub view: View,
}

/// Where a stretch ends, and what there is to tell of it.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub revision: Revision,
    pub time: Timestamp,
    /// None: nothing that is selected has changed.
    pub message: Option<Bytes>,
}

impl Held for End {
    fn held_bytes(&self) -> usize {
        self.message.as_ref().map_or(0, Bytes::len)
    }
}

impl Told {
    /// For this many bytes of messages.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        Self(Kept::new(bytes))
    }

    /// How messages are kept.
    #[must_use]
    pub fn counts(&self) -> CacheCounts {
        self.0.counts()
    }

    /// What was told, to a stream that has seen this many purges.
    pub(super) fn get(&self, stretch: &Stretch, purges: u64) -> Option<End> {
        self.0.get(stretch, purges)
    }

    /// Keeps what was told. `purges`: asked before it was put together.
    pub(super) fn keep(&self, stretch: Stretch, end: End, purges: u64) {
        self.0.keep(stretch, end, purges);
    }
}

impl Watch {
    /// Keeps the message that was made of the last event for streams that are to be told the same, where there may be any.
    pub fn tell(&mut self, told: &Told, message: &Bytes) {
        if let Some((stretch, purges)) = self.stretch.take() {
            let message = Some(message.clone());
            told.keep(stretch, End { revision: self.cursor, time: self.pending_time, message }, purges);
        }
    }

    /// What is told next.
    const fn stretch_to(&self, head: Revision) -> Stretch {
        let (after, binding) = (self.cursor, self.binding);
        Stretch { after, head, binding, mode: self.request.mode, view: self.request.view }
    }

    /// Moves the cursor as another stream did that was told the same, and answers with what it was told, if anything; none: there
    /// was no such stream.
    pub(super) fn advance_as_told(&mut self, head: Revision, told: &Told) -> Option<Option<Bytes>> {
        let End { revision, time, message } =
            told.get(&self.stretch_to(head), self.registry.shared.purges())?;
        (self.cursor, self.pending_time) = (revision, time);
        if message.is_some() {
            self.observe_lag();
        }
        Some(message)
    }

    /// Looks for what is to be told, and keeps it for other streams where it is nothing.
    pub(super) async fn advance_and_tell(&mut self, head: Revision, told: &Told) -> Result<(), Error> {
        let (stretch, purges) = (self.stretch_to(head), self.registry.shared.purges());
        self.advance(head).await?;
        if self.pending.is_empty() {
            let nothing = End { revision: self.cursor, time: self.pending_time, message: None };
            told.keep(stretch, nothing, purges);
        } else {
            self.stretch = Some((stretch, purges));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::sync::Arc;
    use std::task::{Context, Waker};
    use std::time::Duration;

    use super::*;
    use crate::domain::{Access, Caller, Granted, Namespace, Persona, Version};
    use crate::registry::kept::ENTRY_BYTES;
    use crate::registry::{
        Event, Next, Options, Purge, Put, Registry, Selection, Start, Validate, WatchRequest,
    };

    fn owner() -> Caller {
        Caller::internal("tests", "told")
    }

    async fn put(registry: &Registry, namespace: &str, text: &str) {
        let content = format!("---\nname: a\ndescription: Use in tests.\n---\n# A\n{text}\n");
        let document = Validate { content: content.into(), ..Validate::default() };
        let namespace = namespace.parse().unwrap();
        registry.put(&owner(), Put { namespace, document, ..Put::default() }).await.unwrap();
    }

    async fn watch(registry: &Registry, caller: &Caller, namespace: Option<&str>, view: View) -> Watch {
        watch_every(Duration::from_secs(60), registry, caller, namespace, view).await
    }

    /// With progress so often.
    async fn watch_every(
        progress_interval: Duration,
        registry: &Registry,
        caller: &Caller,
        namespace: Option<&str>,
        view: View,
    ) -> Watch {
        let namespace = namespace.map(|namespace| namespace.parse::<Namespace>().unwrap());
        let request = WatchRequest {
            selection: Selection { namespace, ..Selection::default() },
            start: Start::Now,
            mode: Mode::Latest,
            view,
            progress_interval,
        };
        let mut watch = registry.watch(caller, request, |_: &Persona, _: View| 512).unwrap();
        let opened = watch.next(&Told::new(0)).await.unwrap();
        assert!(matches!(opened, Some(Next::Event(Event::Opened(_), _))));
        watch
    }

    /// What the stream is told next: by the message that another has made, or by an event, of which it makes a message.
    async fn told_by(watch: &mut Watch, told: &Told, message: &'static str) -> Option<Bytes> {
        match watch.next(told).await.unwrap().unwrap() {
            Next::Told(message) => Some(message),
            Next::Event(Event::Changes { .. }, _) => {
                watch.tell(told, &Bytes::from_static(message.as_bytes()));
                None
            }
            Next::Event(event, _) => panic!("{event:?}"),
        }
    }

    #[tokio::test]
    async fn one_message_tells_all_who_are_to_be_told_the_same_and_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let (registry, _) =
            Registry::open(Options { min_free_bytes: 0, ..Options::new(dir.path().join("data")) }).unwrap();
        let told = Told::new(1024 * 1024);
        let granted = Granted { grants: vec!["reader@a".parse().unwrap()], protected: Vec::new() };
        let limited = Caller { access: Access::Granted(Arc::new(granted)), ..owner() };
        let mut first = watch(&registry, &owner(), None, View::Full).await;
        let mut same = watch(&registry, &owner(), None, View::Full).await;
        let mut basic = watch(&registry, &owner(), None, View::Basic).await;
        let mut one_namespace = watch(&registry, &owner(), Some("a"), View::Full).await;
        let mut may_see_less = watch(&registry, &limited, None, View::Full).await;
        let mut elsewhere = watch(&registry, &owner(), Some("b"), View::Full).await;
        put(&registry, "a", "one").await;
        assert_eq!(told_by(&mut first, &told, "first").await, None);
        assert_eq!(told_by(&mut same, &told, "").await.as_deref(), Some(&b"first"[..]));
        assert_eq!(same.cursor, registry.head());
        for other in [&mut basic, &mut one_namespace, &mut may_see_less] {
            assert_eq!(told_by(other, &told, "other").await, None);
        }
        // Who is not told of one revision is told of the next alone, and whoever stands elsewhere makes a message of its own.
        put(&registry, "b", "two").await;
        assert_eq!(told_by(&mut elsewhere, &told, "elsewhere").await, None);
        let mut later = watch(&registry, &owner(), None, View::Full).await;
        assert_eq!(told_by(&mut first, &told, "second").await, None);
        assert_eq!(told_by(&mut same, &told, "").await.as_deref(), Some(&b"second"[..]));
        put(&registry, "a", "three").await;
        assert_eq!(told_by(&mut later, &told, "third").await, None);
        assert_eq!(told_by(&mut first, &told, "").await.as_deref(), Some(&b"third"[..]));
        // What was purged is in no message any more.
        let purge = Purge {
            namespace: "a".parse().unwrap(),
            name: "a".parse().unwrap(),
            version: Version(1),
            message: String::new(),
            request_id: None,
            validate_only: false,
        };
        registry.purge(&owner(), purge).await.unwrap();
        assert_eq!(told_by(&mut same, &told, "made anew").await, None);
        assert_eq!(told.counts().bytes, 9 + ENTRY_BYTES as u64);
    }

    /// A stream is polled once by its connection before it has a task, and there what it waits for is new.
    #[tokio::test]
    async fn a_stream_that_comes_to_a_task_is_woken_there_by_its_clock_as_well() {
        let dir = tempfile::tempdir().unwrap();
        let (registry, _) =
            Registry::open(Options { min_free_bytes: 0, ..Options::new(dir.path().join("data")) }).unwrap();
        let told = Told::new(1024 * 1024);
        let often = Duration::from_millis(300);
        let mut stream = watch_every(often, &registry, &owner(), Some("a"), View::Full).await;
        let mut next = Box::pin(stream.next(&told));
        assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        // The registry moves, and nothing is to be told of it.
        put(&registry, "b", "one").await;
        registry.shared.wake();
        let next = tokio::select! {
            // First, since whoever is polled looks at the time.
            biased;
            () = tokio::time::sleep(Duration::from_secs(20)) => panic!("its clock did not wake it"),
            next = next => next.unwrap(),
        };
        assert!(matches!(next, Some(Next::Event(Event::Progress(_), _))), "{next:?}");
    }

    #[test]
    fn streams_are_told_where_the_registry_was_opened_without_a_runtime_or_in_one_that_ended() {
        for is_in_runtime in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let options = Options { min_free_bytes: 0, ..Options::new(dir.path().join("data")) };
            let open = || Registry::open(options.clone()).unwrap().0;
            let registry = if is_in_runtime {
                tokio::runtime::Runtime::new().unwrap().block_on(async { open() })
            } else {
                open()
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let told = Told::new(1024 * 1024);
                let mut stream = watch(&registry, &owner(), None, View::Full).await;
                put(&registry, "a", "one").await;
                let next = tokio::time::timeout(Duration::from_secs(30), told_by(&mut stream, &told, "one"));
                assert_eq!(next.await.unwrap(), None, "{is_in_runtime}");
                registry.close().await;
            });
        }
    }
}
