//! One file on the bench: read, mended where that is asked for, judged, and drawn as it will be printed.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Args, Format};
use crate::cli::remote::Source;
use crate::cli::{Failure, Output, report, shape, walk, write};
use crate::config::Config;
use crate::diagnostic::render::{self, sarif};
use crate::diagnostic::{Code, Diagnostic, Severity, Trust};
use crate::document::Input;
use crate::domain::{BoundWaiver, Dialect, Digest, Profile};
use crate::validate::{Beside, Fixed, Judged, Neighbours, Options, Others, fix, judge_among, waive};

/// What every file is judged with.
pub(super) struct Bench {
    /// The files of the folders that are judged whole.
    pub(super) others: Option<Others>,
    options: Options,
    waivers: Arc<[BoundWaiver]>,
    dialect: Option<Dialect>,
    profile: Option<Profile>,
    stdin_filename: String,
    mending: Option<Mending>,
    format: Format,
    colours: bool,
    width: Option<usize>,
    /// Where paths begin that services and workflows read.
    here: Option<PathBuf>,
}

/// What becomes of fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mending {
    /// They are made.
    Write(Trust),
    /// It is shown what they would do.
    Show(Trust),
}

/// What came of a file.
pub(super) struct Seen {
    pub(super) path: String,
    pub(super) size: usize,
    pub(super) tokens: u32,
    /// Findings that are told and not waived.
    pub(super) found: Vec<(Code, Severity)>,
    /// How many more are waived.
    pub(super) waived: usize,
    /// How many of them `--fix` would mend, and how many more `--unsafe-fixes`.
    pub(super) mendable: (usize, usize),
    /// Fixes that were made, or are shown.
    pub(super) made: BTreeMap<Code, usize>,
    pub(super) told: Told,
}

/// What is printed of a file.
pub(super) enum Told {
    /// This, on stdout.
    Text(String),
    /// Nothing yet: all files make one document.
    Sarif(Vec<sarif::Finding>),
    /// The difference between what the file is and what it would become.
    Change(String, String),
    /// The document of stdin as it is now, and what is to be said of it on stderr.
    Mended(Vec<u8>, String),
}

impl Bench {
    pub(super) fn new(args: &Args, config: &Config, out: &Output) -> Self {
        let mending = args.mending();
        let on_stderr = matches!(mending, Some(Mending::Write(_))) && args.paths == [Source::Stdin];
        Self {
            others: None,
            options: config.judging.clone(),
            waivers: Arc::clone(&config.options.seeding.waivers),
            dialect: args.dialect,
            profile: args.profile,
            stdin_filename: args.stdin_filename.clone().unwrap_or_default(),
            mending,
            format: args.format,
            colours: if on_stderr { out.colours_words() } else { out.colours_data() },
            width: out.width().filter(|_| !on_stderr),
            here: std::env::current_dir().ok(),
        }
    }

    /// Looks at a file. Blocks while it is read and written.
    pub(super) fn look(&self, source: &Source) -> Result<Seen, Failure> {
        // A document that brings a fault of ours to light must not hide what is wrong with the others.
        catch_unwind(AssertUnwindSafe(|| self.looked_at(source))).unwrap_or_else(|_| {
            let fault =
                std::io::Error::other("this is a fault of the judge's; please report it with the file");
            Err(Failure::io(format!("cannot judge {}", report::shown(&self.path(source))), fault))
        })
    }

    fn looked_at(&self, source: &Source) -> Result<Seen, Failure> {
        let before = walk::read(source)?;
        let path = self.path(source);
        let Some(mending) = self.mending else {
            let judged = self.judge(&path, &before, &self.options);
            let told = self.told(&path, &before, &judged, &BTreeMap::new());
            return Ok(self.seen(path, &before, &judged, BTreeMap::new(), told));
        };
        let (Mending::Write(trust) | Mending::Show(trust)) = mending;
        let all = |content: &[u8]| self.judge(&path, content, &Options::default());
        let Fixed { content, mut judged, made } = fix(&before, &self.options, trust, all);
        self.options.apply(&mut judged.diagnostics);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let told = match (mending, source) {
            (Mending::Show(_), _) => Told::Change(text(&before), text(&content)),
            (Mending::Write(_), Source::Stdin) => {
                let words = self.drawn(&path, &content, &judged, &made);
                Told::Mended(content.clone(), words)
            }
            (Mending::Write(_), Source::Path(file)) => {
                if content != before {
                    write::rewrite(file, &before, &content)?;
                }
                self.told(&path, &content, &judged, &made)
            }
        };
        Ok(self.seen(path, &content, &judged, made, told))
    }

