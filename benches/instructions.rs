//! How many instructions the registry's everyday work takes, so that a change that makes it dearer is seen without a clock.
//!
//! `cargo test --bench instructions -- --check` counts them by valgrind and fails where a count is not within a tenth of
//! `benches/instructions.tsv`, in either direction; `-- --bless` writes that file anew.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a measuring program, not the product"
)]

#[path = "common/callgrind.rs"]
mod callgrind;
#[path = "common/mod.rs"]
mod common;

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callgrind::{Baseline, counted, counts};
use common::Failure;
use persona_registry::document::{Input, parse};
use persona_registry::domain::{Caller, Namespace, Persona, View};
use persona_registry::registry::{
    Freshness, Get, List, Options, Put, Registry, Selection, Selector, Shelf, Validate,
};
use persona_registry::validate::judge;
use persona_registry::wire::{self, pb};
use prost::Message as _;
use tokio::runtime::Runtime;

/// How far a count may be from what was written down.
const MARGIN: f64 = 0.1;
const BASELINE: Baseline = Baseline("instructions.tsv");
/// Processes at once.
const PROCESSES: usize = 2;
/// Bytes of each document.
const DOCUMENT: usize = 4096;
/// Personas on a page.
const PAGE: usize = 50;

/// What is counted.
struct Case {
    name: &'static str,
    /// The functions whose instructions count, as patterns; none of them is called by another.
    functions: &'static [&'static str],
    /// Personas that are there before.
    personas: usize,
    /// How often it is done, first uncounted and then counted.
    times: usize,
    run: fn(&Path, usize) -> Result<(), Failure>,
}

const CASES: [Case; 6] = [
    Case {
        name: "list a page of 50",
        // It is read on a thread of its own.
        functions: &["*Registry>::reading", "*instructions::encode_page"],
        personas: PAGE + 1,
        times: 5,
        run: list_pages,
    },
    // The committer's thread alone: those of sled call no such function.
    Case {
        name: "commit a put",
        functions: &["*Committer::commit"],
        personas: 0,
        times: 20,
        run: commit_some,
    },
    Case {
        name: "get, kept encoded",
        functions: &["*instructions::get_made"],
        personas: 1,
        times: 20,
        run: get_kept,
    },
    Case {
        name: "get, encoded anew",
        functions: &["*instructions::get_anew"],
        personas: 1,
        times: 20,
        run: get_new,
    },
    Case {
        name: "parse a document",
        functions: &["*instructions::parse_once"],
        personas: 0,
        times: 2,
        run: parse_some,
    },
    Case {
        name: "judge a document",
        functions: &["*instructions::judge_once"],
        personas: 0,
        times: 2,
        run: judge_some,
    },
];

#[inline(never)]
pub fn parse_once(content: &[u8]) {
    black_box(parse(black_box(&Input { content, ..Input::default() })));
}

fn parse_some(_: &Path, times: usize) -> Result<(), Failure> {
    let content = document(0, 0);
    twice(times, |_| {
        parse_once(&content);
        Ok(())
    })
}

#[inline(never)]
pub fn judge_once(content: &[u8]) {
    black_box(judge(black_box(&Input { content, ..Input::default() })));
}

fn judge_some(_: &Path, times: usize) -> Result<(), Failure> {
    let content = document(0, 0);
    twice(times, |_| {
        judge_once(&content);
        Ok(())
    })
}

/// Does it so often for the caches, and once more so often for the count.
fn twice(times: usize, mut act: impl FnMut(usize) -> Result<(), Failure>) -> Result<(), Failure> {
    for round in 0..2 {
        (round * times..(round + 1) * times).try_for_each(&mut act)?;
        counted();
    }
    Ok(())
}

/// A registry, and a runtime of one thread.
struct Held {
    registry: Registry,
    runtime: Runtime,
    caller: Caller,
}

impl Held {
    fn open(dir: &Path) -> Result<Self, Failure> {
        let mut options = Options::new(dir.join("data"));
        options.store.cache_bytes = 64 * 1024 * 1024;
        options.min_free_bytes = 1024 * 1024;
        // What time does by itself is not what is counted.
        options.tick = Duration::from_secs(3600);
        let registry = Registry::open(options)?.0;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { registry, runtime, caller: Caller::internal("bench", "bench") })
    }

    fn put(&self, persona: usize, number: usize) -> Result<(), Failure> {
        let put = Put {
            namespace: Namespace::default(),
            document: Validate { content: document(persona, number).into(), ..Validate::default() },
            etag: None,
            create_only: false,
            message: String::new(),
            request_id: None,
            validate_only: false,
        };
        self.runtime.block_on(self.registry.put(&self.caller, put))?;
        Ok(())
    }

    fn get(&self) -> Result<Get, Failure> {
        Ok(Get {
            namespace: Namespace::default(),
            name: name(0).parse()?,
            selector: Selector::Newest,
            view: View::Full,
            if_none_match: None,
            freshness: Freshness::default(),
        })
    }

    fn close(self) -> Result<(), Failure> {
        self.runtime.block_on(self.registry.close());
        Ok(())
    }
}

fn name(persona: usize) -> String {
    format!("persona-{persona:03}")
}

fn document(persona: usize, number: usize) -> Vec<u8> {
    common::document(&name(persona), number, DOCUMENT)
}

/// As the server encodes them for its shelf.
fn made(persona: &Persona, view: View) -> Bytes {
    wire::persona(persona, view).encode_to_vec().into()
}

