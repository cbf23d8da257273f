//! Findings as the wire carries them, turned back into the ones that are drawn.

use crate::diagnostic::{Applicability, Diagnostic, Edit, Fix, Label, Severity, Span};
use crate::wire::pb;

/// The finding; none when its rule is newer than this client.
#[must_use]
pub fn finding_from_wire(wire: &pb::Diagnostic) -> Option<Diagnostic> {
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    Some(Diagnostic {
        code: wire.code.parse().ok()?,
        severity: severity(wire),
        own_severity: None,
        message: wire.message.clone(),
        span: span(wire.span.as_ref()),
        labels: wire
            .labels
            .iter()
            .map(|label| Label { span: span(label.span.as_ref()), message: label.message.clone() })
            .collect(),
        help: given(&wire.help),
        fixes: wire.fixes.iter().map(fix).collect(),
        field: given(&wire.field),
        waived: given(&wire.waiver_reason),
    })
}

/// How bad a finding is. One that blocks storing is an error whatever else the wire says.
#[must_use]
pub fn severity(wire: &pb::Diagnostic) -> Severity {
    match wire.severity() {
        _ if wire.blocks_storing => Severity::Error,
        pb::Severity::Error => Severity::Error,
        pb::Severity::Warning | pb::Severity::Unspecified => Severity::Warning,
        pb::Severity::Info => Severity::Info,
    }
}

fn fix(wire: &pb::Fix) -> Fix {
    Fix {
        title: wire.title.clone(),
        applicability: match wire.applicability() {
            pb::fix::Applicability::Safe => Applicability::Safe,
            pb::fix::Applicability::Unsafe => Applicability::Unsafe,
            // What this client does not understand it must not apply.
            pb::fix::Applicability::DisplayOnly | pb::fix::Applicability::Unspecified => {
                Applicability::DisplayOnly
            }
        },
        edits: wire
            .edits
            .iter()
            .map(|edit| Edit { span: span(edit.span.as_ref()), text: edit.text.clone() })
            .collect(),
    }
}

fn span(wire: Option<&pb::Span>) -> Span {
    let offset = |value: i32| usize::try_from(value).unwrap_or(0);
    let start = wire.map_or(0, |span| offset(span.start));
    Span { start, end: wire.map_or(0, |span| offset(span.end)).max(start) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_finding_reads_back_and_an_unknown_rule_is_none() {
        let mut wire = pb::Diagnostic {
            code: "SYN005".to_owned(),
            severity: pb::Severity::Error.into(),
            message: "no front matter".to_owned(),
            span: Some(pb::Span { start: 3, end: 1, ..Default::default() }),
            help: "begin with ---".to_owned(),
            ..Default::default()
        };
        let found = finding_from_wire(&wire).unwrap();
        assert_eq!((found.code, found.severity), (Code::SYN005, Severity::Error));
        assert_eq!(found.span, Span { start: 3, end: 3 });
        assert_eq!(found.help.as_deref(), Some("begin with ---"));
        wire.code = "XYZ999".to_owned();
        assert_eq!(finding_from_wire(&wire), None);
    }
}
