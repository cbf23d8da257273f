//! What an apply would do: files beside what the registry has. Pure, so that it is the same for a look and for the deed.

use std::collections::{BTreeMap, BTreeSet};

use super::files::File;
use crate::cli::walk::slashed;
use crate::domain::Name;
use crate::wire::pb;
use crate::wire::pb::batch_write_personas_request::operation::Kind;
use crate::wire::pb::batch_write_personas_request::{Delete, Put};

/// What is to be done about one file or persona.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// There is no such persona.
    Create,
    /// It says something else.
    Update,
    /// It is what the file is.
    Unchanged,
    /// The set brought it and has no file for it any more.
    Delete,
    /// The set brought it once, has no file for it, and somebody changed it since.
    Keep,
    /// The file cannot be stored.
    Refused,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Result {
    /// Nothing was to be done, or it was not yet.
    Open,
    /// It is done; in a rehearsal: it would be.
    Done {
        /// The version now; of a deletion the last one.
        version: i64,
        /// The revision; 0 in a rehearsal.
        revision: i64,
    },
    /// Somebody changed the persona after the plan was made, and it was left as it is.
    Lost(String),
    /// The registry refused it.
    Refused(String),
}

/// One line of a plan.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) action: Action,
    /// The persona; none: that cannot be told.
    pub(super) name: Option<String>,
    /// The file; none for what has none.
    pub(super) path: Option<String>,
    /// The version that the registry has.
    pub(super) before: Option<i64>,
    /// The operation, where there is one.
    pub(super) write: Option<Kind>,
    /// Lines added and removed, where that is known.
    pub(super) lines: Option<(usize, usize)>,
    /// Why, where that is not plain.
    pub(super) reason: Option<String>,
    pub(super) result: Result,
    /// Findings of a refused file.
    pub(super) diagnostics: Vec<pb::Diagnostic>,
    /// It has findings that do not block.
    pub(super) warned: bool,
}

impl Step {
    fn new(action: Action, name: Option<String>, path: Option<String>) -> Self {
        Self {
            action,
            name,
            path,
            before: None,
            write: None,
            lines: None,
            reason: None,
            result: Result::Open,
            diagnostics: Vec::new(),
            warned: false,
        }
    }

    /// The bytes that the operation brings.
    pub(super) fn bytes(&self) -> usize {
        match &self.write {
            Some(Kind::Put(put)) => put.content.len(),
            _ => 0,
        }
    }
}

/// What the registry has, by name.
pub(super) type There = BTreeMap<String, pb::Persona>;

/// A step for every file, in path order.
pub(super) fn of_files(files: &[File], there: &There) -> Vec<Step> {
    let mut holders: BTreeMap<&Name, Vec<&File>> = BTreeMap::new();
    for file in files {
        if let Some(name) = &file.name {
            holders.entry(name).or_default().push(file);
        }
    }
    files.iter().map(|file| of_file(file, &holders, there)).collect()
}

fn of_file(file: &File, holders: &BTreeMap<&Name, Vec<&File>>, there: &There) -> Step {
    let path = slashed(&file.path);
    let refused = |reason: String| Step {
        reason: Some(reason),
        diagnostics: crate::wire::diagnostics(&file.diagnostics, &file.content),
        ..Step::new(Action::Refused, file.name.as_ref().map(Name::to_string), Some(path.clone()))
    };
    let blocking = file.diagnostics.iter().filter(|found| found.blocks_storing()).count();
    if blocking > 0 {
        let blocks = if blocking == 1 { "finding blocks" } else { "findings block" };
        return refused(format!("{blocking} {blocks} storing"));
    }
    let Some(name) = &file.name else { return refused("nothing tells its name".to_owned()) };
    let current = there.get(name.as_str());
    let is_current = |file: &File| {
        current.is_some_and(|persona| file.is(&persona.digest, crate::wire::read_dialect(persona.dialect())))
    };
    let others = holders.get(name).into_iter().flatten().filter(|other| other.path != file.path);
    // Whoever makes a new persona begins with a copy, and a copy must not replace what is served.
    if let Some(other) = others.clone().find(|other| !is_current(file) || is_current(other)) {
        let other = slashed(&other.path);
        return refused(format!("{other} has the same name, {name}; rename one of them"));
    }
    let step = |action| Step {
        before: current.map(|persona| persona.version),
        warned: !file.diagnostics.is_empty(),
        ..Step::new(action, Some(name.to_string()), Some(path.clone()))
    };
    if is_current(file) {
        return step(Action::Unchanged);
    }
    let put = Put {
        name: name.to_string(),
        content: file.content.clone().into(),
        // What the path tells does not travel with the bytes.
        dialect: if file.by_path { crate::wire::dialect(file.dialect) } else { pb::Dialect::Unspecified }
            .into(),
        etag: current.map(|persona| persona.etag.clone()).unwrap_or_default(),
        create_only: current.is_none(),
        ..Default::default()
    };
    let lines = current.is_none().then(|| (String::from_utf8_lossy(&file.content).lines().count(), 0));
    let action = if current.is_none() { Action::Create } else { Action::Update };
    Step { write: Some(Kind::Put(put)), lines, ..step(action) }
}

