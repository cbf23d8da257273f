//! `persona bench watch`: how long it takes from a put to each of many streams, and to the last of them.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::load::{Load, Turn, drive};
use super::puts::{Documents, Own};
use super::tally::Latencies;
use super::{Failure, Form, Outcome, Output, around, connections, told};
use crate::cli::flags::{Flags, InNamed};
use crate::cli::remote::Remote;
use crate::client::{Client, ClientError, Selection, Start, Step, Watch};
use crate::config::Config;
use crate::wire::pb;
use crate::wire::pb::watch_personas_response::Event;

/// Open streams, put a persona again and again, and time each put until every stream has it; it is deleted afterwards
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Flags<InNamed>,

    #[command(flatten)]
    documents: Documents,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    load: Load,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Examples:
  persona bench watch --namespace scratch
  persona bench watch --namespace scratch --connections 16 --streams 64 --rate 20";

/// What a stream tells.
enum News {
    /// A change came, at this revision.
    Came(i64, Instant),
    /// It is no more.
    Ended(ClientError),
}

/// What the streams told and nobody looked at yet.
struct Streams {
    news: mpsc::Receiver<News>,
    open: usize,
    patience: Duration,
}

impl Streams {
    /// Waits until every stream had this revision, and tells when each had it.
    async fn all(&mut self, revision: i64) -> Result<Vec<Instant>, ClientError> {
        let end = Instant::now() + self.patience;
        let mut moments = Vec::new();
        while moments.len() < self.open {
            match timeout_at(end, self.news.recv()).await {
                Err(_) => return Err(ClientError::Silent(self.patience)),
                Ok(None) => return Err(ClientError::Closed),
                Ok(Some(News::Ended(error))) => {
                    self.open -= 1;
                    return Err(error);
                }
                // One before came too late to be waited for.
                Ok(Some(News::Came(came, _))) if came < revision => {}
                Ok(Some(News::Came(_, moment))) => moments.push(moment),
            }
        }
        if moments.is_empty() { Err(ClientError::Closed) } else { Ok(moments) }
    }
}

pub(super) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = around(&args.load, config).await?;
    let own = Arc::new(Own::new(&args.documents, config));
    let mut watches = Vec::new();
    let connections = connections(&args.load, config).await?;
    for client in args.load.spread(&connections) {
        watches.push(open(&client, &own).await?);
    }
    let (sender, news) = mpsc::channel(2 * watches.len());
    let streams = Streams { news, open: watches.len(), patience: config.client.call_timeout };
    // Dropped, it ends the streams.
    let mut readers = JoinSet::new();
    for watch in watches {
        readers.spawn(read(watch, sender.clone()));
    }
    drop(sender);
    let streams = Arc::new(Mutex::new(streams));
    let each = Arc::new(std::sync::Mutex::new(Latencies::new()?));
    let call = {
        let (own, each) = (Arc::clone(&own), Arc::clone(&each));
        move |client: Client, turn: Turn| {
            let (put, streams, each) = (own.put(turn), Arc::clone(&streams), Arc::clone(&each));
            async move {
                let (begun, bytes) = (Instant::now(), put.content.len());
                let revision = client.put(put).await?.revision;
                let moments = streams.lock().await.all(revision).await?;
                let mut each = each.lock().unwrap_or_else(PoisonError::into_inner);
                for moment in moments {
                    each.record(moment.saturating_duration_since(begun));
                }
                Ok(bytes)
            }
        }
    };
    let writer = connections.into_iter().take(1).collect();
    let measured = drive(&args.load, writer, call, out).await;
    drop(readers);
    let is_clean = own.delete(1, &client, out).await;
    let mut shape = measured?.shape("watch", &args.load, config);
    // What the load timed ends with the last stream.
    shape.last_latency_us = shape.latency_us.take();
    shape.latency_us = each.lock().unwrap_or_else(PoisonError::into_inner).shape();
    let outcome = told(&shape, args.output, out)?;
    Ok(if is_clean { outcome } else { Outcome::Findings })
}

/// A stream that is told of whatever comes next.
async fn open(client: &Client, own: &Own) -> Result<Watch, Failure> {
    let selection = Selection {
        namespace: own.namespace().to_owned(),
        names: vec![own.name(0)],
        view: pb::PersonaView::Basic,
        mode: pb::WatchMode::EveryVersion,
        ..Default::default()
    };
    let mut watch = client.watch(selection, Start::Now).await?;
    loop {
        match watch.next().await? {
            Step::Message(message) if matches!(message.event, Some(Event::Opened(_))) => return Ok(watch),
            Step::Message(_) => {}
            Step::Lost { cause, .. } => return Err(cause.into()),
        }
    }
}

/// Tells of all that a stream brings. One that breaks has ended here: what it opens anew is another stream.
async fn read(mut watch: Watch, told: mpsc::Sender<News>) {
    loop {
        let news = match watch.next().await {
            Ok(Step::Message(message)) => match message.event {
                Some(Event::Changes(changes)) => News::Came(changes.revision, Instant::now()),
                _ => continue,
            },
            Ok(Step::Lost { cause, .. }) => News::Ended(cause),
            Err(error) => News::Ended(error),
        };
        let is_end = matches!(news, News::Ended(_));
        if told.send(news).await.is_err() || is_end {
            return;
        }
    }
}
