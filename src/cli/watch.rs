//! `persona watch`: a line a change, until Ctrl-C; a broken stream is opened again where it ended.

use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};

use super::output::{Paint, printable};
use super::remote::{Places, Remote, Scope, connect, filtered};
use super::shape::Event;
use super::{Failure, Outcome, Output, table};
use crate::client::{Selection, Start, Step, Watch};
use crate::config::Config;
use crate::document::named;
use crate::domain::{Alias, Name};
use crate::wire::pb;
use crate::wire::pb::persona_change::Type;
use crate::wire::pb::watch_personas_response::Event as Wire;

/// Follow personas: what there is, then every change, until Ctrl-C
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which personas; they need not exist yet [default: all]
    #[arg(value_parser = named::<Name>)]
    names: Vec<Name>,

    #[command(flatten)]
    pub(super) places: Places,

    /// Only what this matches, as in `persona list`; what no longer does has `left`
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,

    /// Only what has this alias, at the version that it names; what loses it has `left`
    #[arg(long, value_parser = named::<Alias>)]
    alias: Option<Alias>,

    /// Show each version, also when behind [default: the newest]
    #[arg(long)]
    every_version: bool,

    /// Begin with the next change, without what there is
    #[arg(long, conflicts_with = "resume")]
    from_now: bool,

    /// Go on after the place that this token names
    #[arg(long, value_name = "TOKEN")]
    resume: Option<String>,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Examples:
  persona watch
  persona watch backend_developer --from-now
  persona watch --alias production --filter 'labels.team = \"payments\"'
  persona watch --namespace - -o json | jq -c '{event, revision, resume_token}'
  persona watch --resume \"$TOKEN\" -o json    go on where an earlier watch ended";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One line a change for people
    Text,
    /// One line of JSON an event, with documents and resume tokens
    Json,
}

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    // Listened for before anything is printed: an interrupt right after the first line must find somebody.
    let listen = |kind| signal(kind).map_err(|source| Failure::io("no signals", source));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let mut watch = tokio::select! {
        watch = begin(args, config) => watch?,
        _ = interrupt.recv() => return Ok(Outcome::Done),
        _ = terminate.recv() => return Ok(Outcome::Done),
    };
    let everywhere = args.places.scope(config) == Scope::All;
    let result = tokio::select! {
        result = follow(&mut watch, args, everywhere, out) => result,
        _ = interrupt.recv() => Ok(Outcome::Done),
        _ = terminate.recv() => Ok(Outcome::Done),
    };
    // After a failed write the token may be ahead of what was seen.
    if let (Form::Text, Some(token), Ok(_)) = (args.output, watch.resume_token(), &result) {
        out.say(&format!("go on later with --resume {token}"));
    }
    result
}

async fn begin(args: &Args, config: &Config) -> Result<Watch, Failure> {
    let client = connect(config).await?;
    let selection = Selection {
        filter: args.filter.clone(),
        alias: args.alias.as_ref().map(Alias::to_string).unwrap_or_default(),
        namespace: args.places.scope(config).as_str().to_owned(),
        names: args.names.iter().map(Name::to_string).collect(),
        view: match args.output {
            Form::Text => pb::PersonaView::Basic,
            Form::Json => pb::PersonaView::Full,
        },
        mode: if args.every_version { pb::WatchMode::EveryVersion } else { pb::WatchMode::Latest },
    };
    let start = match (&args.resume, args.from_now) {
        (Some(token), _) => Start::Token(token.clone()),
        (None, true) => Start::Now,
        (None, false) => Start::Snapshot,
    };
    client.watch(selection, start).await.map_err(|error| filtered(error, &args.filter))
}

async fn follow(
    watch: &mut Watch,
    args: &Args,
    everywhere: bool,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    loop {
        // A bad filter is refused by the stream's first message.
        let step = watch.next().await.map_err(|error| filtered(error, &args.filter))?;
        match (step, args.output) {
            (Step::Message(message), Form::Json) => {
                for line in Event::of(*message) {
                    out.json(&line)?;
                }
            }
            (Step::Lost { cause, wait }, Form::Json) => out.json(&Event::lost(&cause, wait))?,
            (Step::Message(message), Form::Text) => {
                if let Some(event) = message.event {
                    tell(event, everywhere, out)?;
                }
            }
            (Step::Lost { cause, wait }, Form::Text) => {
                out.warning(&format!("{cause}; trying again in {:.1} s", wait.as_secs_f64()));
            }
        }
    }
}

fn tell(event: Wire, everywhere: bool, out: &mut Output) -> Result<(), Failure> {
    match event {
        Wire::Opened(opened) => {
            let revision = opened.header.map_or(0, |header| header.revision);
            out.say(&format!("watching from revision {revision}"));
        }
        Wire::Snapshot(snapshot) => {
            for persona in &snapshot.personas {
                out.line(&line(snapshot.revision, "present", persona, everywhere, out.width()))?;
            }
        }
        Wire::Synced(synced) => {
            out.say(&format!(
                "{} there at revision {}; changes follow",
                personas(synced.count),
                synced.revision
            ));
        }
        Wire::Changes(changes) => {
            for change in &changes.changes {
                let word = match change.r#type() {
                    Type::Created => "created",
                    Type::Updated => "updated",
                    Type::Deleted => "deleted",
                    Type::Left => "left",
                    Type::Unspecified => "changed",
                };
                let paint = match change.r#type() {
                    Type::Created => Paint::Green,
                    Type::Updated | Type::Unspecified => Paint::Yellow,
                    Type::Deleted | Type::Left => Paint::Red,
                };
                if let Some(persona) = &change.persona {
                    let line = line(changes.revision, word, persona, everywhere, out.width());
                    // After the cut: what colours is not seen and has no width.
                    out.line(&line.replacen(word, &out.painted(paint, word), 1))?;
                }
            }
        }
        Wire::Progress(_) => {}
        Wire::Closing(_) => out.say("the registry is about to shut down"),
    }
    Ok(())
}

fn personas(count: i64) -> String {
    if count == 1 { "1 persona is".to_owned() } else { format!("{count} personas are") }
}

fn line(revision: i64, word: &str, persona: &pb::Persona, everywhere: bool, width: Option<usize>) -> String {
    let place = if everywhere { format!("{}/", persona.namespace) } else { String::new() };
    let mut line =
        format!("revision {revision}  {word}  {place}{}  version {}", persona.name, persona.version);
    if !persona.description.is_empty() {
        line.push_str("  ");
        line.push_str(&printable(&persona.description));
    }
    width.map_or_else(|| line.clone(), |width| table::cut(&line, width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_a_line() {
        let persona = pb::Persona {
            namespace: "team".to_owned(),
            name: "a".to_owned(),
            version: 2,
            description: "Does\nthings.".to_owned(),
            ..Default::default()
        };
        assert_eq!(
            line(8, "updated", &persona, false, None),
            "revision 8  updated  a  version 2  Does\\nthings."
        );
        assert_eq!(line(8, "updated", &persona, true, Some(30)), "revision 8  updated  team/a…");
    }

    #[test]
    fn data_and_words_part_ways() {
        let mut out = Output::captured();
        let synced = pb::watch_personas_response::Synced { revision: 3, count: 1 };
        tell(Wire::Synced(synced), false, &mut out).unwrap();
        assert_eq!(out.data(), "");
        assert_eq!(out.words(), "1 persona is there at revision 3; changes follow\n");
    }
}