/// Personas that have no file here.
pub(super) fn without_file<'t>(steps: &[Step], there: &'t There) -> Vec<&'t pb::Persona> {
    let held: BTreeSet<&str> = steps.iter().filter_map(|step| step.name.as_deref()).collect();
    there.values().filter(|persona| !held.contains(persona.name.as_str())).collect()
}

/// A deletion of what the plan saw.
pub(super) fn deletion(persona: &pb::Persona, aliases: &[&str]) -> Step {
    let delete = Delete { name: persona.name.clone(), etag: persona.etag.clone() };
    let named = || format!("{} with it", aliases.join(", "));
    Step {
        before: Some(persona.version),
        write: Some(Kind::Delete(delete)),
        reason: (!aliases.is_empty()).then(named),
        ..Step::new(Action::Delete, Some(persona.name.clone()), None)
    }
}

/// Something that is kept though its file is gone.
pub(super) fn kept(persona: &pb::Persona, reason: String) -> Step {
    let before = Some(persona.version);
    Step { before, reason: Some(reason), ..Step::new(Action::Keep, Some(persona.name.clone()), None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, name: &str, body: &str) -> File {
        let content = format!("---\nname: {name}\ndescription: d\n---\n{body}\n").into_bytes();
        File::judged(path.into(), content, path)
    }

    fn has(file: &File, version: i64) -> (String, pb::Persona) {
        let name = file.name.as_ref().unwrap().to_string();
        let persona = pb::Persona {
            name: name.clone(),
            version,
            digest: file.digest.to_string(),
            dialect: crate::wire::dialect(file.dialect).into(),
            etag: format!("{version}-x"),
            ..Default::default()
        };
        (name, persona)
    }

    fn told(files: &[File], there: &There) -> Vec<String> {
        let steps = of_files(files, there);
        steps.iter().map(|step| format!("{:?} {}", step.action, step.path.as_deref().unwrap())).collect()
    }

    #[test]
    fn each_file_has_one_step() {
        let (a, b, c) = (file("a.md", "a", "1"), file("b.md", "b", "1"), file("c.md", "c", "1"));
        let bad = File::judged("d.md".into(), b"x".to_vec(), "d.md");
        let there = There::from([has(&a, 1), has(&file("b.md", "b", "0"), 4)]);
        let files = [a, b, c, bad];
        assert_eq!(told(&files, &there), ["Unchanged a.md", "Update b.md", "Create c.md", "Refused d.md"]);
        let steps = of_files(&files, &there);
        let put = |step: &Step| match step.write.clone() {
            Some(Kind::Put(put)) => (put.etag, put.create_only),
            other => panic!("{other:?}"),
        };
        assert_eq!((put(&steps[1]), put(&steps[2])), (("4-x".to_owned(), false), (String::new(), true)));
        assert_eq!((steps[1].before, steps[2].lines), (Some(4), Some((5, 0))));
    }

    #[test]
    fn a_copy_takes_no_name_away() {
        let (copy, first) = (file("a-copy.md", "a", "2"), file("a.md", "a", "1"));
        let files = [copy, first.clone()];
        let there = There::from([has(&first, 1)]);
        assert_eq!(told(&files, &there), ["Refused a-copy.md", "Unchanged a.md"]);
        assert_eq!(told(&files, &There::new()), ["Refused a-copy.md", "Refused a.md"], "nobody can tell");
        let twins = [file("a-copy.md", "a", "1"), first];
        assert_eq!(told(&twins, &there), ["Refused a-copy.md", "Refused a.md"]);
        assert_eq!(without_file(&of_files(&twins, &there), &there).len(), 0, "its name is held");
    }

    #[test]
    fn a_dialect_that_only_the_registry_knows_stays() {
        let own = file("a.md", "a", "1");
        let (name, mut persona) = has(&own, 1);
        persona.dialect = pb::Dialect::Gemini.into();
        let there = There::from([(name, persona)]);
        assert_eq!(told(&[own], &there), ["Unchanged a.md"]);
        let placed = file(".claude/agents/a.md", "a", "1");
        assert_eq!(told(&[placed], &there), ["Update .claude/agents/a.md"], "the path says otherwise");
    }
}
