//! The registry against the model, one caller: whatever is asked in whatever order, every field of every answer is what
//! the contract says.

use std::cell::Cell;

use persona_registry::domain::Clock as _;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

use crate::harness::{Server, clock, soon};
use crate::journal_commits::Dice;
use crate::model::{Call, Model, Reply};
use crate::model_calls::{Hand, Manner, Memory, bare};
use crate::model_reads::Meanwhile;

/// One step: the seed of a call, or of what befalls the server.
#[derive(Debug, Clone)]
enum Step {
    Call(u64),
    Restart,
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![60 => any::<u64>().prop_map(Step::Call), 1 => Just(Step::Restart)];
    prop::collection::vec(step, 1..most)
}

/// Takes the steps; tells the calls that were answered otherwise than by the model.
async fn check(manner: Manner, steps: &[Step]) -> Result<(), String> {
    let mut server = server().await;
    let mut model = model(&server);
    let mut memory = Memory::of(&model.store_id);
    let mut hand = Hand::new(&server).await;
    for (number, step) in steps.iter().enumerate() {
        let Step::Call(seed) = step else {
            server = server.restart().await;
            hand = Hand::new(&server).await;
            continue;
        };
        let call = memory.call(&mut Dice(*seed), &manner);
        let reply = soon(hand.send(&call)).await;
        let meanwhile = Meanwhile { lives: None, floor: model.floor, head: model.head };
        model.observe(&call, &reply, &meanwhile);
        let (expected, effect) = model.answer(&call);
        if bare(&reply) != expected {
            return Err(format!("step {number}: {}", difference(&call, &reply, &expected)));
        }
        model.apply(effect);
        model.learn(&call, &reply);
        memory.note(&call, &reply);
        let refused = matches!(reply, Reply::Refused(_));
        memory.head = if refused { memory.head } else { memory.head.max(model.head) };
    }
    soon(server.stop()).await;
    Ok(())
}

/// What is told of a wrong answer: the lines in which it and the right one differ.
pub fn difference(call: &Call, reply: &Reply, expected: &Reply) -> String {
    let (told, right) = (format!("{:#?}", bare(reply)), format!("{expected:#?}"));
    let (told, right): (Vec<_>, Vec<_>) = (told.lines().collect(), right.lines().collect());
    let same = told.iter().zip(&right).take_while(|(told, right)| told == right).count();
    let part = |lines: &[&str]| {
        lines[same.saturating_sub(3).min(lines.len())..]
            .iter()
            .take(24)
            .copied()
            .collect::<Vec<_>>()
            .join("\n")
    };
    format!("{call:?}\nis answered, from line {same} on, with\n{}\nand not\n{}", part(&told), part(&right))
}

/// A clock that stands makes every time in an answer one that the model knows.
pub async fn server() -> Server {
    Server::start_with(|options| options.registry.clock = clock()).await
}

pub fn model(server: &Server) -> Model {
    let time = clock().now().0;
    Model {
        store_id: server.registry.store_id().to_string(),
        time: prost_types::Timestamp { seconds: time / 1_000_000, nanos: 0 },
        ..Model::default()
    }
}

fn run(cases: u32, most: usize, manner: Manner) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = Config {
        cases,
        max_shrink_iters: Config::default().max_shrink_iters.min(300),
        failure_persistence: None,
        ..Config::default()
    };
    let (mut runner, tried, failed) = (TestRunner::new(config), Cell::new(0), Cell::new(false));
    let outcome = runner.run(&steps(most), |steps| {
        // What comes after a failure only makes it shorter.
        tried.set(tried.get() + u32::from(!failed.get()));
        let answered = runtime.block_on(check(manner, &steps));
        failed.set(failed.get() || answered.is_err());
        answered.map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => println!("{cases} cases"),
        Err(TestError::Fail(why, steps)) => {
            panic!("case {}, shrunk to {} steps, {steps:?}:\n{why}", tried.get(), steps.len())
        }
        Err(error) => panic!("{error}"),
    }
}

/// Few names, so that everything meets.
pub const MANNER: Manner =
    Manner { names: 3, request_ids: 8, reads: 40, purges: true, compactions: 15, filters: true };

#[test]
fn model_a_caller_alone_is_answered_as_the_contract_says() {
    run(24, 120, MANNER);
}

/// One name gets far over fifty versions, so that old ones go.
#[test]
fn model_a_caller_alone_is_answered_as_the_contract_says_of_what_is_pruned() {
    run(2, 600, Manner { names: 1, reads: 25, compactions: 60, ..MANNER });
}

#[test]
#[ignore = "takes minutes"]
fn model_a_caller_alone_at_length() {
    run(400, 300, MANNER);
    run(20, 3000, Manner { names: 2, reads: 30, compactions: 40, ..MANNER });
}
