//! CNT204 and CNT205: what the house format asks for.

use crate::diagnostic::{Applicability, Code, Diagnostic, Edit, Fix, Severity, Span, slips};
use crate::document::{Document, Heading, Part};
use crate::domain::Profile;
use crate::domain::limits::OUTLINE_ENTRIES;

use crate::validate::subject::{Found, Subject, quoted};

/// What the house format asks for, with what a new section would have to say.
const SECTIONS: [(&str, &str, &str); 4] = [
    ("Identity", "identity", "TODO: say who the persona is."),
    ("Implementation Guidelines", "implementation-guidelines", "TODO: say how the work is done."),
    ("System Patterns", "system-patterns", "TODO: say which patterns hold."),
    (
        "Interaction Protocol",
        "interaction-protocol",
        "* **Input:** TODO: say what it is given.\n* **Output:** TODO: say what it answers.",
    ),
];

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    let (document, content) = (subject.document, subject.content);
    let house = House { document, content };
    let before = found.len();
    if !document.headings.iter().any(|heading| heading.level == 1) {
        found.push(Diagnostic {
            help: Some("give the body a title, such as `# System Instruction: Backend Developer`".into()),
            fixes: vec![house.insert("add a title", document.body.start, "# TODO: title\n\n")],
            ..house.finding("body", "the body has no title (a heading of level 1)".into(), house.anchor())
        });
    }
    for (title, slug, text) in SECTIONS {
        house.section(title, slug, text, found);
    }
    for (name, part) in [("Input", &document.input), ("Output", &document.output)] {
        house.protocol(name, part.as_ref(), found);
    }
    house.tag(found);
    // Whatever is added behind an open fence becomes code, and behind an open comment nobody sees it.
    if document.markup.blocks.iter().any(|block| !block.closed) || ends_in_html(subject) {
        found.iter_mut().skip(before).for_each(|one| one.fixes.clear());
    }
}

/// Whether HTML that only its own end closes is open where the document ends.
fn ends_in_html(subject: &Subject<'_>) -> bool {
    const CLOSED_BY: [(&str, &str); 8] = [
        ("<!--", "-->"),
        ("<?", "?>"),
        ("<!", ">"),
        ("<![cdata[", "]]>"),
        ("<script", "</script"),
        ("<pre", "</pre"),
        ("<style", "</style"),
        ("<textarea", "</textarea"),
    ];
    let last = subject.document.markup.html.last();
    let rest = last.and_then(|last| subject.text.get(last.end..)).unwrap_or("text");
    let written =
        last.filter(|_| rest.trim().is_empty()).map(|last| subject.slice(*last).to_ascii_lowercase());
    written.is_some_and(|html| CLOSED_BY.iter().any(|(open, close)| html.rfind(open) > html.rfind(close)))
}

/// Slips of the pen in a heading that still is the one meant.
const SLIPS: usize = 2;

struct House<'a> {
    document: &'a Document,
    content: &'a [u8],
}

