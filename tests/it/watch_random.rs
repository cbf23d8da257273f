//! Promises S together: writers, watchers that come and go, and a restart, by chance. The seed is printed.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::SocketAddr;

use persona_registry::wire::pb;
use persona_registry::wire::pb::WatchMode;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::harness::{Server, soon};
use crate::history::{History, Writer};
use crate::journal_commits::Dice;
use crate::recorder::{Follower, everything, listed};

const NAMESPACES: [&str; 2] = ["default", "other"];
const NAMES: usize = 6;

/// Puts and deletes by chance; what it did.
async fn write(mut hand: Writer, mut dice: Dice, writes: usize, who: String) -> History {
    for round in 0..writes {
        let namespace = NAMESPACES[dice.below(2)];
        let name = format!("persona-{}", dice.below(NAMES));
        if dice.below(3) == 0 {
            hand.delete(namespace, &name).await.unwrap();
        } else {
            let text = format!("{who} {round} {}", "word ".repeat(dice.below(2000)));
            hand.put(namespace, &name, &text).await.unwrap();
        }
    }
    hand.history
}

/// A follower, what it selects, and whether it keeps to one mode.
struct Wanderer {
    follower: Follower,
    request: pb::WatchPersonasRequest,
    dice: Dice,
}

impl Wanderer {
    async fn new(server: &Server, mut dice: Dice) -> Self {
        let mode = [WatchMode::Latest, WatchMode::EveryVersion][dice.below(2)];
        let names = match dice.below(2) {
            0 => Vec::new(),
            _ => (0..NAMES / 2).map(|number| format!("persona-{number}")).collect(),
        };
        let namespace = ["default", "other", "-"][dice.below(3)];
        let request = pb::WatchPersonasRequest { names, ..everything(namespace, mode) };
        Self { follower: Follower::synced(server, request.clone()).await, request, dice }
    }

    fn takes(&self, (namespace, name): &(String, String)) -> bool {
        (self.request.namespace == "-" || self.request.namespace == *namespace)
            && (self.request.names.is_empty() || self.request.names.contains(name))
    }

    /// Reads, breaks off and comes back, until everything up to the target has come or the server is gone.
    async fn wander(mut self, address: SocketAddr, target: watch::Receiver<i64>) -> Self {
        while self.follower.recorder.cursor < *target.borrow() {
            if self.follower.try_next().await.is_err() {
                return self;
            }
            if self.dice.below(12) == 0 && self.come_back(address).await.is_err() {
                return self;
            }
        }
        self
    }

    /// Those that want every version keep to it; the others change their mode, or begin anew.
    async fn come_back(&mut self, address: SocketAddr) -> Result<(), tonic::Status> {
        let mode = match self.request.mode() {
            WatchMode::EveryVersion => WatchMode::EveryVersion,
            _ => [WatchMode::Latest, WatchMode::EveryVersion][self.dice.below(2)],
        };
        if self.request.mode() != WatchMode::EveryVersion && self.dice.below(4) == 0 {
            self.follower.recorder.token.clear();
        }
        self.follower.try_resume(address, mode).await
    }

    fn check(&self, history: &History, synced_at: i64) {
        let recorder = &self.follower.recorder;
        let takes = |key: &(String, String)| self.takes(key);
        for (revision, map) in &recorder.progress {
            assert_eq!(*map, history.view(*revision, takes), "at progress {revision}");
        }
        assert_eq!(recorder.map, history.view(recorder.cursor, takes));
        if self.request.mode() == WatchMode::EveryVersion {
            assert_eq!(recorder.groups, history.groups_after(synced_at, takes), "each change once");
        }
    }
}

async fn run(seed: u64, restarts: usize, writes: usize) {
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let ring_commits = [1, 8, 1000][dice.below(3)];
    let mut server = Server::start_with(|options| options.registry.ring_commits = ring_commits).await;
    let mut history = History::default();
    let mut wanderers = Vec::new();
    for _ in 0..6 {
        wanderers.push(Wanderer::new(&server, Dice(dice.roll())).await);
    }
    for restart in 0..=restarts {
        let (tell, target) = watch::channel(i64::MAX);
        let (mut writers, mut watchers) = (JoinSet::new(), JoinSet::new());
        for wanderer in wanderers.drain(..) {
            watchers.spawn(wanderer.wander(server.address, target.clone()));
        }
        for writer in 0..3 {
            let hand = Writer::new(&server).await;
            let who = format!("{restart} {writer}");
            writers.spawn(write(hand, Dice(dice.roll()), writes, who));
        }
        for did in soon(writers.join_all()).await {
            history.extend(did);
        }
        if restart < restarts {
            // Whoever is behind now goes on from the other server's log.
            server = server.restart().await;
            for mut wanderer in soon(watchers.join_all()).await {
                soon(wanderer.come_back(server.address)).await.unwrap();
                wanderers.push(wanderer);
            }
        } else {
            tell.send_replace(history.head());
            wanderers = soon(watchers.join_all()).await;
        }
    }
    let (head, list) = listed(&server, "-").await;
    assert_eq!((head, list), (history.head(), history.view(i64::MAX, |_| true)));
    for wanderer in wanderers {
        // All of them began before the first write.
        wanderer.check(&history, 0);
    }
}

pub fn some_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s7_whatever_happens_each_watcher_ends_with_what_a_listing_tells() {
    run(some_seed(), 1, 40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn s7_the_same_for_many_seeds_and_restarts() {
    for _ in 0..40 {
        run(some_seed(), 3, 60).await;
    }
}
