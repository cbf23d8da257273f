//! The pages of the rules: as a few words beside a finding, and as files that an editor opens.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::place::uri_of;
use crate::diagnostic::Code;

/// Pages as files in a folder, written when they are first asked for.
#[derive(Debug, Default)]
pub(super) struct Pages {
    folder: Option<PathBuf>,
    written: BTreeSet<Code>,
}

impl Pages {
    /// Pages in this folder; without one there are none.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, written: BTreeSet::new() }
    }

    /// The URI of a rule's page; none where it cannot be written.
    pub(super) fn uri(&mut self, code: Code) -> Option<String> {
        let folder = self.folder.as_ref()?;
        let path = folder.join(format!("{code}.md"));
        if !self.written.contains(&code) {
            if let Err(error) = write(folder, &path, code.page()) {
                tracing::warn!(%error, path = %path.display(), "pages of rules cannot be written; findings go without");
                self.folder = None;
                return None;
            }
            self.written.insert(code);
        }
        uri_of(&path)
    }
}

/// Writes a page unless it is there. A reader never sees half of one, and two servers do not disturb each other.
fn write(folder: &Path, path: &Path, page: &str) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == page.as_bytes()) {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let part = path.with_extension(format!("{}.part", std::process::id()));
    fs::write(&part, page)
        .and_then(|()| fs::rename(&part, path))
        .inspect_err(|_| drop(fs::remove_file(&part)))
}

/// Why a rule is there and how to mend what it finds, in Markdown: the words of its page without the examples.
pub(super) fn told(code: Code) -> String {
    let rule = code.rule();
    let why = section(code.page(), "## Why");
    // What follows the first paragraph says how to leave findings out, which is a matter of settings.
    let what = section(code.page(), "## What to do");
    let what = what.split("\n\n").next().unwrap_or_default();
    format!("**{code} {}**: {}\n\n{why}\n\n*What to do:* {what}\n", code.name(), rule.summary)
}

/// What stands below a heading of a page, up to the next one.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let below = page.split_once(heading).map_or("", |(_, below)| below);
    below.split("\n## ").next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_says_why_and_what_to_do_without_links_that_lead_nowhere() {
        for code in Code::ALL {
            let told = told(*code);
            assert!(told.starts_with(&format!("**{code} {}**: ", code.name())), "{told}");
            assert!(!section(code.page(), "## Why").is_empty(), "{code}");
            assert!(!told.contains("README.md") && !told.contains("*What to do:* \n"), "{told}");
        }
    }

    #[test]
    fn pages_are_written_once_and_mended() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("deep/pages");
        let page = folder.join("SYN003.md");
        assert_eq!(Pages::new(Some(folder.clone())).uri(Code::SYN003), uri_of(&page));
        assert_eq!(fs::read_to_string(&page).unwrap(), Code::SYN003.page());
        fs::write(&page, "half").unwrap();
        let mut pages = Pages::new(Some(folder.clone()));
        pages.uri(Code::SYN003).unwrap();
        assert_eq!(fs::read_to_string(&page).unwrap(), Code::SYN003.page());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert_eq!(Pages::new(Some(page)).uri(Code::SYN003), None, "a file is no folder");
        assert_eq!(Pages::default().uri(Code::SYN003), None);
    }
}
