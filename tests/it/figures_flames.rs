//! The flame graphs of `docs/performance.md`: where a hot path's time goes, drawn from stacks that `perf` took. The stacks lie folded in
//! `benches/results/`, one a line with its samples; `BLESS=1` draws them anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::figures::newest_file;
use crate::svg_flame::{Frame, flame};

/// Frames with fewer samples than one in so many count as their caller's.
const FEWEST: u64 = 500;
/// Frames of the kernel that are shown above each other.
const KERNEL_FRAMES: usize = 5;
/// Crates that only hand on.
const PASSED_OVER: [&str; 9] = [
    "core",
    "std",
    "alloc",
    "futures_util",
    "futures_core",
    "tower",
    "tower_service",
    "hyper_util",
    "tracing",
];
/// The hot paths, and what their graphs are called.
const PATHS: [(&str, &str); 3] = [
    ("get", "Where the time of a Get goes"),
    ("put", "Where the time of a durable put goes"),
    ("watch", "Where the time of telling four thousand streams goes"),
];

/// A symbol without what it is generic over. `<type as trait>::function` is `type::function`, and that of the trait where the type is
/// any.
fn bare(symbol: &str) -> String {
    let mut depth = 0;
    let mut keep = |letter: &char| {
        depth += usize::from(*letter == '<');
        let is_kept = depth == 0;
        depth -= usize::from(*letter == '>' && depth > 0);
        is_kept
    };
    let Some(cast) = symbol.strip_prefix('<') else { return symbol.chars().filter(&mut keep).collect() };
    let mut open = 1_usize;
    let end = cast.char_indices().find(|(_, letter)| {
        open = open + usize::from(*letter == '<') - usize::from(*letter == '>');
        open == 0
    });
    let (inside, behind) = cast.split_at(end.map_or(cast.len(), |(at, _)| at));
    let parts: String = inside.chars().filter(&mut keep).collect();
    let owner = match parts.split_once(" as ") {
        Some((owner, of)) if !owner.contains("::") => of,
        Some((owner, _)) => owner,
        None => &parts,
    };
    format!("{owner}{}", behind.trim_start_matches('>'))
}

/// `crate:function` of a symbol: without what it is generic over, and of its path the end.
fn named(address: &str, symbol: &str) -> Option<String> {
    if symbol == "[unknown]" {
        return None;
    }
    if address.starts_with("ffffffff") {
        return Some(format!("kernel:{symbol}"));
    }
    let symbol = symbol.rfind("::h").filter(|at| symbol.len() == at + 19).map_or(symbol, |at| &symbol[..at]);
    let bare = bare(symbol);
    let parts: Vec<_> =
        bare.split("::").filter(|part| !part.is_empty() && !part.contains("closure")).collect();
    let owner = match parts.as_slice() {
        [] => return None,
        [_] => "native",
        [owner, ..] => owner.trim_start_matches(['&', '*']),
    };
    if PASSED_OVER.contains(&owner) {
        return None;
    }
    Some(format!("{owner}:{}", parts[parts.len().saturating_sub(2)..].join("::")))
}

/// Stacks and their samples, of what `perf script -F comm,ip,sym --no-inline` says.
fn folded(script: &str) -> BTreeMap<String, u64> {
    let mut stacks = BTreeMap::new();
    for sample in script.split("\n\n") {
        let mut lines = sample.trim_matches('\n').lines();
        let Some(thread) = lines.next().map(str::trim).filter(|thread| !thread.is_empty()) else { continue };
        let frames = lines.filter_map(|line| line.trim().split_once(' '));
        let mut frames: Vec<_> =
            frames.filter_map(|(address, symbol)| named(address, symbol.trim())).collect();
        frames.push(format!("thread:{thread}"));
        frames.reverse();
        // Of the kernel, what it was asked for.
        let is_kernel = |frame: &String| frame.starts_with("kernel:");
        let first = frames.iter().position(is_kernel).unwrap_or(frames.len());
        frames.truncate(first + KERNEL_FRAMES);
        frames.dedup();
        *stacks.entry(frames.join(";")).or_default() += 1;
    }
    stacks
}

