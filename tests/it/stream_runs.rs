//! Promises S together, over every kind of selection: callers that do everything a caller can, watchers that break off,
//! stall and come back, restarts, compactions. What each watcher heard is held against the whole history. Seeds are printed.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use persona_registry::wire::pb::watch_personas_request::Start;
use persona_registry::wire::pb::watch_personas_response::Event;
use persona_registry::wire::pb::{self, ErrorReason, PersonaView, WatchMode};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::Status;

use crate::harness::{Server, reason, soon};
use crate::journal_commits::Dice;
use crate::model::Model;
use crate::model_alone::model;
use crate::model_calls::{ALIASES, Manner, NAMES};
use crate::model_many::{Order, check, round};
use crate::model_papers::FILTERS;
use crate::recorder::{Follower, Key, everything, key};
use crate::stream_check::Timeline;
use crate::watch_random::some_seed;

/// The revision to read to, once the callers are done.
type Target = watch::Receiver<Option<i64>>;

/// A watcher with a selection of its own.
struct Wanderer {
    follower: Follower,
    dice: Dice,
    /// It keeps to one mode; the others change it.
    keeps_mode: bool,
    /// Every persona that it was shown: a version is the same whenever it comes.
    shown: BTreeMap<(Key, i64), pb::Persona>,
    /// Streams that it had, and those that it lost to compaction.
    streams: usize,
    compacted: usize,
    stalls: usize,
}

fn selection(dice: &mut Dice, manner: &Manner) -> pb::WatchPersonasRequest {
    let mode = [WatchMode::Latest, WatchMode::EveryVersion][dice.below(2)];
    let mut request = everything(["default", "other", "-"][dice.below(3)], mode);
    request.view = [PersonaView::Basic, PersonaView::Full][dice.below(2)].into();
    let kind = dice.below(5);
    if kind == 1 {
        request.names = NAMES[..manner.names.div_ceil(2)].iter().map(|name| (*name).to_owned()).collect();
    }
    if kind == 2 || kind == 4 {
        ALIASES[dice.below(ALIASES.len())].clone_into(&mut request.alias);
    }
    if manner.filters && (kind == 3 || kind == 4) {
        FILTERS[dice.below(FILTERS.len())].0.clone_into(&mut request.filter);
    }
    request
}

impl Wanderer {
    async fn new(server: &Server, mut dice: Dice, manner: &Manner) -> Self {
        let mut request = selection(&mut dice, manner);
        request.start = (dice.below(4) == 0).then_some(Start::FromNow(true));
        let mut follower = match dice.below(2) {
            0 => Follower::narrow(server, request).await,
            _ => Follower::open(server, request).await,
        };
        // From here on it goes on from its token, or with a snapshot.
        follower.request.start = None;
        let keeps_mode = dice.below(2) == 0;
        Self { follower, dice, keeps_mode, shown: BTreeMap::new(), streams: 1, compacted: 0, stalls: 0 }
    }

    /// Reads until it has everything and the callers are done, or the server is gone.
    async fn wander(
        mut self,
        address: SocketAddr,
        mut target: Target,
        mut order: watch::Receiver<u64>,
    ) -> Self {
        loop {
            let recorder = &self.follower.recorder;
            if recorder.is_open && target.borrow().is_some_and(|target| recorder.cursor >= target) {
                return self;
            }
            match self.follower.try_next().await {
                Ok(event) => self.keep(&event),
                Err(status) => {
                    if self.is_gone(&status) || self.come_back(address).await.is_err() {
                        return self;
                    }
                }
            }
            if self.dice.below(15) == 0 && self.come_back(address).await.is_err() {
                return self;
            }
            if self.dice.below(25) == 0 {
                // It reads nothing until the others have done a good deal more.
                let until = *order.borrow() + 100;
                self.stalls += 1;
                tokio::select! {
                    _ = order.wait_for(|now| *now >= until) => {}
                    _ = target.wait_for(Option::is_some) => {}
                }
                // What came meanwhile waits in buffers; whoever comes back by its token is told the difference.
                if self.dice.below(3) > 0 && self.come_back(address).await.is_err() {
                    return self;
                }
            }
        }
    }

    /// Whether the server is; of a place that was compacted it says so, and the client begins anew.
    fn is_gone(&mut self, status: &Status) -> bool {
        if status.details().is_empty() || reason(status) != ErrorReason::RevisionCompacted {
            return true;
        }
        self.compacted += 1;
        self.follower.recorder.token.clear();
        false
    }

    async fn come_back(&mut self, address: SocketAddr) -> Result<(), Status> {
        let mode = match self.dice.below(2) {
            0 if !self.keeps_mode => WatchMode::Latest,
            1 if !self.keeps_mode => WatchMode::EveryVersion,
            _ => self.follower.request.mode(),
        };
        if self.dice.below(10) == 0 {
            self.follower.recorder.token.clear();
        }
        self.streams += 1;
        match soon(self.follower.try_resume(address, mode)).await {
            Err(status) if !self.is_gone(&status) => soon(self.follower.try_resume(address, mode)).await,
            done => done,
        }
    }

