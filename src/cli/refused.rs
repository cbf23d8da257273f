//! `persona refused`: the files of the registry's folders that were not taken, why, and since when.

use super::form::Form;
use super::output::{Paint, printable};
use super::remote::{Remote, connect};
use super::shape::Refused;
use super::{Failure, Outcome, Output};
use crate::config::Config;

/// Show the files that the registry's folders hold and that were refused, with the reasons
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only of folders that feed this namespace [default: all]
    #[arg(short, long, value_name = "NS")]
    namespace: Option<crate::domain::Namespace>,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Examples:
  persona refused
  persona refused -o json | jq -r '.folder + \"/\" + .path + \": \" + .reason'";

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = connect(config).await?;
    let namespace = args.namespace.as_ref().map_or("-", |namespace| namespace.as_str());
    let (files, total) = client.refused_sources(namespace).await?;
    let left = total - i64::try_from(files.len()).unwrap_or(total);
    let files: Vec<_> = files.into_iter().map(Refused::from).collect();
    match args.output {
        Form::Json => out.json_lines(&files)?,
        Form::Yaml => out.yaml_documents(&files)?,
        Form::Text if files.is_empty() => out.say("no file is refused"),
        Form::Text => {
            for file in &files {
                for line in lines(file, out) {
                    out.line(&line)?;
                }
            }
            out.say(&summary(total));
        }
    }
    if left > 0 {
        out.note(&format!("{left} more are refused; mend some of these to see them"));
    }
    Ok(Outcome::Done)
}

fn summary(total: i64) -> String {
    let files = if total == 1 { "1 file is".to_owned() } else { format!("{total} files are") };
    format!(
        "{files} refused; each is taken once it is mended, where its folder is followed, else at the next start"
    )
}

/// A line for each finding that blocks, as compilers write it, and one that says what to do.
fn lines(file: &Refused, out: &Output) -> Vec<String> {
    let path = printable(&format!("{}/{}", file.folder, file.path));
    let since = file.refuse_time.as_deref().map(|time| time.chars().take(16).collect::<String>());
    let since = since.map_or_else(String::new, |since| format!(", since {} UTC", since.replace('T', " ")));
    let mut lines = Vec::new();
    let blocking: Vec<_> = file.diagnostics.iter().filter(|found| found.blocks_storing).collect();
    for found in &blocking {
        let at = &found.span.start;
        let mark = out.painted(Paint::Red, &format!("error[{}]", found.code));
        lines.push(format!("{path}:{}:{}: {mark}: {}", at.line, at.column, printable(&found.message)));
        lines.extend(found.help.iter().map(|help| format!("  help: {}", printable(help))));
    }
    if blocking.is_empty() {
        let mark = out.painted(Paint::Red, &format!("error[{}]", file.reason));
        lines.push(format!("{path}: {mark}: {}", printable(&file.message)));
    }
    lines.push(format!("  refused for namespace {}{since}", file.namespace));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pb;

    fn file(reason: pb::refused_source::Reason) -> pb::RefusedSource {
        pb::RefusedSource {
            namespace: "default".to_owned(),
            folder: "team".to_owned(),
            path: "sub/bad.md".to_owned(),
            reason: reason.into(),
            message: "the registry has another bad".to_owned(),
            refuse_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
            ..Default::default()
        }
    }

    #[test]
    fn every_finding_that_blocks_has_its_place() {
        let mut file = file(pb::refused_source::Reason::Invalid);
        let span = pb::Span { start_line: 3, start_column: 7, ..Default::default() };
        let found = pb::Diagnostic {
            code: "SCH101".to_owned(),
            message: "`description` is missing".to_owned(),
            help: "say when to use it".to_owned(),
            span: Some(span),
            blocks_storing: true,
            ..Default::default()
        };
        file.diagnostics = vec![found.clone(), pb::Diagnostic { blocks_storing: false, ..found }];
        assert_eq!(
            lines(&file.into(), &Output::captured()),
            [
                "team/sub/bad.md:3:7: error[SCH101]: `description` is missing",
                "  help: say when to use it",
                "  refused for namespace default, since 2023-11-14 22:13 UTC",
            ]
        );
    }

    #[test]
    fn a_file_without_findings_says_why_in_a_sentence() {
        let lines = lines(&file(pb::refused_source::Reason::Conflict).into(), &Output::captured());
        assert_eq!(lines[0], "team/sub/bad.md: error[conflict]: the registry has another bad");
    }
}