#[test]
#[ignore = "folds what PERF_SCRIPT names into benches/results as the stacks of FLAME (get, put or watch), dated BENCH_DATE"]
fn stacks_are_folded() {
    let of = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let stacks = folded(&fs::read_to_string(of("PERF_SCRIPT")).unwrap());
    let lines: String = stacks.iter().map(|(stack, samples)| format!("{stack} {samples}\n")).collect();
    let root = frames(&lines);
    let mut lines = String::new();
    write_down(&root, "", root.samples / FEWEST, &mut lines);
    let name = format!("benches/results/{}-flame-{}.folded", of("BENCH_DATE"), of("FLAME"));
    fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(name), lines).unwrap();
}

/// The stacks of a frame; those with few samples count as their caller's.
fn write_down(frame: &Frame, stack: &str, fewest: u64, lines: &mut String) {
    let mut own = frame.samples;
    for (name, above) in frame.above.iter().filter(|(_, above)| above.samples > fewest) {
        own -= above.samples;
        let stack = if stack.is_empty() { name.clone() } else { format!("{stack};{name}") };
        write_down(above, &stack, fewest, lines);
    }
    if own > 0 && !stack.is_empty() {
        writeln!(lines, "{stack} {own}").unwrap();
    }
}

fn frames(folded: &str) -> Frame {
    let mut root = Frame::default();
    for line in folded.lines() {
        let (stack, samples) = line.rsplit_once(' ').unwrap();
        let samples: u64 = samples.parse().unwrap();
        let mut frame = &mut root;
        frame.samples += samples;
        for name in stack.split(';') {
            frame = frame.above.entry(name.to_owned()).or_default();
            frame.samples += samples;
        }
    }
    root
}

#[test]
fn flames_are_drawn_from_stacks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let words = fs::read_to_string(root.join("docs/performance.md")).unwrap();
    for (name, title) in PATHS {
        let file = newest_file(&format!("flame-{name}"), "folded").unwrap();
        let drawn = flame(title, &frames(&fs::read_to_string(&file).unwrap()));
        let path = root.join(format!("docs/plots/flame-{name}.svg"));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &drawn).unwrap();
        }
        assert!(fs::read_to_string(&path).unwrap() == drawn, "BLESS=1 draws flame-{name}.svg anew");
        assert!(words.contains(&format!("(plots/flame-{name}.svg)")), "flame-{name}.svg is not shown");
    }
}

#[test]
fn symbols_are_named_by_their_end() {
    for (symbol, expected) in [
        ("<tokio::time::Sleep as core::future::Future>::poll::h0123456789abcdef", Some("tokio:Sleep::poll")),
        ("persona_registry::edge::Edge<S>::begin", Some("persona_registry:Edge::begin")),
        ("<hyper::Server<T,S> as core::Future>::poll", Some("hyper:Server::poll")),
        ("core::ptr::drop_in_place<x::Y>", None),
        ("malloc", Some("native:malloc")),
        ("<E as hyper::rt::Exec<F>>::execute", Some("hyper:Exec::execute")),
        ("[unknown]", None),
        ("a::b::{{closure}}::{{closure}}", Some("a:a::b")),
    ] {
        assert_eq!(named("55d0", symbol).as_deref(), expected, "{symbol}");
    }
    assert_eq!(named("ffffffff81000000", "tcp_sendmsg").as_deref(), Some("kernel:tcp_sendmsg"));
    let stacks = folded(
        "persona \n\t55d1 a::b\n\t55d0 core::c\n\t55cf a::d\n\npersona \n\t55d1 a::b\n\t55cf a::d\n\n",
    );
    assert_eq!(stacks.into_iter().collect::<Vec<_>>(), [("thread:persona;a:a::d;a:a::b".to_owned(), 2)]);
}
