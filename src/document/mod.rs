//! Bytes to a [`Document`] and findings. Reading never fails: what cannot be read is said, the rest is kept.
//! Judging what was read lives in `validate`.

mod derive;
mod dialect;
mod emit;
mod entries;
mod fence;
mod front;
mod guard;
mod markdown;
mod markup;
mod offence;
mod outline;
mod recover;
mod slug;
mod source;
mod tokens;
mod yaml;

pub use emit::to_yaml;
pub use entries::Entry;
pub use front::Reading;
pub use markup::{CodeBlock, Link, Markup};
pub use outline::{Heading, Part};
pub use slug::{named, slug};

use crate::diagnostic::{Applicability, Code, Diagnostic, Severity, Span};
use crate::domain::limits::DESCRIPTION_BYTES;
use crate::domain::{BodyMark, Derived, Dialect, DialectReason, Field, Name, Profile};

use fence::Fences;

/// What is to be read, and what the caller knows about it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Input<'a> {
    /// The document, byte for byte.
    pub content: &'a [u8],
    /// Where it comes from; tells the dialect and lends a name.
    pub path: Option<&'a str>,
    /// The dialect, when the caller knows it.
    pub dialect: Option<Dialect>,
    /// The profile to judge by; inferred from the headings when not given.
    pub profile: Option<Profile>,
}

/// Where a document's name was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameSource {
    /// The front matter's `name`.
    FrontMatter,
    /// The file's stem, or the folder of a file such as `SKILL.md`.
    Path,
    /// Nowhere.
    Nowhere,
}

/// A document as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What the registry keeps beside the bytes.
    pub derived: Derived,
    /// The name that the document gives itself, made to fit the grammar.
    pub name: Option<Name>,
    /// Where the name was found.
    pub name_source: NameSource,
    /// Why `derived.dialect` is what it is.
    pub dialect_reason: DialectReason,
    /// The profile to judge by.
    pub profile: Profile,
    /// How the front matter could be read.
    pub reading: Reading,
    /// The front matter with its fences and all before it, when there is one: the content up to the body.
    pub front_matter: Option<Span>,
    /// The opening fence, when there is one.
    pub opener: Option<Span>,
    /// No closing fence was found: where the body begins is a guess.
    pub unclosed: bool,
    /// The body. With `front_matter` it makes up the content.
    pub body: Span,
    /// The top-level keys with their places, in order.
    pub entries: Vec<Entry>,
    /// All headings outside lists and quotes.
    pub headings: Vec<Heading>,
    /// How many headings have no address (too many, or below level 3), and where the first is.
    pub unaddressed: Option<(usize, Span)>,
    /// Where quotes and lists nest too deep for the body to be read.
    pub too_deep: Option<Span>,
    /// The Interaction Protocol's input.
    pub input: Option<Part>,
    /// The Interaction Protocol's output.
    pub output: Option<Part>,
    /// The tag; its text is empty when no code span follows the label.
    pub tag: Option<Part>,
    /// Links, code and quotes of the body.
    pub markup: Markup,
}

