//! `persona apply`: files into the registry by a plan that is shown first, in batches, pinned to what the plan saw.

pub(super) mod files;
mod plan;
mod prune;
mod run;
mod set;
mod show;

use std::io::{BufRead, IsTerminal as _};
use std::path::PathBuf;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use indicatif::{ProgressBar, ProgressStyle};

use self::files::Files;
use self::plan::{Action, Result as Ended, Step, There};
use self::run::Deed;
use super::diff::{document, text};
use super::exit::unread;
use super::remote::{Place, Remote, connect};
use super::table::some;
use super::{Failure, Outcome, Output};
use crate::client::Client;
use crate::config::Config;
use crate::diagnostic::render;
use crate::document::named;
use crate::domain::Name;
use crate::wire::pb;
use crate::wire::pb::batch_write_personas_request::operation::Kind;

/// Bring files into the registry: show what differs, then create, update and, where asked, delete
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Folders (searched as `persona serve` does, .gitignore respected) and files
    #[arg(required = true, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) place: Place,

    /// Show what would happen, ask the registry, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// All of it at one revision, or nothing: at most 40 writes and 640 KiB
    #[arg(long)]
    atomic: bool,

    /// A name for what these folders bring; --prune needs it
    #[arg(long, value_name = "NAME", value_parser = named::<Name>)]
    set: Option<Name>,

    /// Delete personas that this set brought, nobody changed since, and no file here brings any more
    #[arg(long, requires = "set")]
    prune: bool,

    /// Delete without asking on a terminal
    #[arg(long)]
    yes: bool,

    /// What these changes are about
    #[arg(short, long, default_value = "", hide_default_value = true)]
    message: String,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
A bad file stops no other unless --atomic is given; the exit code tells. Updates and deletions are pinned to what the \
plan saw: what somebody changes meanwhile is left as it is, and told.

Examples:
  persona apply personas --dry-run
  persona apply personas -m 'prefer let-else'
  persona apply personas --set team --prune --yes
  persona apply draft.md --atomic -o json | jq -r .result";

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// The plan, a line a change
    Text,
    /// One line of JSON a file or persona, with how it ended
    Json,
}

/// Calls under way at once.
const AT_ONCE: usize = 16;

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let namespace = config.namespace.as_str();
    let message = check(args)?;
    let files = files::find(&args.paths);
    let client = connect(config).await?;
    let request =
        pb::ListPersonasRequest { namespace: namespace.to_owned(), page_size: 500, ..Default::default() };
    let listed = client.list_all(request).await?;
    let there: There = listed.items.into_iter().map(|persona| (persona.name.clone(), persona)).collect();
    let mut steps = plan::of_files(&files.files, &there);
    let hindrance = match (&args.set, args.prune) {
        (Some(set), true) => match prune::hindrance(&files, &steps) {
            Some(hindrance) => Some(hindrance),
            None => {
                let gone = prune::steps(&client, namespace, set, &steps, &there).await?;
                steps.extend(gone);
                None
            }
        },
        _ => None,
    };
    measure(&client, namespace, &mut steps).await?;

    tell_unread(&files, out);
    draw(&files, out);
    if args.output == Form::Text {
        unread(show::plan(&steps, out))?;
    }
    if let Some(hindrance) = &hindrance {
        out.warning(&format!("nothing is pruned: {hindrance}"));
    }
    let faults = steps.iter().filter(|step| step.action == Action::Refused).count() + files.unread.len();
    if args.atomic && faults > 0 {
        out.error(
            "",
            &format!(
                "nothing was applied: {} cannot be taken, and --atomic takes all or none",
                some(faults, "file")
            ),
        );
        unread(show::json(args.output == Form::Json, &steps, namespace, args.dry_run, out))?;
        return Ok(if files.unread.is_empty() { Outcome::Findings } else { Outcome::Unread });
    }
    if let Some(problem) = run::too_much(&steps).filter(|_| args.atomic) {
        return Err(Failure::Usage(problem));
    }
    let deletions: Vec<_> = steps.iter().filter(|step| step.action == Action::Delete).collect();
    let asks = !deletions.is_empty() && !args.yes && !args.dry_run;
    if asks && std::io::stdin().is_terminal() && out.has_reader() {
        let names: Vec<_> = deletions.iter().filter_map(|step| step.name.as_deref()).collect();
        if !is_confirmed(&names, &mut std::io::stdin().lock(), out)? {
            out.say("nothing was applied");
            return Ok(Outcome::Findings);
        }
    }

    let deed = Deed { client: &client, namespace, message, dry_run: args.dry_run, atomic: args.atomic };
    let bar = bar(&steps, out);
    let done = deed.run(&mut steps, &|settled| bar.set_position(settled as u64)).await;
    bar.finish_and_clear();
    show::ends(&steps, out);
    unread(show::json(args.output == Form::Json, &steps, namespace, args.dry_run, out))?;
    out.say(&show::summary(&steps, &files, args.dry_run));
    done?;
    let is_bad = |step: &Step| {
        step.action == Action::Refused || matches!(step.result, Ended::Lost(_) | Ended::Refused(_))
    };
    Ok(match () {
        () if !files.unread.is_empty() => Outcome::Unread,
        () if hindrance.is_some() || steps.iter().any(is_bad) => Outcome::Findings,
        () => Outcome::Done,
    })
}