    fn path(&self, source: &Source) -> String {
        match source {
            Source::Stdin => self.stdin_filename.clone(),
            Source::Path(path) => walk::slashed(path),
        }
    }

    fn judge(&self, path: &str, content: &[u8], options: &Options) -> Judged {
        let path = Some(path).filter(|path| !path.is_empty());
        let input = Input { content, path, dialect: self.dialect, profile: self.profile };
        let exists = |path: &str| Path::new(path).exists();
        // The text of stdin lies nowhere.
        let on_disk = path.is_some_and(|path| Path::new(path).is_file());
        let files: Option<&dyn Fn(&str) -> bool> = if on_disk { Some(&exists) } else { None };
        let others = self.others.as_ref().map(|others| others as &dyn Beside);
        let mut judged = judge_among(&input, options, Neighbours { others, files, ..Neighbours::default() });
        if !self.waivers.is_empty() {
            let waivers = BoundWaiver::holding_for(&self.waivers, Digest::of(content));
            waive(&mut judged.diagnostics, &waivers);
        }
        judged
    }

    fn told(&self, path: &str, content: &[u8], judged: &Judged, made: &BTreeMap<Code, usize>) -> Told {
        match self.format {
            Format::Sarif => {
                Told::Sarif(sarif::Finding::all(self.relative(path), content, &judged.diagnostics))
            }
            _ => Told::Text(self.drawn(path, content, judged, made)),
        }
    }

    /// The findings of one file as text.
    fn drawn(&self, path: &str, content: &[u8], judged: &Judged, made: &BTreeMap<Code, usize>) -> String {
        let (shown, found) = (report::shown(path), &judged.diagnostics);
        match self.format {
            Format::Text => render::text_within(shown, content, found, self.colours, self.width),
            Format::Concise => render::concise(shown, content, found),
            Format::Github => render::github(self.relative(path), content, found),
            Format::Json => {
                let line = shape::Validated {
                    path: shown,
                    diagnostics: render::findings(content, found),
                    fixed: made.iter().map(|(code, count)| (code.as_str(), *count)).collect(),
                    size_bytes: content.len(),
                    token_estimate: judged.document.derived.token_estimate,
                };
                line.line()
            }
            Format::Sarif => {
                let line = sarif::sarif(&sarif::Finding::all(self.relative(path), content, found), &[]);
                format!("{line}\n")
            }
        }
    }

    /// A path as services and workflows look for it: from where this runs, without a `./`.
    fn relative<'a>(&self, path: &'a str) -> &'a str {
        let here = self.here.as_deref().and_then(Path::to_str);
        let inside = here.and_then(|here| path.strip_prefix(here)?.strip_prefix('/'));
        let inside = inside.unwrap_or(path);
        report::shown(inside.strip_prefix("./").unwrap_or(inside))
    }

    fn seen(
        &self,
        path: String,
        content: &[u8],
        judged: &Judged,
        made: BTreeMap<Code, usize>,
        told: Told,
    ) -> Seen {
        let found: Vec<&Diagnostic> = judged.diagnostics.iter().filter(|one| one.waived.is_none()).collect();
        let mendable = |trust| found.iter().filter(|one| one.fix(trust).is_some()).count();
        let (safe, all) = (mendable(Trust::Safe), mendable(Trust::Unsafe));
        Seen {
            path,
            size: content.len(),
            tokens: judged.document.derived.token_estimate,
            found: found.iter().map(|one| (one.code, one.severity)).collect(),
            waived: judged.diagnostics.len() - found.len(),
            mendable: (safe, all - safe),
            made,
            told,
        }
    }
}
