//! Where a persona's file lies so that it is read back as the same: by its name, or in its dialect's own place.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cli::apply::files::File;
use crate::domain::{Dialect, Name};
use crate::seed;

/// Paths that are given away, and the folders above them.
#[derive(Debug, Default)]
pub(super) struct Places {
    files: BTreeSet<String>,
    folders: BTreeSet<String>,
}

/// A persona as it is to be read back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) name: &'a Name,
    /// None: one that this client has not heard of.
    pub(super) dialect: Option<Dialect>,
    pub(super) content: &'a [u8],
}

impl Wanted<'_> {
    /// Whether a file at this path, inside of its folder, is this persona for whoever reads the folder.
    pub(super) fn is_read_back_at(&self, path: &str) -> bool {
        self.reads(path).is_some_and(|file| Some(file.dialect) == self.dialect)
    }

    /// Whether it is so for `persona apply`, which leaves a dialect alone that the path does not tell.
    fn is_applied_back_at(&self, path: &str) -> bool {
        self.reads(path).is_some_and(|file| !file.by_path)
    }

    fn reads(&self, path: &str) -> Option<File> {
        if !seed::is_persona(Path::new(path)) {
            return None;
        }
        let file = File::judged(PathBuf::from(path), self.content.to_vec(), path);
        (file.name.as_ref() == Some(self.name)).then_some(file)
    }
}

impl Places {
    /// Keeps a path for what is there.
    pub(super) fn take(&mut self, path: &str) {
        self.files.insert(path.to_owned());
        let folders = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        self.folders.extend(folders.map(ToOwned::to_owned));
    }

    fn is_free(&self, path: &str) -> bool {
        let mut folders = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        !self.files.contains(path)
            && !self.folders.contains(path)
            && !folders.any(|folder| self.files.contains(folder))
    }

    /// The first place that is right and free; none where no path makes the document this persona.
    pub(super) fn find(&mut self, wanted: Wanted<'_>) -> Option<String> {
        let candidates = candidates(wanted.name, wanted.dialect);
        let free: Vec<_> = candidates.into_iter().filter(|path| self.is_free(path)).collect();
        let right = free.iter().find(|path| wanted.is_read_back_at(path));
        let path = right.or_else(|| free.iter().find(|path| wanted.is_applied_back_at(path)))?.clone();
        self.take(&path);
        Some(path)
    }
}

/// Paths to try, the plainest first.
fn candidates(name: &Name, dialect: Option<Dialect>) -> Vec<String> {
    let own = match dialect {
        Some(Dialect::Skill) => vec![format!("{name}/SKILL.md"), format!(".claude/skills/{name}/SKILL.md")],
        Some(Dialect::Copilot) => vec![format!("{name}.agent.md"), format!(".github/agents/{name}.md")],
        Some(Dialect::Cursor) => vec![format!("{name}.mdc"), format!(".cursor/rules/{name}.md")],
        Some(Dialect::Markdown) => vec![format!("patterns/{name}/system.md")],
        Some(Dialect::OpenCode) => vec![format!(".opencode/agents/{name}.md")],
        Some(Dialect::Gemini) => vec![format!(".gemini/agents/{name}.md")],
        Some(Dialect::ClaudeCode) => vec![format!(".claude/agents/{name}.md")],
        Some(Dialect::Persona) | None => Vec::new(),
    };
    // A file called `index.md` has the name of its folder: for names whose own file would be taken for something else.
    let folders =
        own.iter().filter_map(|path| path.strip_suffix(".md")).map(|stem| format!("{stem}/index.md"));
    let folders: Vec<_> = folders.collect();
    let plain = [format!("{name}.md"), format!("{name}.markdown")];
    let folder = format!("{name}/index.md");
    plain.into_iter().chain(own).chain([folder]).chain(folders).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(places: &mut Places, name: &str, dialect: Dialect, content: &str) -> Option<String> {
        let name = name.parse().unwrap();
        let wanted = Wanted { name: &name, dialect: Some(dialect), content: content.as_bytes() };
        places.find(wanted)
    }

    #[test]
    fn a_name_is_enough_unless_the_dialect_needs_its_place() {
        for (name, dialect, content, path) in [
            ("a", Dialect::Persona, "---\nname: a\ndescription: d\n---\n", "a.md"),
            ("a", Dialect::ClaudeCode, "---\nname: a\ndescription: d\nmodel: opus\n---\n", "a.md"),
            ("a", Dialect::ClaudeCode, "---\nname: a\ndescription: d\n---\n", ".claude/agents/a.md"),
            ("a", Dialect::Skill, "---\nname: a\ndescription: d\n---\n", "a/SKILL.md"),
            ("a", Dialect::Copilot, "---\ndescription: d\n---\n", "a.agent.md"),
            ("a", Dialect::OpenCode, "---\ndescription: d\n---\n", ".opencode/agents/a.md"),
            ("a", Dialect::Gemini, "---\nname: a\ndescription: d\n---\n", ".gemini/agents/a.md"),
            ("a", Dialect::Cursor, "Be brief.\n", "a.mdc"),
            ("a", Dialect::Markdown, "Be brief.\n", "patterns/a/system.md"),
            // Names of files that are passed over, or mean another product.
            ("readme", Dialect::Persona, "---\nname: readme\ndescription: d\n---\n", "readme/index.md"),
            ("skill", Dialect::Persona, "---\nname: skill\ndescription: d\n---\n", "skill.markdown"),
            ("x.agent", Dialect::Persona, "---\nname: x.agent\ndescription: d\n---\n", "x.agent.markdown"),
            ("index", Dialect::Cursor, "Be brief.\n", "index.mdc"),
            // What no path tells is left to those who know it.
            ("a", Dialect::Persona, "---\nname: a\ndescription: d\nmodel: opus\n---\n", "a.md"),
        ] {
            let found = place(&mut Places::default(), name, dialect, content);
            assert_eq!(found.as_deref(), Some(path), "{name} {dialect} {content:?}");
        }
        let other = "---\nname: b\ndescription: d\n---\n";
        assert_eq!(place(&mut Places::default(), "a", Dialect::Persona, other), None);
    }

    #[test]
    fn no_place_is_given_away_twice() {
        let mut places = Places::default();
        let nameless = "---\ndescription: d\n---\n";
        let named = "---\nname: x.agent\ndescription: d\nmode: ask\n---\n";
        assert_eq!(place(&mut places, "x.agent", Dialect::Copilot, named).as_deref(), Some("x.agent.md"));
        assert_eq!(
            place(&mut places, "x", Dialect::Copilot, nameless).as_deref(),
            Some(".github/agents/x.md")
        );
        let skill = "---\nname: z.md\ndescription: d\nmax_turns: 3\n---\n";
        places.take("z.md");
        assert_eq!(
            place(&mut places, "z.md", Dialect::Skill, skill).as_deref(),
            Some(".claude/skills/z.md/SKILL.md")
        );
        places.take("y.md/z.md");
        assert!(!places.is_free("y.md") && !places.is_free("y.md/z.md/a.md") && places.is_free("y.md/a.md"));
    }
}