/// The message of the batches, once the arguments make sense together.
fn check(args: &Args) -> Result<String, Failure> {
    let file = args.paths.iter().find(|path| args.prune && path.is_file());
    if let Some(file) = file {
        return Err(Failure::Usage(format!(
            "--prune goes by what is missing from folders, and {} is a file",
            file.display()
        )));
    }
    let message = set::mark(&args.message, args.set.as_ref());
    if !set::fits(&message) {
        return Err(Failure::Usage(format!(
            "the message has {} bytes with its set; at most 1024 are taken",
            message.len()
        )));
    }
    Ok(message)
}

/// Counts the lines that updates change: the version that the plan saw beside the file.
async fn measure(client: &Client, namespace: &str, steps: &mut [Step]) -> Result<(), Failure> {
    let updates = steps.iter_mut().filter_map(|step| match (&step.write, step.before, &step.name) {
        (Some(Kind::Put(put)), Some(version), Some(name)) => {
            let request = pb::GetPersonaRequest {
                namespace: namespace.to_owned(),
                name: name.clone(),
                selector: Some(pb::get_persona_request::Selector::Version(version)),
                ..Default::default()
            };
            Some((request, String::from_utf8_lossy(&put.content).into_owned(), &mut step.lines))
        }
        _ => None,
    });
    let looks = stream::iter(updates).map(|(request, new, lines)| async move {
        let old = client.read(request).await?;
        *lines = Some(text::stat(&document(&old), &new));
        Ok::<_, Failure>(())
    });
    looks.buffer_unordered(AT_ONCE).try_collect().await
}

fn tell_unread(files: &Files, out: &mut Output) {
    for (path, problem) in &files.unread {
        let path = path.display().to_string();
        // What walking says does not name the place.
        let told = if problem.contains(&path) { problem.clone() } else { format!("{path}: {problem}") };
        out.error("", &told);
    }
}

/// Draws what is wrong with files that cannot be stored.
fn draw(files: &Files, out: &mut Output) {
    for file in files.files.iter().filter(|file| !file.is_storable()) {
        let path = super::walk::slashed(&file.path);
        let drawn = render::text(&path, &file.content, &file.diagnostics, out.colours_words());
        if !drawn.is_empty() {
            out.say(drawn.trim_end_matches('\n'));
            out.say("");
        }
    }
}

/// Names told in one line.
const NAMED: usize = 5;

/// Whether the person wants these deleted.
fn is_confirmed(names: &[&str], input: &mut dyn BufRead, out: &mut Output) -> Result<bool, Failure> {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = if names.len() > NAMED { ", …" } else { "" };
    out.say(&format!("delete {}: {shown}{more}? Type yes to go on", some(names.len(), "persona")));
    let mut answer = String::new();
    input.read_line(&mut answer).map_err(|source| Failure::io("cannot read stdin", source))?;
    Ok(matches!(answer.trim(), "y" | "yes"))
}

/// A bar on the terminal while batches are sent; nothing in a pipe.
fn bar(steps: &[Step], out: &Output) -> ProgressBar {
    let writes = steps.iter().filter(|step| step.write.is_some()).count();
    if !out.has_reader() || writes == 0 {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("applying {wide_bar} {human_pos} of {human_len}");
    ProgressBar::new(writes as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleting_is_asked_for_and_only_a_yes_is_one() {
        for (answer, yes) in [("yes\n", true), ("y\n", true), ("\n", false), ("no\n", false), ("", false)] {
            let mut out = Output::captured();
            assert_eq!(
                is_confirmed(&["a", "b"], &mut answer.as_bytes(), &mut out).ok(),
                Some(yes),
                "{answer:?}"
            );
            assert_eq!(out.words(), "delete 2 personas: a, b? Type yes to go on\n");
        }
    }
}