impl Document {
    /// The first entry with this key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// Reads a document. Takes any bytes, in time that grows with their number up to the size limit and no further.
#[must_use]
pub fn parse(input: &Input<'_>) -> (Document, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let text = source::read(input.content, &mut found);
    let text = text.as_ref();
    let markdown = input.dialect == Some(Dialect::Markdown);
    // In plain Markdown a rule on the first line is a rule, unless a key follows it.
    let is_rule = |fences: &Fences| {
        let yaml = text.get(fences.yaml.start..fences.yaml.end).unwrap_or_default();
        markdown && !yaml.lines().any(fence::is_key_line)
    };
    let fences = fence::find(text).filter(|fences| !is_rule(fences));
    let (entries, reading) = match &fences {
        Some(fences) => front::read(text, fences, &mut found),
        None => (Vec::new(), Reading::Absent),
    };
    let (dialect, dialect_reason) = dialect::detect(input.dialect, input.path, &entries);
    let body = fences.map_or(0, |fences| fences.body);
    let structure = outline::read(text, body);
    let profile = input.profile.unwrap_or_else(|| infer_profile(&structure.headings));
    if fences.is_none() {
        missing_front_matter(text, dialect, input.path, &mut found);
    }
    source::line_endings(text, reading == Reading::Recovered, &mut found);
    if profile == Profile::Strict {
        found
            .iter_mut()
            .filter(|found| found.code == Code::SYN008)
            .for_each(|found| found.severity = Severity::Error);
    }
    let (written, name_source) = written_name(&entries, input.path);
    let document = Document {
        name: written.as_deref().and_then(slug),
        name_source,
        dialect_reason,
        profile,
        reading,
        front_matter: fences.map(|fences| Span { start: 0, end: fences.body }),
        opener: fences.map(|fences| fences.opener),
        unclosed: fences.is_some_and(|fences| fences.fault == Some(fence::Fault::Unclosed)),
        body: Span { start: body, end: input.content.len() },
        derived: derived(text, body, dialect, written, &entries, &structure),
        unaddressed: structure.unaddressed,
        too_deep: structure.too_deep,
        headings: structure.headings,
        input: structure.input,
        output: structure.output,
        tag: structure.tag,
        markup: structure.markup,
        entries,
    };
    (document, found)
}

fn derived(
    text: &str,
    body: usize,
    dialect: Dialect,
    written: Option<String>,
    entries: &[Entry],
    structure: &outline::Structure,
) -> Derived {
    let value = |key: &str| entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
    let trimmed = |key: &str| {
        value(key).and_then(Field::as_text).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let paragraph = || {
        let first = structure.first_paragraph.as_deref().filter(|_| dialect == Dialect::Markdown)?;
        Some(source::cut(first, DESCRIPTION_BYTES).to_owned())
    };
    let tools = value("tools").map(|field| derive::tools(field, false));
    let allowed = || value("allowed-tools").map(|field| derive::tools(field, true));
    Derived {
        display_name: written.unwrap_or_default(),
        description: trimmed("description").or_else(paragraph).unwrap_or_default(),
        tag: structure.tag.as_ref().map(|tag| tag.text.clone()).filter(|tag| !tag.is_empty()),
        dialect,
        labels: value("labels").map(derive::labels).unwrap_or_default(),
        model: trimmed("model"),
        tools: tools.or_else(allowed).unwrap_or_default(),
        front_matter: entries.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect(),
        outline: structure.sections.clone(),
        interaction: structure.interaction(),
        body_offset: outline::to_u32(body),
        token_estimate: tokens::tokens(text),
        body_mark: BodyMark::of(text.as_bytes().get(body..).unwrap_or_default()),
    }
}

/// What is seen of a document without a look at its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// The name that the document gives itself or gets from its path.
    pub name: Option<Name>,
    /// Whether it has front matter.
    pub has_front_matter: bool,
    /// Where its body begins.
    pub body: usize,
}

/// Reads a document up to its body.
#[must_use]
pub fn glance(content: &[u8], path: Option<&str>) -> Glance {
    let text = text(content);
    let fences = fence::find(&text);
    let entries =
        fences.as_ref().map_or_else(Vec::new, |fences| front::read(&text, fences, &mut Vec::new()).0);
    Glance {
        name: written_name(&entries, path).0.as_deref().and_then(slug),
        has_front_matter: fences.is_some(),
        body: fences.map_or(0, |fences| fences.body),
    }
}

/// The name that a document gives itself or gets from its path, without a look at its body.
#[must_use]
pub fn name_of(content: &[u8], path: Option<&str>) -> Option<Name> {
    glance(content, path).name
}

/// The dialect that a path alone tells.
#[must_use]
pub fn dialect_of(path: &str) -> Option<Dialect> {
    let (dialect, reason) = dialect::detect(None, Some(path), &[]);
    (reason == DialectReason::Path).then_some(dialect)
}

/// The content as text of the very same length: a byte that is no UTF-8 is read as one `?`. What is beyond the size
/// limit is left out.
#[must_use]
pub fn text(content: &[u8]) -> std::borrow::Cow<'_, str> {
    source::text(content, &mut Vec::new())
}

/// The name as written: the front matter's, else the file stem or, for files that are called alike everywhere, the
/// folder.
fn written_name(entries: &[Entry], path: Option<&str>) -> (Option<String>, NameSource) {
    let own = entries.iter().find(|entry| entry.key == "name").and_then(|entry| entry.value.as_text());
    if let Some(name) = own.map(str::trim).filter(|name| !name.is_empty()) {
        return (Some(name.to_owned()), NameSource::FrontMatter);
    }
    match path.and_then(name_of_path) {
        Some(name) => (Some(name), NameSource::Path),
        None => (None, NameSource::Nowhere),
    }
}

fn name_of_path(path: &str) -> Option<String> {
    let mut parts = path.rsplit(['/', '\\']).filter(|part| !part.is_empty() && *part != ".");
    let file = parts.next()?;
    let alike = ["skill.md", "system.md", "index.md"].iter().any(|name| file.eq_ignore_ascii_case(name));
    if let Some(folder) = parts.next().filter(|_| alike) {
        return Some(folder.to_owned());
    }
    let endings = [".agent.md", ".chatmode.md", ".prompt.md", ".instructions.md", ".md", ".mdc", ".markdown"];
    let stem = endings.iter().find_map(|ending| file.strip_suffix(ending)).unwrap_or(file);
    (!stem.is_empty()).then(|| stem.to_owned())
}

/// Two of the house sections make a document structured; hardly any other file has even one.
fn infer_profile(headings: &[Heading]) -> Profile {
    let found =
        outline::HOUSE_SECTIONS.iter().filter(|name| headings.iter().any(|heading| heading.is(name))).count();
    if found >= 2 { Profile::Structured } else { Profile::Plain }
}

fn missing_front_matter(text: &str, dialect: Dialect, path: Option<&str>, found: &mut Vec<Diagnostic>) {
    let severity = match dialect {
        Dialect::Markdown => return,
        // A rule asks for no field, so it may do without front matter.
        Dialect::Cursor => Severity::Warning,
        _ => Severity::Error,
    };
    let end = text.lines().next().map_or(0, |line| line.trim_end().len());
    let name =
        path.and_then(name_of_path).as_deref().and_then(slug).map_or("name".into(), |name| name.to_string());
    let header = format!("---\nname: {name}\ndescription: TODO\n---\n");
    let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let fix =
        source::replace("add front matter", Applicability::Unsafe, Span { start: at, end: at }, &header);
    let span = Span { start: at.min(end), end };
    found.push(Diagnostic {
        help: Some(
            "start with `---`, `name:`, `description:`, `---`, or ask for the dialect `markdown`".into(),
        ),
        fixes: vec![fix],
        ..Diagnostic::new(Code::SYN005, severity, span, "the document has no front matter")
    });
}
