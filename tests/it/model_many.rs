//! The registry against the model, many callers at once: writes in the order of their revisions, and every answer one that
//! the model gives at a revision between the newest acknowledged before the call was made and the newest that can have been
//! there when it was answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use persona_registry::wire::pb::ErrorReason;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::harness::{Server, soon};
use crate::journal_commits::Dice;
use crate::model::{Call, Life, Model, Reply};
use crate::model_alone::{MANNER, difference, model, server};
use crate::model_calls::{Hand, Manner, Memory, bare, revision};
use crate::model_reads::Meanwhile;
use crate::recorder::Key;
use crate::watch_random::some_seed;

/// The order of everything that callers do and see; others may wait for it.
#[derive(Debug, Clone, Default)]
pub struct Order(Arc<watch::Sender<u64>>);

impl Order {
    fn next(&self) -> u64 {
        let mut at = 0;
        self.0.send_modify(|next| {
            at = *next;
            *next += 1;
        });
        at
    }

    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

/// A call and its answer, with the places of both in the order of everything that callers did and saw.
#[derive(Debug, Clone)]
pub struct Told {
    pub call: Call,
    pub reply: Reply,
    pub sent: u64,
    pub came: u64,
}

impl Told {
    /// The revision that the call made.
    pub fn made(&self) -> Option<i64> {
        let (made, replayed) = match &self.reply {
            Reply::Put(it) => (if it.unchanged { 0 } else { it.revision }, it.replayed),
            Reply::Delete(it) => (it.revision, it.replayed),
            Reply::SetAlias(it) => (if it.unchanged { 0 } else { it.revision }, it.replayed),
            Reply::DeleteAlias(it) => (it.revision, it.replayed),
            Reply::Batch(it) => (it.revision, it.replayed),
            Reply::Purge(it) => (it.revision, it.replayed),
            _ => (0, true),
        };
        // A rehearsal's revision is 0.
        (made > 0 && !replayed).then_some(made)
    }
}

/// One caller: what it does and is told.
pub async fn caller(
    mut hand: Hand,
    mut memory: Memory,
    mut dice: Dice,
    manner: Manner,
    calls: usize,
    order: Order,
) -> (Memory, Vec<Told>) {
    let mut told = Vec::with_capacity(calls);
    for _ in 0..calls {
        let call = memory.call(&mut dice, &manner);
        let sent = order.next();
        let reply = soon(hand.send(&call)).await;
        let came = order.next();
        memory.note(&call, &reply);
        told.push(Told { call, reply, sent, came });
    }
    (memory, told)
}

/// Runs callers at once; what all of them were told.
pub async fn round(
    server: &Server,
    memories: &mut Vec<Memory>,
    (callers, calls): (usize, usize),
    dice: &mut Dice,
    manner: Manner,
    order: &Order,
) -> Vec<Told> {
    memories.resize_with(callers, || Memory::of(&server.registry.store_id().to_string()));
    let mut tasks = JoinSet::new();
    for memory in memories.drain(..) {
        let (hand, dice) = (Hand::new(server).await, Dice(dice.roll()));
        tasks.spawn(caller(hand, memory, dice, manner, calls, order.clone()));
    }
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let (memory, told) = done.unwrap();
        memories.push(memory);
        all.extend(told);
    }
    all
}

/// Holds everything that was told against the model; the model at the end.
pub fn check(mut model: Model, mut all: Vec<Told>) -> Model {
    all.sort_by_key(|told| told.sent);
    for told in &all {
        model.learn(&told.call, &told.reply);
    }
    let mut commits = BTreeMap::new();
    for told in &all {
        if let Some(made) = told.made() {
            assert!(commits.insert(made, told).is_none(), "two commits of revision {made}");
        }
    }
    let revisions: Vec<_> = commits.keys().copied().collect();
    assert_eq!(revisions, (model.head + 1..=model.head + revisions.len() as i64).collect::<Vec<_>>());
    // What one caller was told before another's call was made comes before it.
    let mut latest_sent = 0;
    for (revision, told) in &commits {
        assert!(told.came > latest_sent, "revision {revision} was made before one that was there already");
        latest_sent = latest_sent.max(told.sent);
    }
    let floors: Vec<_> = all.iter().filter_map(|told| Some((told, floor(&told.reply)?))).collect();
    // Each answer waits at the first revision that it may be of.
    let mut waiting: BTreeMap<i64, Vec<(&Told, i64)>> = BTreeMap::new();
    for told in all.iter().filter(|told| told.made().is_none()) {
        let newest = |is: &dyn Fn(&Told) -> bool| {
            commits.iter().filter(|(_, commit)| is(commit)).map(|(made, _)| *made).max().unwrap_or(model.head)
        };
        let (from, to) =
            (newest(&|commit| commit.came < told.sent), newest(&|commit| commit.sent < told.came));
        if let (true, Some(shown)) = (told.call.is_write(), revision(&told.reply)) {
            assert!((from..=to).contains(&shown), "{shown} of {from} to {to}: {told:?}");
        }
        waiting.entry(from).or_default().push((told, to));
    }
    // What was pruned while an answer was made may have been overtaken by commits that the answer does not show.
    let mut end = model.clone();
    for told in commits.values() {
        let (_, effect) = end.answer(&told.call);
        end.apply(effect);
    }
    let lives = end.lives;
    let first = model.head;
    let mut late: Vec<(&Told, i64, String)> = Vec::new();
    for at in std::iter::once(first).chain(revisions) {
        if let Some(told) = commits.get(&at) {
            let problem = answered(&mut model, told, &floors, (&lives, at), true);
            assert!(problem.is_none(), "at revision {at}: {}", problem.unwrap());
            assert_eq!(model.head, at);
        }
        let here = waiting.remove(&at).unwrap_or_default();
        late.extend(here.into_iter().map(|(told, to)| (told, to, String::new())));
        late.retain_mut(|(told, to, why)| {
            let problem = answered(&mut model, told, &floors, (&lives, *to), false);
            let Some(problem) = problem else { return false };
            // What is most worth telling is what was wrong at the revision that the answer says.
            if why.is_empty() || revision(&told.reply) == Some(at) {
                *why = format!("at revision {at}: {problem}");
            }
            assert!(at < *to, "no revision explains an answer; {why}");
            true
        });
    }
    assert!(late.is_empty() && waiting.is_empty(), "{late:?}");
    model
}