impl House<'_> {
    fn finding(&self, field: &str, message: String, span: Span) -> Diagnostic {
        let severity =
            if self.document.profile == Profile::Strict { Severity::Error } else { Severity::Warning };
        Diagnostic { field: Some(field.into()), ..Diagnostic::new(Code::CNT204, severity, span, message) }
    }

    /// Where to point when something is absent: the title, else the first line that says anything.
    fn anchor(&self) -> Span {
        if let Some(heading) = self.document.headings.first() {
            return heading.span;
        }
        let body = self.content.get(self.document.body.start..).unwrap_or_default();
        let blank = body.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let line = body.iter().skip(blank).take_while(|byte| !matches!(byte, b'\n' | b'\r')).count();
        let start = self.document.body.start + blank;
        Span { start, end: start + line }
    }

    fn heading(&self, title: &str) -> Option<&Heading> {
        self.document.headings.iter().find(|heading| heading.is(title))
    }

    fn section(&self, title: &str, slug: &str, text: &str, found: &mut Vec<Diagnostic>) {
        let field = format!("body/{slug}");
        match self.heading(title) {
            None if self.misspelled(title).is_some() => {
                let heading = self.misspelled(title);
                found.extend(heading.map(|heading| self.slip(title, &field, heading)));
            }
            None => found.push(Diagnostic {
                help: Some(format!("add a section `## {title}`")),
                fixes: vec![self.append(&format!("add `## {title}`"), &format!("## {title}\n\n{text}\n"))],
                ..self.finding(&field, format!("the section `{title}` is missing"), self.anchor())
            }),
            Some(heading) if heading.empty => found.push(Diagnostic {
                help: Some("say something below the heading, or take it out".into()),
                fixes: vec![self.insert("fill the section", heading.span.end, &format!("\n\n{text}\n"))],
                ..self.finding(&field, format!("the section `{title}` is empty"), heading.span)
            }),
            Some(_) => {}
        }
    }

    /// A heading that is nearly this title.
    fn misspelled(&self, title: &str) -> Option<&Heading> {
        let wanted = title.to_lowercase();
        let is_other = |heading: &Heading| SECTIONS.iter().any(|(other, ..)| heading.is(other));
        self.document.headings.iter().take(OUTLINE_ENTRIES).filter(|heading| !is_other(heading)).find(
            |heading| {
                let own = heading.title.trim_end_matches(':').to_lowercase();
                let close = own.len().abs_diff(wanted.len()) <= SLIPS;
                close && slips(&own, &wanted) <= SLIPS
            },
        )
    }

    fn slip(&self, title: &str, field: &str, heading: &Heading) -> Diagnostic {
        let line = self.content.get(heading.span.start..heading.span.end).unwrap_or_default();
        let line = std::str::from_utf8(line).unwrap_or_default();
        // Markup and emoji stand beside the words, which are there as they are, but for odd cases.
        let place = line.find(&heading.title).map(|at| {
            let start = heading.span.start + at;
            Span { start, end: start + heading.title.trim_end_matches(':').len() }
        });
        let fix = place.map(|span| Fix {
            title: format!("write `{title}`"),
            applicability: Applicability::Safe,
            edits: vec![Edit { span, text: title.into() }],
        });
        Diagnostic {
            help: Some(format!("did you mean `{title}`?")),
            fixes: fix.into_iter().collect(),
            code: Code::CNT205,
            ..self.finding(
                field,
                format!("\"{}\" is no section of the house format", quoted(&heading.title)),
                place.unwrap_or(heading.span),
            )
        }
    }

    fn protocol(&self, name: &str, part: Option<&Part>, found: &mut Vec<Diagnostic>) {
        let field = format!("body/interaction-protocol/{}", name.to_lowercase());
        // An absent or empty protocol has been said already.
        let Some(heading) = self.heading("Interaction Protocol").filter(|heading| !heading.empty) else {
            return;
        };
        let help = Some(format!("write a list item `* **{name}:** …` below it"));
        match part {
            None => {
                let text = format!("\n* **{name}:** TODO");
                found.push(Diagnostic {
                    help,
                    fixes: vec![self.insert(&format!("add `{name}`"), heading.span.end, &text)],
                    ..self.finding(&field, format!("the Interaction Protocol names no {name}"), heading.span)
                });
            }
            Some(part) if part.text.is_empty() => {
                found.push(Diagnostic {
                    help,
                    ..self.finding(&field, format!("`{name}` says nothing"), part.span)
                });
            }
            Some(_) => {}
        }
    }

    fn tag(&self, found: &mut Vec<Diagnostic>) {
        let help =
            Some("write a line such as: **Tag**: Start your response with `[BE-ENGINEER]`.".to_owned());
        match &self.document.tag {
            None => found.push(Diagnostic {
                help,
                fixes: vec![self.append("add a tag", "**Tag**: Start your response with `[TODO]`.\n")],
                ..self.finding("body/tag", "the Tag is missing".into(), self.anchor())
            }),
            Some(tag) if tag.text.is_empty() => found.push(Diagnostic {
                help,
                ..self.finding("body/tag", "the Tag has no code span that says what it is".into(), tag.span)
            }),
            Some(_) => {}
        }
    }

    fn append(&self, title: &str, text: &str) -> Fix {
        let gap = if self.content.ends_with(b"\n") { "\n" } else { "\n\n" };
        self.insert(title, self.content.len(), &format!("{gap}{text}"))
    }

    fn insert(&self, title: &str, at: usize, text: &str) -> Fix {
        let edits = vec![Edit { span: Span { start: at, end: at }, text: text.into() }];
        Fix { title: title.into(), applicability: Applicability::Unsafe, edits }
    }
}
