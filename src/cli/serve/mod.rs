//! `persona serve`: opens the registry in its data directory, takes in folders, serves, and says so on one screen.

mod announce;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use self::announce::{Bar, announce, followed};
use super::{Failure, Outcome, Output, logging};
use crate::domain::{Digest, Namespace, limits};
use crate::journal::{self, Durability};
use crate::seed::Source;
use crate::server::{self, News};

const EXAMPLES: &str = "\
Examples:
  persona serve                                  personas/ of this folder, on 127.0.0.1:50051
  persona serve --personas team/personas         another folder
  persona serve --personas ops=ops/personas      a folder for the namespace `ops`
  persona serve --listen 127.0.0.1:0             any free port; the first line tells which";

/// Serve personas over gRPC.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Address to listen on. Port 0: any that is free.
    #[arg(long, value_name = "ADDR", env = "PERSONA_LISTEN", default_value = "127.0.0.1:50051")]
    listen: SocketAddr,

    /// Where the registry keeps its data [default: a directory of the platform's for data, under a key of this folder].
    #[arg(long, value_name = "DIR", env = "PERSONA_DATA_DIR")]
    data_dir: Option<PathBuf>,

    /// A folder of Markdown files to take in at the start, as DIR or NAMESPACE=DIR. May be given several times
    /// [default: personas, where there is such a folder].
    #[arg(long, value_name = "[NAMESPACE=]DIR", value_parser = parse_source)]
    personas: Vec<Source>,

    /// What OK on a write means: `strict` survives a power cut; `relaxed` may lose the last second to one.
    #[arg(long, value_name = "HOW", default_value = "strict", value_parser = ["strict", "relaxed"])]
    durability: String,

    /// How long a shutdown may take before what is left is cut, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    grace: u64,

    /// Watch streams at once, at most.
    #[arg(long, value_name = "N", default_value_t = limits::WATCH_STREAMS)]
    watch_streams: usize,

    /// Refuse writes while the disk has less free space than this, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    min_free: u64,

    /// Memory for the pages of the store, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    cache: u64,

    /// Length at which a file of the journal is followed by the next, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = journal::Options::default().segment_bytes,
        value_parser = clap::value_parser!(u64).range(4096..))]
    segment_bytes: u64,

    /// How often the store is made durable while there are writes, in seconds: a start after a crash replays the
    /// journal from there. Acknowledged writes are durable without it.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    checkpoint: u64,

    /// How the log is written to stderr: `pretty` for people, `json` for machines [default: by whether stderr is a terminal].
    #[arg(long, value_name = "FORMAT", env = "PERSONA_LOG_FORMAT", value_parser = ["pretty", "json"])]
    log_format: Option<String>,
}

fn parse_source(text: &str) -> Result<Source, String> {
    let (namespace, dir) = match text.split_once('=') {
        None => (Namespace::default(), text),
        Some((namespace, dir)) => (namespace.parse().map_err(|error| format!("{error}"))?, dir),
    };
    if dir.is_empty() {
        return Err("the folder is missing; write DIR or NAMESPACE=DIR".to_owned());
    }
    Ok(Source { namespace, dir: dir.into() })
}

/// News that wait for the terminal.
const NEWS: usize = 1024;

pub(crate) async fn run(args: Args, out: &mut Output) -> Result<Outcome, Failure> {
    logging::start(args.log_format.as_deref());
    let options = options(&args)?;
    let data_dir = options.registry.data_dir.clone();
    // Before the first line is printed: whoever reads it may stop the server at once, and it must stop well.
    let stop = stop_signal()?;
    let listener = TcpListener::bind(args.listen).await.map_err(|source| Failure::Io {
        what: format!(
            "cannot listen on {}; is another registry running there? choose another --listen",
            args.listen
        ),
        source,
    })?;
    let (news, mut heard) = mpsc::channel(NEWS);
    let tell = move |told: News| {
        // A terminal that takes nothing must not hold the server up: what does not fit is in the log. Progress, which is
        // told most often, leaves room for the rest.
        if !matches!(told, News::Seeding(..)) || news.capacity() > NEWS / 2 {
            drop(news.try_send(told));
        }
    };
    let talk = async {
        let mut bar = Bar::default();
        while let Some(told) = heard.recv().await {
            match told {
                News::Seeding(source, progress) => bar.show(&source, progress),
                News::Ready(ready) => {
                    bar.clear();
                    // Whoever starts the server from a script reads the address here; a closed stdout is no reason
                    // to stop.
                    drop(out.line(&format!("listening on {}", ready.address)));
                    announce(&ready, &data_dir, out);
                }
                News::Followed(source, report) => followed(&source, &report, out),
            }
        }
        bar.clear();
    };
    let (served, ()) = tokio::join!(server::run(listener, options, stop, tell), talk);
    served.map_err(|error| Failure::Server(Box::new(error)))?;
    Ok(Outcome::Done)
}

fn options(args: &Args) -> Result<server::Options, Failure> {
    let data_dir = match &args.data_dir {
        Some(dir) => dir.clone(),
        None => default_data_dir()?,
    };
    let mut options = server::Options::new(data_dir);
    options.registry.journal.durability = match args.durability.as_str() {
        "relaxed" => Durability::Relaxed,
        _ => Durability::Strict,
    };
    options.registry.journal.segment_bytes = args.segment_bytes;
    options.registry.checkpoint_interval = Duration::from_secs(args.checkpoint);
    options.registry.watch_streams = args.watch_streams;
    options.registry.min_free_bytes = args.min_free.saturating_mul(1024 * 1024);
    options.registry.store.cache_bytes = args.cache.saturating_mul(1024 * 1024);
    options.grace = Duration::from_secs(args.grace);
    options.sources.clone_from(&args.personas);
    for source in &args.personas {
        if !source.dir.is_dir() {
            return Err(Failure::Usage(format!("--personas: there is no folder {}", source.dir.display())));
        }
    }
    let usual = Path::new("personas");
    if options.sources.is_empty() && usual.is_dir() {
        options.sources.push(Source { namespace: Namespace::default(), dir: usual.to_owned() });
    }
    Ok(options)
}

/// The platform's directory for data, under a key of the current folder, so that two projects never mix.
fn default_data_dir() -> Result<PathBuf, Failure> {
    let project = std::env::current_dir().and_then(std::fs::canonicalize).map_err(|source| Failure::Io {
        what: "cannot tell the current folder; give --data-dir".to_owned(),
        source,
    })?;
    let Some(dirs) = directories::ProjectDirs::from("", "", "persona-registry") else {
        return Err(Failure::Usage("there is no home directory to keep data in; give --data-dir".to_owned()));
    };
    let digest = Digest::of(project.as_os_str().as_encoded_bytes()).to_string();
    let key: String = digest.trim_start_matches("sha256:").chars().take(12).collect();
    let name = project.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(dirs.data_local_dir().join(format!("{name}-{key}")))
}

/// Listens from now on, and resolves at the first signal to stop; a second one ends the process at once.
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let listen = |kind| signal(kind).map_err(|source| Failure::Io { what: "no signals".to_owned(), source });
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let mut next = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(async move {
        next().await;
        drop(stop);
        next().await;
        std::process::exit(130);
    });
    Ok(async { drop(stopped.await) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_may_name_its_namespace() {
        let source = parse_source("ops=team/personas").unwrap();
        assert_eq!((source.namespace.as_str(), source.id().as_str()), ("ops", "ops=team/personas"));
        assert_eq!(parse_source("personas").unwrap().id().as_str(), "default=personas");
        assert!(parse_source("Ops=x").is_err() && parse_source("ops=").is_err());
    }
}