fn floor(reply: &Reply) -> Option<i64> {
    match reply {
        Reply::Compact(it) => Some(it.floor),
        _ => None,
    }
}

/// Whether a call is answered as the model would now: takes in what it does. Else what is wrong.
fn answered(
    model: &mut Model,
    told: &Told,
    floors: &[(&Told, i64)],
    (lives, head): (&BTreeMap<Key, Life>, i64),
    commits: bool,
) -> Option<String> {
    let Told { call, reply, sent, came } = told;
    // Raising the floor takes no revision, so it stands in no order with those.
    let known =
        floors.iter().filter(|(told, _)| told.came < *sent).map(|(_, floor)| *floor).max().unwrap_or(0);
    let possible =
        floors.iter().filter(|(told, _)| told.sent < *came).map(|(_, floor)| *floor).max().unwrap_or(0);
    model.floor = known;
    match (call, reply) {
        (Call::Compact(asked), Reply::Compact(it)) => {
            let is_right = it.floor >= known
                && it.floor <= possible
                && (asked.revision == 0 || it.floor >= asked.revision);
            return (!is_right).then(|| format!("{asked:?} told {it:?}, with floors {known} to {possible}"));
        }
        (_, Reply::Refused(refusal)) if refusal.reason == ErrorReason::RevisionCompacted => {
            model.floor = refusal.metadata["floor"].parse().unwrap();
            if model.floor < known || model.floor > possible {
                return Some(format!("{call:?} told {refusal:?}, with floors {known} to {possible}"));
            }
        }
        _ => {}
    }
    let meanwhile = Meanwhile { lives: Some(lives), floor: possible, head };
    model.observe(call, reply, &meanwhile);
    let early = model.purge_early(call, reply, &meanwhile);
    let (mut expected, effect) = model.answer(call);
    for (key, version) in early {
        model.lives.get_mut(&key).unwrap().versions[version as usize - 1].purged = None;
    }
    // A group is answered with the revision of its last commit.
    let is_write = !matches!(reply, Reply::Refused(_)) && call.is_write();
    let mut reply = bare(reply);
    if is_write && revision(&reply) >= revision(&expected) {
        reply.set_revision(0);
        expected.set_revision(0);
    }
    if reply == expected {
        if commits {
            model.apply(effect);
        } else {
            model.requests.extend(effect.request);
        }
        return None;
    }
    if let (Reply::Refused(refusal), false) = (&reply, commits) {
        // An unchanged write with a request id was noted as early as it can have been; this one may have been before it.
        let kept = std::mem::take(&mut model.requests);
        let (without, _) = model.answer(call);
        model.requests = kept;
        if Reply::Refused(refusal.clone()) == without {
            return None;
        }
    }
    Some(difference(call, &reply, &expected))
}

async fn run(seed: u64, rounds: usize, (callers, calls): (usize, usize), manner: Manner) -> usize {
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let mut server = server().await;
    let model = model(&server);
    let (mut memories, mut all, order) = (Vec::new(), Vec::new(), Order::default());
    for round_number in 0..rounds {
        all.extend(round(&server, &mut memories, (callers, calls), &mut dice, manner, &order).await);
        if round_number + 1 < rounds {
            server = server.restart().await;
        }
    }
    let taken = all.len();
    check(model, all);
    taken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn model_many_callers_at_once_are_answered_in_an_order_of_revisions() {
    for manner in [MANNER, Manner { names: 8, reads: 60, ..MANNER }] {
        run(some_seed(), 2, (6, 60), manner).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn model_many_callers_at_length() {
    let mut taken = 0;
    for _ in 0..20 {
        for names in [1, 3, 8] {
            taken += run(some_seed(), 3, (8, 150), Manner { names, ..MANNER }).await;
        }
    }
    println!("{taken} answers");
}
