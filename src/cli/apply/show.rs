//! What people and machines are shown of an apply: the plan, how each step ended, and a sentence about all.

use unicode_width::UnicodeWidthStr as _;

use super::files::Files;
use super::plan::{Action, Result as Ended, Step};
use crate::cli::diff::diffstat;
use crate::cli::output::{Paint, printable};
use crate::cli::shape::{Applied, Finding};
use crate::cli::table::some;
use crate::cli::{Failure, Output};

impl Action {
    fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Unchanged => "unchanged",
            Self::Delete => "delete",
            Self::Keep => "keep",
            Self::Refused => "refused",
        }
    }

    fn paint(self) -> Paint {
        match self {
            Self::Create => Paint::Green,
            Self::Update => Paint::Yellow,
            Self::Delete | Self::Refused => Paint::Red,
            Self::Unchanged | Self::Keep => Paint::Bold,
        }
    }
}

/// A line for each step that is worth one: what is unchanged is counted only.
pub(super) fn plan(steps: &[Step], out: &mut Output) -> Result<(), Failure> {
    let told: Vec<_> = steps.iter().filter(|step| step.action != Action::Unchanged).collect();
    let name = |step: &Step| step.name.clone().unwrap_or_else(|| "?".to_owned());
    let width = told.iter().map(|step| name(step).width()).max().unwrap_or(0);
    for step in told {
        let mut line = out.painted(step.action.paint(), &format!("{:<8}", step.action.word()));
        let name = name(step);
        line.push_str(&format!(" {name}{}", " ".repeat(width - name.width())));
        if let Some((added, removed)) = step.lines {
            let counts = diffstat(added, removed, out);
            line.push_str(&format!("  {counts}"));
        }
        if let (Some(before), Action::Update | Action::Delete | Action::Keep) = (step.before, step.action) {
            line.push_str(&format!("  version {before}"));
        }
        for more in step.path.iter().chain(&step.reason) {
            line.push_str(&format!("  {}", printable(more)));
        }
        out.line(line.trim_end())?;
    }
    Ok(())
}

/// Steps that did not end as planned.
pub(super) fn ends(steps: &[Step], out: &mut Output) {
    for step in steps {
        let name = step.name.as_deref().unwrap_or_default();
        match &step.result {
            Ended::Lost(why) => {
                out.warning(&format!(
                    "{name} was changed after the plan was made, and is left as it is: {why}"
                ));
            }
            Ended::Refused(why) => out.error("", &format!("the registry refuses {name}: {why}")),
            Ended::Open | Ended::Done { .. } => {}
        }
    }
}

/// A line for each step, where lines for machines are wanted.
pub(super) fn json(
    wanted: bool,
    steps: &[Step],
    namespace: &str,
    dry_run: bool,
    out: &mut Output,
) -> Result<(), Failure> {
    if !wanted {
        return Ok(());
    }
    out.json_lines(steps.iter().map(|step| shaped(step, namespace, dry_run)))
}

fn shaped(step: &Step, namespace: &str, dry_run: bool) -> Applied {
    let (result, reason) = match &step.result {
        Ended::Done { .. } if dry_run => ("planned", step.reason.clone()),
        Ended::Done { .. } => ("done", step.reason.clone()),
        Ended::Lost(why) => ("lost", Some(why.clone())),
        Ended::Refused(why) => ("refused", Some(why.clone())),
        Ended::Open if step.action == Action::Refused => ("refused", step.reason.clone()),
        Ended::Open if step.write.is_some() => ("not_done", step.reason.clone()),
        Ended::Open => ("none", step.reason.clone()),
    };
    let (version, revision) = match step.result {
        Ended::Done { version, revision } => (Some(version), Some(revision).filter(|revision| *revision > 0)),
        _ => (None, None),
    };
    Applied {
        action: step.action.word(),
        result,
        namespace: namespace.to_owned(),
        name: step.name.clone(),
        path: step.path.clone(),
        from_version: step.before,
        version,
        revision,
        added: step.lines.map(|(added, _)| added),
        removed: step.lines.map(|(_, removed)| removed),
        reason,
        diagnostics: step.diagnostics.iter().cloned().map(Finding::from).collect(),
    }
}

/// All of it in one sentence.
pub(super) fn summary(steps: &[Step], files: &Files, dry_run: bool) -> String {
    let count = |test: &dyn Fn(&Step) -> bool| steps.iter().filter(|step| test(step)).count();
    let done =
        |action: Action| count(&|step| step.action == action && matches!(step.result, Ended::Done { .. }));
    let planned = |action: Action| count(&|step| step.action == action);
    let open = count(&|step| step.write.is_some() && step.result == Ended::Open);
    let refused = planned(Action::Refused) + count(&|step| matches!(step.result, Ended::Refused(_)));
    let counts = [
        (done(Action::Create), "created"),
        (done(Action::Update), "updated"),
        (done(Action::Delete), "deleted"),
        (planned(Action::Unchanged), "unchanged"),
        (planned(Action::Keep), "kept without a file"),
        (refused, "refused"),
        (files.unread.len(), "not readable"),
        (count(&|step| matches!(step.result, Ended::Lost(_))), "changed meanwhile"),
        (open, "not done"),
    ];
    let told: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let mut line = match (told.as_slice(), dry_run) {
        ([], _) => "no persona file was found".to_owned(),
        (told, true) => format!("this would be: {}", told.join(", ")),
        (told, false) => told.join(", "),
    };
    let warned = count(&|step| step.warned && step.write.is_some());
    if warned > 0 {
        line.push_str(&format!("; {} with warnings, which `persona validate` shows", some(warned, "file")));
    }
    if files.skipped > 0 {
        line.push_str(&format!("; {} passed over (README and the like)", files.skipped));
    }
    line
}
