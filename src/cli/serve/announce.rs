//! What `persona serve` says to people: one screen at the start, and what was refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::Output;
use crate::cli::output::printable;
use crate::domain::Name;
use crate::registry::ImportOutcome;
use crate::seed::{Findings, Progress, Reason, Refused, Report, Source};
use crate::server::{Ready, tls};

/// What of the configuration is told.
pub(super) struct Said {
    /// How this program was called.
    pub program: String,
    pub data_dir: PathBuf,
    /// The registry that commands talk to unless they are told otherwise.
    pub server: String,
    pub follow: bool,
    pub tls: Option<tls::Options>,
    pub prune: bool,
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
    out.say(match (ready.seeded.is_empty(), config.follow) {
        (true, _) => {
            "  folders   none; put personas with `persona put FILE`, or give a folder with --personas DIR"
        }
        (false, true) => "  folders   followed: what is saved there is taken in at once",
        (false, false) => "  folders   read once; with --follow what is saved there is taken in at once",
    });
    for (source, report) in &ready.seeded {
        seeded(source, report, config.prune, out);
    }
    out.say("");
    out.say("try it:");
    // What is shown must work as it stands: at this address, with this program, whatever is stored.
    let address = reachable(ready.address);
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let server = match (config.server == format!("{scheme}://{address}"), scheme) {
        (true, _) => String::new(),
        (false, "https") => format!(" --server https://{address}"),
        (false, _) => format!(" --server {address}"),
    };
    let (shown, trust) = trust(config.tls.as_ref());
    out.say(&format!("  {} list{server}{shown}", config.program));
    out.say(&format!("  grpcurl {trust}{address} persona.registry.v1.PersonaService/ListPersonas"));
}

/// How the command line and grpcurl are told whom to trust and what to show: what `persona dev-certs` made lies beside the
/// certificate. Of others the machine knows the authority, and whoever calls has a certificate.
fn trust(tls: Option<&tls::Options>) -> (String, String) {
    let Some(tls) = tls else { return (String::new(), "-plaintext ".to_owned()) };
    let beside = |name: &str| Some(tls.cert.with_file_name(name)).filter(|path| path.is_file());
    let (mut list, mut grpcurl) = (String::new(), String::new());
    if let Some(ca) = beside("ca.pem") {
        list.push_str(&format!(" --ca-cert {}", ca.display()));
        grpcurl.push_str(&format!("-cacert {} ", ca.display()));
    }
    if tls.client_auth == tls::ClientAuth::Required {
        let shown = |name: &str| beside(name).map_or("FILE".to_owned(), |path| path.display().to_string());
        let (cert, key) = (shown("client-dev.pem"), shown("client-dev-key.pem"));
        list.push_str(&format!(" --client-cert {cert} --client-key {key}"));
        grpcurl.push_str(&format!("-cert {cert} -key {key} "));
    }
    (list, grpcurl)
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

fn seeded(source: &Source, report: &Report, prune: bool, out: &mut Output) {
    let Report { created, updated, unchanged, skipped, deleted, kept, refused, .. } = report;
    let gone = match deleted.as_slice() {
        [] => String::new(),
        names => format!(", {} deleted", names.len()),
    };
    let dir = source.dir.display();
    out.say(&format!(
        "  folder    {dir} → {}: {created} new, {updated} updated, {unchanged} unchanged{gone}, {} refused, {skipped} passed over",
        source.namespace,
        refused.len(),
    ));
    for refused in refused.iter().take(SHOWN) {
        tell_refused(refused, out);
    }
    if refused.len() > SHOWN {
        out.note(&format!("{} more were refused; `persona refused` tells all", refused.len() - SHOWN));
    }
    if report.warned > 0 {
        let files = count(report.warned as u64, "file");
        out.note(&format!("{files} taken with warnings; `persona validate {dir}` shows them"));
    }
    if !deleted.is_empty() {
        out.note(&format!("deleted, since their files are gone: {}", some(deleted)));
    }
    if let Some(problem) = &report.problem {
        out.warning(&format!("{dir}: {problem}"));
    } else if !kept.is_empty() {
        out.note(&stays(kept, prune));
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

fn stays(names: &[Name], prune: bool) -> String {
    let why = match prune {
        true => "the folder did not create them, or somebody changed them since",
        false => "`--prune` deletes what a folder created and nobody changed since",
    };
    format!("{} without a file now: {}; {why}", count(names.len() as u64, "persona"), some(names))
}

fn tell_refused(refused: &Refused, out: &mut Output) {
    let path = printable(&refused.path.to_string_lossy());
    match &refused.reason {
        Reason::Findings(Findings { diagnostics, places }) => {
            for found in diagnostics.iter().filter(|found| found.blocks_storing()) {
                let at = places.position(found.span.start);
                out.error(
                    found.code.as_str(),
                    &format!("{path}:{}:{}: {}", at.line, at.column, found.message),
                );
                if let Some(help) = &found.help {
                    out.help(help);
                }
            }
        }
        _ => out.error("", &format!("{path}: {}", refused.message())),
    }
}

/// What happened in a followed folder, a line each. Nothing where the log tells it.
pub(super) fn followed(source: &Source, report: &Report, prune: bool, out: &mut Output) {
    if !out.has_reader() {
        return;
    }
    let (namespace, dir) = (&source.namespace, source.dir.display());
    let deleted = report.deleted.iter().map(|name| ("deleted", name));
    let changed = report.changes.iter().map(|(name, outcome)| match outcome {
        ImportOutcome::Created => ("created", name),
        _ => ("updated", name),
    });
    let all: Vec<_> = changed.chain(deleted).collect();
    for (did, name) in all.iter().take(SHOWN) {
        out.say(&format!("{did} {namespace}/{name} from {dir}"));
    }
    if all.len() > SHOWN {
        out.say(&format!("… and {} more", all.len() - SHOWN));
    }
    for (path, found) in report.warnings.iter().take(SHOWN) {
        let path = printable(&path.to_string_lossy());
        for one in found.diagnostics.iter() {
            let at = found.places.position(one.span.start);
            out.warning(&format!("{path}:{}:{}: {} [{}]", at.line, at.column, one.message, one.code));
        }
    }
    let new = report.newly_refused.iter().filter_map(|at| report.refused.get(*at));
    for refused in new.take(SHOWN) {
        tell_refused(refused, out);
    }
    for path in report.mended.iter().take(SHOWN) {
        out.say(&format!("no longer refused: {}", printable(&path.to_string_lossy())));
    }
    if !report.newly_kept.is_empty() {
        out.note(&stays(&report.newly_kept, prune));
    }
    if let (true, Some(problem)) = (report.problem_is_new, &report.problem) {
        out.warning(&format!("{dir}: {problem}"));
    }
}

/// A bar on the terminal while a folder is taken in; nothing in a pipe.
#[derive(Default)]
pub(super) struct Bar(Option<ProgressBar>);

impl Bar {
    pub(super) fn show(&mut self, source: &Source, progress: Progress) {
        let bar = self.0.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos} of {human_len}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(progress.total as u64).with_style(style)
        });
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