/// An answer of Get or List whose personas are encoded already.
#[derive(Clone, PartialEq, prost::Message)]
struct Answer {
    #[prost(message, optional, tag = "1")]
    header: Option<pb::ResponseHeader>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    personas: Vec<Bytes>,
}

#[inline(never)]
fn get_made(held: &Held, get: Get, shelf: &Shelf) -> Result<(), Failure> {
    let got = held.runtime.block_on(held.registry.get_made(&held.caller, get, shelf))?;
    let header = Some(wire::header(held.registry.store_id(), got.revision));
    let personas = got.persona.into_iter().map(|made| made.bytes).collect();
    black_box(Answer { header, personas }.encode_to_vec());
    Ok(())
}

fn get_kept(dir: &Path, times: usize) -> Result<(), Failure> {
    let held = Held::open(dir)?;
    let shelf = Shelf::new(1024 * 1024, made);
    twice(times, |_| get_made(&held, held.get()?, &shelf))?;
    held.close()
}

#[inline(never)]
fn get_anew(held: &Held, get: Get) -> Result<(), Failure> {
    let got = held.runtime.block_on(held.registry.get(&held.caller, get))?;
    let header = Some(wire::header(held.registry.store_id(), got.revision));
    let persona = got.persona.map(|persona| wire::persona(&persona, View::Full));
    black_box(pb::GetPersonaResponse { header, persona, ..Default::default() }.encode_to_vec());
    Ok(())
}

fn get_new(dir: &Path, times: usize) -> Result<(), Failure> {
    let held = Held::open(dir)?;
    twice(times, |_| get_anew(&held, held.get()?))?;
    held.close()
}

#[inline(never)]
fn encode_page(answer: &Answer) {
    black_box(answer.encode_to_vec());
}

fn list_pages(dir: &Path, times: usize) -> Result<(), Failure> {
    let held = Held::open(dir)?;
    // With room for the personas and none for the page, which is put together each time.
    let shelf = Arc::new(Shelf::new(512 * 1024, made));
    twice(times, |_| {
        let selection = Selection { namespace: Some(Namespace::default()), ..Selection::default() };
        let list = List {
            selection,
            page_size: PAGE,
            page_token: String::new(),
            view: View::Full,
            freshness: Freshness::default(),
        };
        let listing = held.registry.list_made(&held.caller, list, Arc::clone(&shelf));
        let listing = held.runtime.block_on(listing)?;
        let header = Some(wire::header(held.registry.store_id(), listing.revision));
        let personas: Vec<_> = listing.personas.iter().map(|made| made.bytes.clone()).collect();
        if personas.len() != PAGE {
            return Err("another page".into());
        }
        encode_page(&Answer { header, personas });
        Ok(())
    })?;
    held.close()
}

fn commit_some(dir: &Path, times: usize) -> Result<(), Failure> {
    let held = Held::open(dir)?;
    twice(times, |number| held.put(number % 10, number))?;
    held.close()
}

fn count(case: &Case) -> Result<f64, Failure> {
    let dir = tempfile::tempdir()?;
    // Beforehand, since nothing is quick below valgrind.
    let held = Held::open(dir.path())?;
    (0..case.personas).try_for_each(|persona| held.put(persona, 0))?;
    held.close()?;
    let path = dir.path().to_str().ok_or("a directory of a strange name")?;
    let counts = counts(case.functions, &["--run", case.name, path])?;
    let counted = counts.get(1).filter(|count| **count > 0.0);
    let counted =
        counted.ok_or_else(|| format!("{}: nothing was counted; was a function renamed?", case.name))?;
    Ok(counted / case.times as f64)
}

fn check(bless: bool) -> Result<(), Failure> {
    let shares: Vec<Vec<&Case>> =
        (0..PROCESSES).map(|number| CASES.iter().skip(number).step_by(PROCESSES).collect()).collect();
    let rows = std::thread::scope(|scope| {
        let count = |share: &Vec<&'static Case>| -> Result<Vec<_>, Failure> {
            share.iter().map(|case| Ok((case.name, count(case)?))).collect()
        };
        let shares: Vec<_> = shares.iter().map(|share| scope.spawn(move || count(share))).collect();
        let rows = shares.into_iter().map(|share| share.join().map_err(|_| "a thread died")?);
        rows.collect::<Result<Vec<_>, Failure>>()
    })?
    .concat();
    if bless {
        return BASELINE.bless("instructions of a debug build", &rows);
    }
    let known = BASELINE.read()?;
    let mut others = Vec::new();
    for (name, count) in &rows {
        let change = known.get(*name).map(|known| count / known - 1.0);
        let told = change.map_or_else(|| "new".to_owned(), |change| format!("{:+.1} %", change * 100.0));
        println!("{count:12.0} instructions, {told:>8}: {name}");
        if change.is_none_or(|change| change.abs() > MARGIN) {
            others.push(format!("{name} ({told})"));
        }
    }
    if others.is_empty() {
        return Ok(());
    }
    let help = "where that is meant, `cargo test --bench instructions -- --bless` writes it down";
    Err(format!("not within a tenth of benches/{}: {}; {help}", BASELINE.0, others.join(", ")).into())
}

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--run", name, dir] => {
            let case = CASES.iter().find(|case| case.name == *name).ok_or("no such case")?;
            (case.run)(Path::new(dir), case.times)
        }
        ["--bless"] => check(true),
        ["--check"] => check(false),
        // Nothing is counted by `cargo bench` or `cargo test` without being asked to.
        _ => Ok(()),
    }
}
