//! `persona serve`: opens the registry in its data directory, takes in folders, serves, and says so on one screen.

mod announce;

use std::io;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use self::announce::{Bar, Said, announce, followed};
use super::flags::{Flags, Serving};
use super::{Failure, Outcome, Output, logging};
use crate::config::{Config, Origin};
use crate::server::{self, News};

const EXAMPLES: &str = "\
Examples:
  persona serve                                  personas/ of this folder, on 127.0.0.1:50051
  persona serve --personas team/personas         another folder
  persona serve --personas ops=ops/personas      a folder for the namespace `ops`
  persona serve --listen 127.0.0.1:0             any free port; the first line tells which";

/// Serve personas over gRPC
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<Serving>,
}

/// News that wait for the terminal.
const NEWS: usize = 1024;

pub(crate) async fn run(mut config: Config, out: &mut Output) -> Result<Outcome, Failure> {
    let json = logging::start(config.log_format, out.colours_words());
    config.options.settings = Some(config.digest());
    let said = Said {
        program: std::env::args().next().unwrap_or_else(|| "persona".to_owned()),
        data_dir: config.options.registry.data_dir.clone(),
        server: config.server.to_string(),
        tls: config.options.tls.clone(),
        follow: config.options.seeding.follow,
        prune: config.options.seeding.prune,
    };
    // Before the first line is printed: whoever reads it may stop the server at once, and it must stop well.
    let stop = stop_signal()?;
    let listener = TcpListener::bind(config.listen).await.map_err(|source| no_listener(&config, source))?;
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
                    if let Some(metrics) = ready.metrics {
                        drop(out.line(&format!("metrics on http://{metrics}/metrics")));
                    }
                    // Where the log is for machines, nothing else stands between its lines.
                    if !json || out.has_reader() {
                        announce(&ready, &said, out);
                    }
                }
                News::Followed(source, report) => followed(&source, &report, said.prune, out),
            }
        }
        bar.clear();
    };
    let (served, ()) = tokio::join!(server::run(listener, config.options, stop, tell), talk);
    served.map_err(|error| Failure::Server(Box::new(error)))?;
    Ok(Outcome::Done)
}

fn no_listener(config: &Config, source: io::Error) -> Failure {
    let origin = config.entries.iter().find(|entry| entry.setting.key == "listen").map(|entry| &entry.origin);
    let named = origin.filter(|origin| **origin != Origin::Default).map(|origin| format!(" ({origin})"));
    let help = match source.kind() {
        io::ErrorKind::AddrInUse => {
            "is another registry running there? stop that one, or choose another --listen (port 0: any that is free)"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; 127.0.0.1 is this machine alone, 0.0.0.0 every address that it has"
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 are for the system; choose a higher one",
        _ => "choose another --listen",
    };
    let what = format!("cannot listen on {}{}", config.listen, named.unwrap_or_default());
    Failure::Io { what, source, help: Some(help.to_owned()) }
}

/// Listens from now on, and resolves at the first signal to stop; a second one ends the process at once.
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let listen = |kind| signal(kind).map_err(|source| Failure::io("no signals", source));
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