    fn keep(&mut self, event: &Event) {
        // What was heard is enough, and a long run is long.
        let recorder = &mut self.follower.recorder;
        recorder.places.clear();
        recorder.progress.clear();
        recorder.groups.clear();
        let changed = |changes: &pb::watch_personas_response::Changes| {
            let changes =
                changes.changes.iter().filter(|change| !change.persona.as_ref().unwrap().digest.is_empty());
            changes.map(|change| change.persona.clone().unwrap()).collect()
        };
        let personas: Vec<pb::Persona> = match event {
            Event::Snapshot(snapshot) => snapshot.personas.clone(),
            Event::Changes(changes) => changed(changes),
            _ => Vec::new(),
        };
        for persona in personas {
            self.shown.insert((key(&persona), persona.version), persona);
        }
    }

    fn check(&self, model: &Model, timelines: &mut BTreeMap<String, Timeline>) -> usize {
        let request = &self.follower.request;
        let of = format!("{} {:?} {} {}", request.namespace, request.names, request.filter, request.alias);
        let timeline = timelines.entry(of).or_insert_with(|| Timeline::of(model, request));
        let full = request.view() == PersonaView::Full;
        for ((key, version), persona) in &self.shown {
            let life = &model.lives[key];
            let mut right = model.shown(life, *version, full);
            if !persona.purged && right.purged {
                // It came before it was purged.
                right = life.version(*version).unwrap().persona.clone();
                if !full {
                    (right.front_matter, right.body) = Default::default();
                }
            }
            assert_eq!(*persona, right, "{request:?}");
        }
        let taken = timeline.check(&self.follower.recorder.heard, model.head);
        taken.unwrap_or_else(|problem| panic!("{request:?}: {problem}"))
    }
}

/// What a run came to.
#[derive(Default)]
struct Totals {
    commits: i64,
    answers: usize,
    watchers: usize,
    changes: usize,
    streams: usize,
    compacted: usize,
    stalls: usize,
}

impl std::fmt::Display for Totals {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { commits, answers, watchers, changes, streams, compacted, stalls } = self;
        write!(
            out,
            "{commits} commits, {answers} answers; {watchers} watchers were told {changes} changes on {streams} streams, \
             {compacted} lost to compaction, {stalls} stalls"
        )
    }
}

struct Size {
    rounds: usize,
    callers: usize,
    calls: usize,
    watchers: usize,
}

async fn run(seed: u64, size: &Size, manner: Manner) -> Totals {
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let ring_commits = [1, 8, 1000][dice.below(3)];
    let mut server = Server::start_with(|options| {
        options.registry.clock = crate::harness::clock();
        options.registry.ring_commits = ring_commits;
    })
    .await;
    let model = model(&server);
    let (mut memories, mut all, order) = (Vec::new(), Vec::new(), Order::default());
    let mut wanderers = Vec::new();
    for round_number in 0..size.rounds {
        while wanderers.len() < size.watchers * (round_number + 1) / size.rounds {
            wanderers.push(Wanderer::new(&server, Dice(dice.roll()), &manner).await);
        }
        let (tell, target) = watch::channel(None);
        let mut watchers = JoinSet::new();
        for wanderer in wanderers.drain(..) {
            watchers.spawn(wanderer.wander(server.address, target.clone(), order.subscribe()));
        }
        let told = round(&server, &mut memories, (size.callers, size.calls), &mut dice, manner, &order).await;
        all.extend(told);
        if round_number + 1 == size.rounds {
            tell.send_replace(Some(i64::try_from(server.registry.head().0).unwrap()));
            wanderers = soon(watchers.join_all()).await;
        } else {
            // Whoever is behind, or stalls, goes on from the other server's log.
            tell.send_replace(Some(i64::MAX));
            server = server.restart().await;
            for mut wanderer in soon(watchers.join_all()).await {
                soon(wanderer.come_back(server.address)).await.unwrap();
                wanderers.push(wanderer);
            }
        }
    }
    let mut totals = Totals { answers: all.len(), watchers: wanderers.len(), ..Totals::default() };
    let model = check(model, all);
    totals.commits = model.head;
    let mut timelines = BTreeMap::new();
    for wanderer in wanderers {
        totals.changes += wanderer.check(&model, &mut timelines);
        totals.streams += wanderer.streams;
        totals.compacted += wanderer.compacted;
        totals.stalls += wanderer.stalls;
    }
    totals
}

/// More commits and fewer reads than where answers are compared.
const WRITING: Manner =
    Manner { names: 6, request_ids: 8, reads: 10, purges: true, compactions: 30, filters: true };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s7_streams_of_every_selection_tell_what_the_history_says() {
    let size = Size { rounds: 2, callers: 4, calls: 110, watchers: 24 };
    println!("{}", run(some_seed(), &size, WRITING).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn s7_streams_of_every_selection_at_length() {
    let size = Size { rounds: 4, callers: 8, calls: 1200, watchers: 200 };
    let totals = run(some_seed(), &size, Manner { names: 8, ..WRITING }).await;
    println!("{totals}");
    assert!(totals.commits >= 10_000 && totals.watchers >= 200 && totals.compacted > 0, "{totals}");
}
