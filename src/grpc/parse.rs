//! From messages to use cases: every field is checked here, once, and all violations are told together.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Code;
use crate::domain::{
    Alias, Dialect, Etag, Name, Namespace, Profile, Revision, StoreId, Version, View, Waiver, limits,
};
use crate::filter::{Filter, InvalidFilter};
use crate::registry::{AliasTarget, Error, Freshness, Violation};
use crate::wire::{self, pb};

/// Collects what is wrong with a request.
#[derive(Debug, Default)]
pub(super) struct Checks {
    violations: Vec<Violation>,
    names: Vec<Violation>,
}

impl Checks {
    /// Ok when nothing was wrong. A name's violation has its own reason, unless others came with it.
    pub(super) fn done(mut self) -> Result<(), Error> {
        match (self.violations.is_empty(), self.names.len()) {
            (true, 0) => Ok(()),
            (true, 1) => match self.names.pop() {
                Some(violation) => Err(Error::NameInvalid(violation)),
                None => Ok(()),
            },
            _ => {
                self.names.append(&mut self.violations);
                Err(Error::ArgumentInvalid(self.names))
            }
        }
    }

    pub(super) fn fail(&mut self, field: &str, description: impl Into<String>) {
        self.violations.push(Violation::new(field, description));
    }

    /// A namespace; empty means `default`.
    pub(super) fn namespace(&mut self, text: &str) -> Namespace {
        if text.is_empty() {
            return Namespace::default();
        }
        self.named("namespace", text).unwrap_or_default()
    }

    /// A namespace, or none for `-`: all of them.
    pub(super) fn namespaces(&mut self, text: &str) -> Option<Namespace> {
        if text == "-" { None } else { Some(self.namespace(text)) }
    }

    /// A name that must be there. What stands for one that is not is never used: `done` fails first.
    pub(super) fn name(&mut self, text: &str) -> Option<Name> {
        self.named("name", text)
    }

    /// A name that may be empty.
    pub(super) fn optional_name(&mut self, text: &str) -> Option<Name> {
        if text.is_empty() { None } else { self.named("name", text) }
    }

