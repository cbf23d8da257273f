//! Labels: their number, their sizes and their kind.

use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::document::Document;
use crate::domain::Field;
use crate::domain::limits::{LABEL_KEY_BYTES, LABEL_VALUE_BYTES, LABELS};

use crate::validate::subject::{Found, quoted};

pub(super) fn check(document: &Document, found: &mut Found) {
    let Some(entry) = document.entry("labels") else { return };
    let Field::Map(map) = &entry.value else { return };
    let mut report = |code, severity, message: String, field: String| {
        let new = Diagnostic::new(code, severity, entry.value_span, message);
        found.push(Diagnostic { field: Some(field), ..new });
    };
    if map.len() > LABELS {
        report(
            Code::SYN011,
            Severity::Error,
            format!("{} labels, at most {LABELS} are kept", map.len()),
            "frontmatter.labels".into(),
        );
    }
    for (key, value) in map {
        let field = format!("frontmatter.labels.{}", quoted(key));
        if key.len() > LABEL_KEY_BYTES {
            report(
                Code::SYN011,
                Severity::Error,
                format!("a label key of {} bytes, at most {LABEL_KEY_BYTES} are kept", key.len()),
                field,
            );
        } else if value.as_text().is_some_and(|text| text.len() > LABEL_VALUE_BYTES) {
            let bytes = value.as_text().map_or(0, str::len);
            report(
                Code::SYN011,
                Severity::Error,
                format!("a label value of {bytes} bytes, at most {LABEL_VALUE_BYTES} are kept"),
                field,
            );
        } else if matches!(value, Field::List(_) | Field::Map(_)) {
            let message =
                format!("label `{}` is {}, not a scalar, and is ignored", quoted(key), value.kind());
            report(Code::SCH102, Severity::Warning, message, field);
        }
    }
}
