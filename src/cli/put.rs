//! `persona put`: stores a document, and shows all that is wrong with one that is refused.

use super::form::Form;
use super::remote::{Place, Remote, Source, Writing, connect, unsettled};
use super::{Failure, Outcome, Output, report, shape, walk};
use crate::client::{Client, ClientError, words};
use crate::config::Config;
use crate::document::{Input, NameSource, named, parse};
use crate::domain::{Dialect, DialectReason, Etag, Name, Profile};
use crate::wire::pb;

/// Store a persona: create it or give it a new version
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The document; `-` for stdin
    #[arg(value_name = "FILE|-", value_hint = clap::ValueHint::FilePath)]
    file: Source,

    /// Its name; where the document has one they must be equal [default: the document's]
    #[arg(long, value_parser = named::<Name>)]
    name: Option<Name>,

    #[command(flatten)]
    pub(super) place: Place,

    /// The kind of file [default: found by path and keys]
    #[arg(long)]
    dialect: Option<Dialect>,

    /// How strictly sections are judged: plain, structured or strict [default: inferred]
    #[arg(long)]
    profile: Option<Profile>,

    /// Put only if this is still the persona's etag
    #[arg(long, conflicts_with = "create_only")]
    etag: Option<Etag>,

    /// Put only if there is no such persona
    #[arg(long)]
    create_only: bool,

    /// Let the document in with findings of a rule that is waivable, for a reason; asks for the role admin
    #[arg(long = "waive", value_name = "RULE=REASON", value_parser = waiver)]
    waivers: Vec<pb::Waiver>,

    #[command(flatten)]
    writing: Writing,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Examples:
  persona put personas/backend_developer.md -m 'prefer let-else'
  persona put draft.md --dry-run
  persona put backend_developer.md --etag 3-9f86d081884c7d65
  persona put vault.md --waive 'SEC405=a key out of the manual'
  generate | persona put - --name backend_developer --create-only";

fn waiver(text: &str) -> Result<pb::Waiver, String> {
    let parts = text.split_once('=').filter(|(_, reason)| !reason.trim().is_empty());
    let (rule, reason) = parts.ok_or("give the rule and the reason, such as SEC405='an example'")?;
    Ok(pb::Waiver { rule: rule.to_owned(), reason: reason.trim().to_owned() })
}

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let content = walk::read(&args.file)?;
    let path = match &args.file {
        Source::Stdin => String::new(),
        Source::Path(path) => walk::slashed(path),
    };
    let hints = Hints::of(args, &content, &path);
    let client = connect(config).await?;
    let writing = args.writing.settled();
    let request = pb::PutPersonaRequest {
        namespace: config.namespace.to_string(),
        name: hints.name.map(|name| name.to_string()).unwrap_or_default(),
        content: content.clone().into(),
        dialect: words::dialect_to_wire(hints.dialect).into(),
        profile: words::profile_to_wire(args.profile).into(),
        etag: args.etag.map(|etag| etag.to_string()).unwrap_or_default(),
        create_only: args.create_only,
        waivers: args.waivers.clone(),
        message: writing.message.clone(),
        request_id: writing.request_id.clone(),
        validate_only: writing.dry_run,
    };
    let shown = report::shown(&path);
    let response = match client.put(request.clone()).await {
        Ok(response) => response,
        Err(error) if error.is_undecided() && !writing.dry_run => {
            return Err(unsettled(error, &writing.request_id));
        }
        Err(error) => return Err(refused(error, &client, &request, &path, out).await.into()),
    };
    report::show(shown, &content, &response.diagnostics, out);
    match args.output {
        Form::Text => out.line(&told(&response, writing.dry_run))?,
        Form::Json => out.json(&shape::Put::new(&response, writing.dry_run))?,
        Form::Yaml => out.yaml(&shape::Put::new(&response, writing.dry_run))?,
    }
    Ok(Outcome::Done)
}

