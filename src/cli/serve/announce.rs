//! What `persona serve` says to people: one screen at the start, and what was refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use crate::cli::Output;
use crate::cli::output::printable;
use crate::client::DEFAULT_PORT;
use crate::diagnostic::{Diagnostic, LineIndex};
use crate::seed::{Reason, Refused, Report, Source};
use crate::server::Ready;

/// One screen: what is served, what was refused, and what to try.
pub(super) fn announce(ready: &Ready, data_dir: &Path, out: &mut Output) {
    let status = ready.registry.status();
    out.say(&format!(
        "persona registry {} · store {} · revision {}",
        env!("CARGO_PKG_VERSION"),
        ready.registry.store_id(),
        status.revision
    ));
    out.say(&format!("  data      {}", data_dir.display()));
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
    if ready.seeded.is_empty() {
        out.say(
            "  folders   none; put personas with `persona put FILE`, or give a folder with --personas DIR",
        );
    }
    out.say("");
    out.say("try it:");
    // What is shown must work as it stands: at this address, whatever is stored.
    let address = reachable(ready.address);
    let server = match address.port() {
        DEFAULT_PORT if address.ip() == Ipv4Addr::LOCALHOST => String::new(),
        _ => format!(" --server {address}"),
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
    let Report { created, updated, unchanged, skipped, refused } = report;
    out.say(&format!(
        "  folder    {} → {}: {created} new, {updated} updated, {unchanged} unchanged, {} refused, {skipped} passed over",
        source.dir.display(),
        source.namespace,
        refused.len(),
    ));
    for refused in refused.iter().take(SHOWN) {
        tell_refused(refused, out);
    }
    if refused.len() > SHOWN {
        out.note(&format!(
            "{} more were refused; `persona validate {}` tells all",
            refused.len() - SHOWN,
            source.dir.display()
        ));
    }
}

/// Refused files told on the screen.
const SHOWN: usize = 20;

fn tell_refused(refused: &Refused, out: &mut Output) {
    let path = printable(&refused.path.to_string_lossy());
    match &refused.reason {
        Reason::Findings { diagnostics, content } => {
            let lines = LineIndex::new(content);
            for found in diagnostics.iter().filter(|found| Diagnostic::blocks_storing(found)) {
                let at = lines.position(found.span.start);
                out.error(found.code.as_str(), &format!("{path}:{}:{}: {}", at.line, at.column, found.message));
            }
        }
        Reason::Duplicate { name, first } => {
            out.error("", &format!("{path}: {} is called {name} too, and was taken; rename one", first.display()));
        }
        Reason::Conflict { name } => out.error(
            "",
            &format!("{path}: {name} was changed in the registry since this file last brought it; both are kept as they are"),
        ),
        Reason::Unreadable(problem) => out.error("", &format!("{path}: {problem}")),
        Reason::Registry(error) => out.error("", &format!("{path}: {error}")),
    }
}

fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
