//! What `persona serve` says to people: one screen at the start, and what was refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use crate::cli::Output;
use crate::cli::output::printable;
use crate::domain::Name;
use crate::registry::ImportOutcome;
use crate::seed::{Progress, Reason, Refused, Report, Source};
use crate::server::Ready;

/// What of the configuration is told.
pub(super) struct Said {
    pub data_dir: PathBuf,
    /// The registry that commands talk to unless they are told otherwise.
    pub server: String,
    pub follow: bool,
}

/// One screen: what is served, what was refused, and what to try.
pub(super) fn announce(ready: &Ready, config: &Said, out: &mut Output) {
    let status = ready.registry.status();
    out.say(&format!(
        "persona registry {} · store {} · revision {}",
        env!("CARGO_PKG_VERSION"),
        ready.registry.store_id(),
        status.revision
    ));
    out.say(&format!("  data      {}", config.data_dir.display()));
    out.say(&format!(
        "  serving   {} in {} on {}",
        count(status.personas, "persona"),
        count(status.namespaces, "namespace"),
        ready.address
    ));
    if let Some((reason, aside)) = &ready.opened.rebuilt {
        let kept = aside.as_ref().map(|path| format!("; the old one is kept as {}", path.display()));
        out.warning(&format!(
            "the view was made anew from the journal: {reason}{}",
            kept.unwrap_or_default()
        ));
    }
    for (source, report) in &ready.seeded {
        seeded(source, report, out);
    }
    match (ready.seeded.is_empty(), config.follow) {
        (true, _) => {}
        (false, true) => out.say("            followed: what is saved there is taken in at once"),
        (false, false) => {
            out.say("            read once; with --follow what is saved there is taken in at once")
        }
    }
    if ready.seeded.is_empty() {
        out.say(
            "  folders   none; put personas with `persona put FILE`, or give a folder with --personas DIR",
        );
    }
    out.say("");
    out.say("try it:");
    // What is shown must work as it stands: at this address, whatever is stored.
    let address = reachable(ready.address);
    let server = match config.server == format!("http://{address}") {
        true => String::new(),
        false => format!(" --server {address}"),
    };
    out.say(&format!("  persona list{server}"));
    out.say(&format!("  grpcurl -plaintext {address} persona.registry.v1.PersonaService/ListPersonas"));
}

/// Where a client on this machine finds what listens there: `0.0.0.0` means all addresses and is none itself.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

fn seeded(source: &Source, report: &Report, out: &mut Output) {
    let Report { created, updated, unchanged, skipped, deleted, kept, refused, .. } = report;
    let gone = if *deleted > 0 { format!(", {deleted} deleted") } else { String::new() };
    out.say(&format!(
        "  folder    {} → {}: {created} new, {updated} updated, {unchanged} unchanged{gone}, {} refused, {skipped} passed over",
        source.dir.display(),
        source.namespace,
        refused.len(),
    ));
    for refused in refused.iter().take(SHOWN) {
        tell_refused(refused, out);
    }
    if refused.len() > SHOWN {
        out.note(&format!("{} more were refused; `persona refused` tells all", refused.len() - SHOWN));
    }
    if let Some(problem) = &report.problem {
        out.warning(&format!("{}: {problem}", source.dir.display()));
    } else if !kept.is_empty() {
        out.note(&format!(
            "{} without a file now: {}; `--prune` deletes what a folder created and nobody changed since",
            count(kept.len() as u64, "persona"),
            some(kept),
        ));
    }
}

/// Refused files told on the screen.
const SHOWN: usize = 20;
/// Names told in one line.
const NAMED: usize = 5;

fn some(names: &[Name]) -> String {
    let shown: Vec<_> = names.iter().take(NAMED).map(Name::as_str).collect();
    let more = if names.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

fn tell_refused(refused: &Refused, out: &mut Output) {
    let path = printable(&refused.path.to_string_lossy());
    match &refused.reason {
        Reason::Findings { diagnostics, places } => {
            for found in diagnostics.iter().filter(|found| found.blocks_storing()) {
                let at = places.position(found.span.start);
                out.error(
                    found.code.as_str(),
                    &format!("{path}:{}:{}: {}", at.line, at.column, found.message),
                );
            }
        }
        _ => out.error("", &format!("{path}: {}", refused.message())),
    }
}

/// What happened in a followed folder, a line each. Nothing where the log tells it.
pub(super) fn followed(source: &Source, report: &Report, out: &mut Output) {
    if !out.has_reader() {
        return;
    }
    for (name, outcome) in report.changes.iter().take(SHOWN) {
        let did = match outcome {
            ImportOutcome::Created => "created",
            ImportOutcome::Deleted => "deleted",
            _ => "updated",
        };
        out.say(&format!("{did} {}/{name} from {}", source.namespace, source.dir.display()));
    }
    if report.changes.len() > SHOWN {
        out.say(&format!("… and {} more", report.changes.len() - SHOWN));
    }
    let new = report.newly_refused.iter().filter_map(|at| report.refused.get(*at));
    for refused in new.take(SHOWN) {
        tell_refused(refused, out);
    }
    for path in report.mended.iter().take(SHOWN) {
        out.say(&format!("no longer refused: {}", printable(&path.to_string_lossy())));
    }
    if let (true, Some(problem)) = (report.problem_is_new, &report.problem) {
        out.warning(&format!("{}: {problem}", source.dir.display()));
    }
}

/// A bar on the terminal while a folder is taken in; nothing in a pipe.
#[derive(Default)]
pub(super) struct Bar(Option<indicatif::ProgressBar>);

impl Bar {
    pub(super) fn show(&mut self, source: &Source, progress: Progress) {
        let bar = self.0.get_or_insert_with(|| indicatif::ProgressBar::new(progress.total as u64));
        bar.set_length(progress.total as u64);
        bar.set_message(format!("taking in {}", source.dir.display()));
        bar.set_position(progress.done as u64);
    }

    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