/// What the path tells and the request cannot: it carries the bytes alone.
struct Hints {
    name: Option<Name>,
    dialect: Option<Dialect>,
}

impl Hints {
    fn of(args: &Args, content: &[u8], path: &str) -> Self {
        let path = Some(path).filter(|path| !path.is_empty());
        let (document, _) = parse(&Input { content, path, dialect: args.dialect, profile: args.profile });
        let by_path = document.dialect_reason == DialectReason::Path;
        let named_by_path = document.name_source == NameSource::Path;
        Self {
            name: args.name.clone().or(document.name.filter(|_| named_by_path)),
            dialect: args.dialect.or(Some(document.derived.dialect).filter(|_| by_path)),
        }
    }
}

/// The failure, after every finding of a bad document was drawn: the refusal itself lists the first few in words.
pub(super) async fn refused(
    mut error: ClientError,
    client: &Client,
    put: &pb::PutPersonaRequest,
    path: &str,
    out: &mut Output,
) -> ClientError {
    let ClientError::Refused(refusal) = &mut error else { return error };
    if refusal.reason != Some(pb::ErrorReason::PersonaInvalid) {
        return error;
    }
    let request = pb::ValidatePersonaRequest {
        content: put.content.clone(),
        path: path.to_owned(),
        dialect: put.dialect,
        profile: put.profile,
        name: put.name.clone(),
        namespace: put.namespace.clone(),
        ..Default::default()
    };
    // Drawing is a courtesy: when judging fails too, the refusal's own list is told.
    if let Ok(judged) = client.validate(request).await {
        report::show(report::shown(path), &put.content, &judged.diagnostics, out);
        refusal.violations.clear();
    }
    error
}

fn told(response: &pb::PutPersonaResponse, dry_run: bool) -> String {
    let pb::PutPersonaResponse { name, version, revision, .. } = response;
    let did = if response.created { ("create", "created") } else { ("update", "updated") };
    match (response.unchanged, response.replayed, dry_run) {
        (true, _, _) => format!("unchanged {name} version {version} at revision {revision}"),
        (false, true, _) => format!("{} {name} version {version} at revision {revision} already", did.1),
        (false, false, true) => format!("would {} {name} version {version}", did.0),
        (false, false, false) => format!("{} {name} version {version} at revision {revision}", did.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(version: i64) -> pb::PutPersonaResponse {
        pb::PutPersonaResponse {
            name: "backend_developer".to_owned(),
            version,
            revision: 7,
            created: version == 1,
            ..Default::default()
        }
    }

    #[test]
    fn what_only_the_path_tells_is_sent_along() {
        use clap::Parser as _;
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let args = Line::parse_from(["put", "x"]).args;
        let hints = Hints::of(&args, b"---\ndescription: d\n---\n", ".github/agents/helper.agent.md");
        assert_eq!(hints.dialect, Some(Dialect::Copilot));
        assert_eq!(hints.name.map(|name| name.to_string()).as_deref(), Some("helper"));
        let hints = Hints::of(&args, b"---\nname: a\ndescription: d\n---\n", "b.md");
        assert_eq!((hints.dialect, hints.name), (None, None));
    }

    #[test]
    fn the_outcome_is_one_line() {
        assert_eq!(told(&response(1), false), "created backend_developer version 1 at revision 7");
        assert_eq!(told(&response(2), false), "updated backend_developer version 2 at revision 7");
        assert_eq!(told(&response(2), true), "would update backend_developer version 2");
        let back = pb::PutPersonaResponse { created: true, ..response(3) };
        assert_eq!(told(&back, false), "created backend_developer version 3 at revision 7");
        let same = pb::PutPersonaResponse { unchanged: true, ..response(2) };
        assert_eq!(told(&same, false), "unchanged backend_developer version 2 at revision 7");
        let again = pb::PutPersonaResponse { replayed: true, ..response(1) };
        assert_eq!(told(&again, false), "created backend_developer version 1 at revision 7 already");
    }
}
