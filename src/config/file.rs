//! `persona.toml`: which one, and what it says, each value with its place.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::kind::Kind;
use super::policy::{self, Wrong};
use super::setting::{Section, Setting};
use super::{FILE, FILE_FLAG, FILE_VARIABLE, Given, Item, Layers, Origin, Problem, folders};
use crate::auth::Policy;
use crate::diagnostic::{LineIndex, did_you_mean};

/// A file of settings that is longer is something else.
const MOST_BYTES: u64 = 1024 * 1024;

/// The file and what it says.
pub(super) fn read(
    layers: &Layers,
    problems: &mut Vec<Problem>,
) -> (Option<PathBuf>, Vec<Given>, Option<Policy>) {
    let variable = layers.variables.iter().find(|(name, value)| name == FILE_VARIABLE && !value.is_empty());
    let (path, named) = match (&layers.file, variable) {
        (Some(path), _) => (path.clone(), Some(Origin::Flag(FILE_FLAG.to_owned()))),
        (None, Some((name, value))) => {
            (value.into(), Some(Origin::Variable(name.to_string_lossy().into_owned())))
        }
        (None, None) => (PathBuf::from(FILE), None),
    };
    let content = match content(&path) {
        Ok(content) => content,
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
            return (None, Vec::new(), None);
        }
        Err(error) => {
            let place = named.unwrap_or_else(|| Source { path: &path, lines: LineIndex::new(b"") }.at(0));
            let help = (error.kind() == io::ErrorKind::NotFound)
                .then(|| format!("`persona config example > {}` writes one", path.display()));
            let message = format!("cannot read {}: {error}", path.display());
            problems.push(Problem::new(&place, message).with_help(help));
            return (None, Vec::new(), None);
        }
    };
    let source = Source { path: &path, lines: LineIndex::new(&content) };
    let (said, policy) = match std::str::from_utf8(&content) {
        Ok(text) => (source.said(text, problems), source.policy(text, problems)),
        Err(error) => {
            problems.push(Problem::new(&source.at(error.valid_up_to()), "this is no UTF-8"));
            (Vec::new(), None)
        }
    };
    (Some(path), said, policy)
}

fn content(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MOST_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it has more than 1 MiB, as no file of settings does",
        ));
    }
    Ok(content)
}

/// The file, to tell places in it.
struct Source<'a> {
    path: &'a Path,
    lines: LineIndex<'a>,
}

impl Source<'_> {
    fn at(&self, offset: usize) -> Origin {
        let position = self.lines.position(offset);
        Origin::File { path: self.path.display().to_string(), line: position.line, column: position.column }
    }

    /// What the file says of callers. A file that is no TOML was told of already.
    fn policy(&self, text: &str, problems: &mut Vec<Problem>) -> Option<Policy> {
        if !DeTable::parse_recoverable(text).1.is_empty() {
            return None;
        }
        let base = self.path.parent().map(folders::plain).unwrap_or_default();
        policy::read(text, &base).unwrap_or_else(|Wrong { offset, message }| {
            problems.push(Problem::new(&self.at(offset), message));
            None
        })
    }

    fn said(&self, text: &str, problems: &mut Vec<Problem>) -> Vec<Given> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let broken = !errors.is_empty();
        for error in errors {
            let place = self.at(error.span().map_or(0, |span| span.start));
            problems.push(Problem::new(&place, error.message()));
        }
        let mut judged = Vec::new();
        let said = self.tables(table.get_ref(), &mut judged);
        // What the parser made of a line that it does not understand is nobody's wish.
        let lines: Vec<_> = problems.iter().filter_map(|problem| line(&problem.origin)).collect();
        let clean = |origin: &Origin| !broken || line(origin).is_none_or(|line| !lines.contains(&line));
        judged.retain(|problem| clean(&problem.origin));
        problems.extend(judged);
        said.into_iter().filter(|given| given.items.iter().all(|item| clean(&item.origin))).collect()
    }

    fn tables(&self, file: &DeTable<'_>, problems: &mut Vec<Problem>) -> Vec<Given> {
        let mut said = Vec::new();
        for (name, value) in file {
            let place = self.at(name.span().start);
            let name = name.get_ref().as_ref();
            match (Section::ALL.into_iter().find(|section| section.name() == name), value.get_ref()) {
                (Some(section), DeValue::Table(table)) => self.section(section, table, problems, &mut said),
                (Some(_), _) => {
                    let message = format!("{name} is a table; write [{name}] on a line of its own");
                    problems.push(Problem::new(&place, message));
                }
                // Read apart.
                (None, DeValue::Table(_)) if name == policy::TABLE => {}
                (None, _) => problems.push(stray(&place, name, value.get_ref())),
            }
        }
        said
    }

    fn section(
        &self,
        section: Section,
        table: &DeTable<'_>,
        problems: &mut Vec<Problem>,
        said: &mut Vec<Given>,
    ) {
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match Setting::of(section).find(|setting| setting.key == name) {
                Some(setting) => match self.items(setting.kind, value) {
                    Ok(items) => said.push(Given { setting, origin: self.at(value.span().start), items }),
                    Err(wrong) => {
                        for (place, found) in wrong {
                            let message =
                                format!("{name}: this is {found}; write {}", setting.kind.in_toml());
                            problems.push(Problem::new(&place, message));
                        }
                    }
                },
                None => problems.push(unknown(&self.at(key.span().start), section, name)),
            }
        }
    }

    /// The value as texts, or what is of the wrong type.
    fn items(
        &self,
        kind: Kind,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Vec<Item>, Vec<(Origin, &'static str)>> {
        if let (Kind::Severities, DeValue::Table(table)) = (kind, value.get_ref()) {
            return self.pairs(table);
        }
        let DeValue::Array(array) = value.get_ref() else {
            let read = if kind.is_list() { None } else { text(kind, value.get_ref()) };
            let origin = self.at(value.span().start);
            return match read {
                Some(text) => Ok(vec![Item { text, origin }]),
                None => Err(vec![(origin, called(value.get_ref()))]),
            };
        };
        if !kind.is_list() || matches!(kind, Kind::Severities) {
            return Err(vec![(self.at(value.span().start), called(value.get_ref()))]);
        }
        let (mut items, mut wrong) = (Vec::new(), Vec::new());
        for element in array {
            let origin = self.at(element.span().start);
            match text(kind, element.get_ref()) {
                Some(text) => items.push(Item { text, origin }),
                None => wrong.push((origin, called(element.get_ref()))),
            }
        }
        if wrong.is_empty() { Ok(items) } else { Err(wrong) }
    }

    /// A table of texts, each as `KEY=TEXT`, or what is no text.
    fn pairs(&self, table: &DeTable<'_>) -> Result<Vec<Item>, Vec<(Origin, &'static str)>> {
        let (mut items, mut wrong) = (Vec::new(), Vec::new());
        for (key, value) in table {
            match value.get_ref() {
                DeValue::String(text) => {
                    let text = format!("{}={text}", key.get_ref());
                    items.push(Item { text, origin: self.at(key.span().start) });
                }
                other => wrong.push((self.at(value.span().start), called(other))),
            }
        }
        if wrong.is_empty() { Ok(items) } else { Err(wrong) }
    }
}

