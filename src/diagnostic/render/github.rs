//! Findings as commands of a GitHub workflow, which shows them beside the lines that they are about.

use std::fmt::Write as _;

use crate::diagnostic::{Diagnostic, LineIndex, Severity};

/// One command a finding: `::error file=…,line=…,col=…,endColumn=…,title=CODE::message`.
#[must_use]
pub fn github(path: &str, content: &[u8], diagnostics: &[Diagnostic]) -> String {
    let index = LineIndex::new(content);
    let mut commands = String::new();
    for one in diagnostics {
        let command = match one.severity {
            _ if one.waived.is_some() => "notice",
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let (start, end) = (index.position(one.span.start), index.position(one.span.end));
        // Of several lines no columns are taken.
        let place = if start.line == end.line {
            format!("line={},col={},endLine={},endColumn={}", start.line, start.column, end.line, end.column)
        } else {
            format!("line={},endLine={}", start.line, end.line)
        };
        let help = one.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(
            commands,
            "::{command} file={},{place},title={}::{}",
            property(path),
            one.code,
            data(&format!("{}{help}", one.message))
        );
    }
    commands
}

/// What stands behind the command: nothing in it may end the line or begin another command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value among others.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, Span};

    #[test]
    fn a_command_is_one_line_whatever_the_document_says() {
        let content = b"a\nb\n";
        let new = |start, end, message: &str| {
            Diagnostic::new(Code::SYN008, Severity::Info, Span { start, end }, message)
        };
        let mut told = new(2, 3, "50 %\r\n::error::gotcha");
        told.help = Some("mend it".to_owned());
        assert_eq!(
            github("a,b:c.md", content, &[told]),
            "::notice file=a%2Cb%3Ac.md,line=2,col=1,endLine=2,endColumn=2,title=SYN008::50 %25%0D%0A::error::gotcha%0Ahelp: \
             mend it\n"
        );
        assert_eq!(
            github("a.md", content, &[new(0, 3, "x")]),
            "::notice file=a.md,line=1,endLine=2,title=SYN008::x\n"
        );
    }
}