    /// Names, each once.
    pub(super) fn names(&mut self, texts: &[String], limit: usize) -> Vec<Name> {
        if texts.len() > limit {
            self.fail("names", format!("has {} names; at most {limit} are taken", texts.len()));
            return Vec::new();
        }
        let mut seen = BTreeSet::new();
        let mut names = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            let field = format!("names[{at}]");
            let Some(name) = self.named::<Name>(&field, text) else { continue };
            if seen.insert(name.clone()) {
                names.push(name);
            } else {
                self.fail(&field, format!("{name} stands there twice; name each persona once"));
            }
        }
        names
    }

    fn named<T: FromStr>(&mut self, field: &str, text: &str) -> Option<T>
    where
        T::Err: ToString,
    {
        text.parse().map_err(|error: T::Err| self.names.push(Violation::new(field, error.to_string()))).ok()
    }

    /// An alias to read at; none for the newest.
    pub(super) fn shown_alias(&mut self, field: &str, text: &str) -> Option<Alias> {
        if text.is_empty() || text == Alias::LATEST { None } else { self.named(field, text) }
    }

    /// An alias to be moved, and what the caller believes of it.
    pub(super) fn alias_target(
        &mut self,
        namespace: &Namespace,
        name: &str,
        alias: &str,
        expected: Option<i64>,
    ) -> Option<AliasTarget> {
        let (name, alias) = (self.name(name), self.named("alias", alias));
        let expected = expected.map(|number| match u64::try_from(number) {
            Ok(version) => Version(version),
            Err(_) => {
                self.fail("expected_version", format!("{number} is no version; 0 means no alias"));
                Version(0)
            }
        });
        Some(AliasTarget { namespace: namespace.clone(), name: name?, alias: alias?, expected })
    }

    /// A filter; none where there is none. What is wrong with it has a reason of its own.
    pub(super) fn filter(&mut self, text: &str) -> Result<Option<Arc<Filter>>, Error> {
        if text.len() > limits::FILTER_BYTES {
            let description = format!("has {} bytes; at most {} are taken", text.len(), limits::FILTER_BYTES);
            return Err(Error::FilterInvalid { position: limits::FILTER_BYTES, description });
        }
        if text.trim().is_empty() {
            return Ok(None);
        }
        let invalid = |error: InvalidFilter| Error::FilterInvalid {
            position: error.position,
            description: error.problem,
        };
        Filter::parse(text).map(|filter| Some(Arc::new(filter))).map_err(invalid)
    }

    /// Paths of sections, each once.
    pub(super) fn sections(&mut self, paths: Vec<String>, view: View) -> Vec<String> {
        if paths.len() > limits::SECTIONS {
            let most = limits::SECTIONS;
            self.fail("sections", format!("has {} paths; at most {most} are taken", paths.len()));
        }
        if !paths.is_empty() && view == View::Basic {
            self.fail("sections", "are part of the document, which BASIC leaves out; ask for FULL");
        }
        paths
    }

    pub(super) fn version(&mut self, field: &str, number: i64) -> Version {
        match u64::try_from(number) {
            Ok(version) if version > 0 => Version(version),
            _ => {
                self.fail(field, format!("{number} is no version; versions count from 1"));
                Version(0)
            }
        }
    }

    pub(super) fn etag(&mut self, field: &str, text: &str) -> Option<Etag> {
        if text.is_empty() {
            return None;
        }
        text.parse().map_err(|error: <Etag as FromStr>::Err| self.fail(field, error.to_string())).ok()
    }

    pub(super) fn view(&mut self, view: i32, default: View) -> View {
        match pb::PersonaView::try_from(view) {
            Ok(pb::PersonaView::Unspecified) => default,
            Ok(pb::PersonaView::Basic) => View::Basic,
            Ok(pb::PersonaView::Full) => View::Full,
            Err(_) => {
                self.fail("view", format!("{view} is no PersonaView"));
                default
            }
        }
    }

    pub(super) fn dialect(&mut self, dialect: i32) -> Option<Dialect> {
        match pb::Dialect::try_from(dialect) {
            Ok(dialect) => wire::read_dialect(dialect),
            Err(_) => {
                self.fail("dialect", format!("{dialect} is no Dialect"));
                None
            }
        }
    }

    pub(super) fn profile(&mut self, profile: i32) -> Option<Profile> {
        match pb::Profile::try_from(profile) {
            Ok(profile) => wire::read_profile(profile),
            Err(_) => {
                self.fail("profile", format!("{profile} is no Profile"));
                None
            }
        }
    }

    pub(super) fn freshness(&mut self, options: Option<pb::ReadOptions>) -> Freshness {
        let Some(pb::ReadOptions { store_id, min_revision, at_revision }) = options else {
            return Freshness::default();
        };
        let min = self.revision("read_options.min_revision", min_revision);
        let at = self.revision("read_options.at_revision", at_revision);
        let at = Some(at).filter(|at| at.0 > 0);
        if store_id.is_empty() {
            if min_revision != 0 || at_revision != 0 {
                self.fail("read_options.store_id", "is required with min_revision and at_revision");
            }
            return Freshness::default();
        }
        let store_id = store_id.parse::<StoreId>();
        let store_id = store_id.map_err(|error| self.fail("read_options.store_id", error.to_string())).ok();
        Freshness { store_id, min, at }
    }

    /// A revision; 0 means none.
    pub(super) fn revision(&mut self, field: &str, number: i64) -> Revision {
        u64::try_from(number).map(Revision).unwrap_or_else(|_| {
            self.fail(field, format!("{number} is below 0"));
            Revision(0)
        })
    }

    pub(super) fn message(&mut self, message: String) -> String {
        self.bounded("message", message, limits::MESSAGE_BYTES)
    }

    pub(super) fn waivers(&mut self, waivers: &[pb::Waiver]) -> Vec<Waiver> {
        if waivers.len() > limits::WAIVERS {
            let (count, most) = (waivers.len(), limits::WAIVERS);
            self.fail("waivers", format!("has {count}; at most {most} are taken"));
        }
        let mut seen = BTreeSet::new();
        for (index, waiver) in waivers.iter().enumerate().take(limits::WAIVERS) {
            let code = Code::ALL.iter().find(|code| code.as_str() == waiver.rule);
            let problem = match code {
                None => Some(format!("{:?} is no rule; `persona explain` lists them", waiver.rule)),
                Some(code) if !code.rule().waivable => {
                    Some(format!("findings of {code} are not waived: mend the document"))
                }
                Some(code) if !seen.insert(code) => Some(format!("{code} is named before")),
                Some(_) => None,
            };
            if let Some(problem) = problem {
                self.fail(&format!("waivers[{index}].rule"), problem);
            }
            if waiver.reason.trim().is_empty() {
                self.fail(&format!("waivers[{index}].reason"), "is empty; say why the document may carry it");
            }
            self.bounded(&format!("waivers[{index}].reason"), waiver.reason.clone(), limits::WAIVER_BYTES);
        }
        let waiver = |it: &pb::Waiver| Waiver { rule: it.rule.clone(), reason: it.reason.clone() };
        waivers.iter().map(waiver).collect()
    }

    pub(super) fn request_id(&mut self, id: String) -> Option<String> {
        if id.is_empty() {
            return None;
        }
        Some(self.bounded("request_id", id, limits::REQUEST_ID_BYTES))
    }

    pub(super) fn bounded(&mut self, field: &str, text: String, limit: usize) -> String {
        if text.len() > limit {
            self.fail(field, format!("has {} bytes; at most {limit} are taken", text.len()));
        }
        text
    }

    pub(super) fn page_size(&mut self, size: i32) -> usize {
        match usize::try_from(size) {
            Ok(0) => limits::PAGE_DEFAULT,
            Ok(size) if size <= limits::PAGE_MAX => size,
            _ => {
                self.fail("page_size", format!("{size} is outside 0 to {}", limits::PAGE_MAX));
                limits::PAGE_DEFAULT
            }
        }
    }

    pub(super) fn progress_interval(&mut self, interval: Option<prost_types::Duration>) -> Duration {
        let Some(interval) = interval else { return limits::PROGRESS_DEFAULT };
        match Duration::try_from(interval) {
            Ok(interval) if (limits::PROGRESS_MIN..=limits::PROGRESS_MAX).contains(&interval) => interval,
            _ => {
                self.fail("progress_interval", "is outside 1 s to 60 s");
                limits::PROGRESS_DEFAULT
            }
        }
    }
}

/// A field that the checks let pass without a value; they never do.
pub(super) fn unchecked() -> Error {
    Error::Internal("a request passed its checks without a required field".to_owned())
}