fn line(origin: &Origin) -> Option<u32> {
    match origin {
        Origin::File { line, .. } => Some(*line),
        _ => None,
    }
}

/// A value as flags and variables write it, where it is of the right type.
fn text(kind: Kind, value: &DeValue<'_>) -> Option<String> {
    match (kind, value) {
        (Kind::Switch, DeValue::Boolean(value)) => Some(value.to_string()),
        (Kind::Number(_) | Kind::Seconds, DeValue::Integer(value)) => {
            let number = i128::from_str_radix(value.as_str(), value.radix());
            Some(number.map_or_else(|_| value.to_string(), |number| number.to_string()))
        }
        (Kind::Seconds, DeValue::Float(value)) => Some(value.as_str().to_owned()),
        (Kind::Switch | Kind::Number(_) | Kind::Seconds, _) => None,
        (_, DeValue::String(value)) => Some(value.to_string()),
        _ => None,
    }
}

fn called(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// Something at the top of the file that is no table of ours.
fn stray(place: &Origin, name: &str, value: &DeValue<'_>) -> Problem {
    if let (Some(section), false) = (section_of(name), matches!(value, DeValue::Table(_))) {
        return Problem::new(
            place,
            format!("{name} stands outside of a table; it belongs below [{section}]"),
        );
    }
    let near = did_you_mean(name, Section::ALL.map(Section::name));
    let help = near.or_else(|| Some("the tables are [serve], [client], [validate] and [auth]".to_owned()));
    Problem::new(place, format!("there is no table [{name}]")).with_help(help)
}

fn unknown(place: &Origin, section: Section, name: &str) -> Problem {
    if let Some(home) = section_of(name) {
        return Problem::new(place, format!("{name} belongs below [{home}], not [{}]", section.name()));
    }
    let near = did_you_mean(name, Setting::of(section).map(|setting| setting.key));
    let help = near.or_else(|| Some("`persona config example` lists all settings".to_owned()));
    Problem::new(place, format!("there is no setting {name} in [{}]", section.name())).with_help(help)
}

/// The table that a key belongs to.
fn section_of(key: &str) -> Option<&'static str> {
    super::SETTINGS.iter().find(|setting| setting.key == key).map(|setting| setting.section.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn whatever_a_file_says_is_read_or_told_with_a_place_in_it(
            text in "([\\[\\]{}=\"'#.,\\\\ \n\r\tabé0-9:-]{0,8}|\\[serve\\]\n|listen|prune = |\"x\"|\n|=){0,12}|\\PC{0,40}"
        ) {
            let path = Path::new(FILE);
            let mut problems = Vec::new();
            let said = Source { path, lines: LineIndex::new(text.as_bytes()) }.said(&text, &mut problems);
            let lines = u32::try_from(text.split('\n').count()).unwrap();
            for origin in problems.iter().map(|one| &one.origin).chain(said.iter().map(|given| &given.origin)) {
                proptest::prop_assert!(line(origin).is_some_and(|line| (1..=lines).contains(&line)), "{:?}", origin);
            }
        }
    }
}
