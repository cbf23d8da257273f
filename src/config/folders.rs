//! Folders: what a path in a layer means, where data is kept by default, and whether what a server needs is there.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::kind::Kind;
use super::policy;
use super::{Config, Fallback, Given, Origin, Problem};
use crate::auth;
use crate::diagnostic::nearest;
use crate::domain::{Digest, Namespace, files};
use crate::seed::Source;

/// The folder of personas that is taken in when none is named.
const USUAL: &str = "personas";

/// The paths of a setting as they are used: relative to `base`, `~/` at home.
pub(super) fn placed(mut given: Given, base: &Path, home: Option<&Path>) -> Given {
    for item in &mut given.items {
        let (namespace, path) = match (given.setting.kind, item.text.split_once('=')) {
            (Kind::Sources, Some((namespace, path))) => (Some(namespace), path),
            (Kind::Sources | Kind::Folder | Kind::File, _) => (None, item.text.as_str()),
            _ => continue,
        };
        let path = match (path.strip_prefix("~/"), home) {
            _ if path.is_empty() => continue,
            (Some(rest), Some(home)) => home.join(rest),
            _ => base.join(path),
        };
        let path = path.to_string_lossy();
        item.text = namespace.map_or_else(|| path.to_string(), |namespace| format!("{namespace}={path}"));
    }
    given
}

/// A folder without `.`: the registry knows its sources by the text of their path, so that `./persona.toml` and
/// `persona.toml` must name the same ones.
pub(super) fn plain(folder: &Path) -> PathBuf {
    folder.components().filter(|part| *part != Component::CurDir).collect()
}

/// The platform's directory for data, under a key of the current folder, so that two projects never mix.
fn default_data_dir() -> Result<PathBuf, String> {
    let project = std::env::current_dir()
        .and_then(std::fs::canonicalize)
        .map_err(|error| format!("cannot tell the current folder: {error}; give --data-dir"))?;
    let Some(dirs) = project_dirs() else {
        return Err("there is no home directory to keep data in; give --data-dir".to_owned());
    };
    let digest = Digest::of(project.as_os_str().as_encoded_bytes()).to_string();
    let key: String = digest.trim_start_matches("sha256:").chars().take(12).collect();
    let name = project.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(dirs.data_local_dir().join(format!("{name}-{key}")))
}

fn project_dirs() -> Option<directories::ProjectDirs> {
    directories::ProjectDirs::from("", "", "persona-registry")
}

/// The platform's directory for what can be made anew at any time; none where there is no home.
#[must_use]
pub fn cache_dir() -> Option<PathBuf> {
    Some(project_dirs()?.cache_dir().to_owned())
}

impl Config {
    /// Fills in the folders that a server needs, and looks whether they are there.
    pub(super) fn look(&mut self, problems: &mut Vec<Problem>) {
        problems.extend(self.look_for_data().err());
        self.look_for_callers();
        let Some(sources) = self.personas.clone() else {
            if Path::new(USUAL).is_dir() {
                self.show_default("personas", USUAL.to_owned());
                let usual = Source { namespace: Namespace::default(), dir: USUAL.into() };
                self.options.sources.push(usual);
            }
            return;
        };
        let entry = self.entries.iter().find(|entry| entry.setting.key == "personas");
        let places = entry.map(|entry| entry.places.as_slice()).unwrap_or_default();
        let mut seen = Vec::new();
        for (source, place) in sources.iter().zip(places) {
            let Ok(dir) = std::fs::canonicalize(&source.dir).and_then(|dir| {
                if dir.is_dir() { Ok(dir) } else { Err(std::io::ErrorKind::NotADirectory.into()) }
            }) else {
                let near = nearest_path(&source.dir)
                    .filter(|near| near.is_dir())
                    .map(|near| format!("did you mean `{}`?", near.display()));
                let message = match source.dir.is_file() {
                    true => format!("{} is a file; name the folder that it is in", source.dir.display()),
                    false => format!("there is no folder {}", source.dir.display()),
                };
                problems.push(Problem::new(place, message).with_help(near));
                continue;
            };
            let same = (dir, &source.namespace);
            if seen.contains(&same) {
                let message = format!(
                    "{} feeds namespace {} twice; name it once",
                    source.dir.display(),
                    source.namespace
                );
                problems.push(Problem::new(place, message));
            }
            seen.push(same);
        }
        self.options.sources = sources;
    }

    /// Fills in the data directory alone, for what is done to it while no server runs.
    ///
    /// # Errors
    /// That there is none.
    pub fn keeping(mut self) -> Result<Self, Vec<Problem>> {
        self.look_for_data().map_err(|problem| vec![problem])?;
        Ok(self)
    }

    fn look_for_data(&mut self) -> Result<(), Problem> {
        let dir = self.data_dir.clone().map_or_else(default_data_dir, Ok);
        let dir = dir.map_err(|message| Problem::new(&Origin::Flag("--data-dir".to_owned()), message))?;
        if dir.exists() && !dir.is_dir() {
            let origin = self.entries.iter().find(|entry| entry.setting.key == "data-dir");
            let origin = origin.map_or(Origin::Default, |entry| entry.origin.clone());
            return Err(Problem::new(&origin, format!("{} is no folder", dir.display())));
        }
        self.show_default("data-dir", dir.display().to_string());
        self.options.registry.data_dir = dir;
        Ok(())
    }

    /// Who is let in: as the file says, or holders of API tokens.
    fn look_for_callers(&mut self) {
        let is_on = self.auth.unwrap_or(self.policy.is_some());
        self.show_default("auth", is_on.to_string());
        if !is_on {
            return;
        }
        let policy = self.policy.clone().unwrap_or_default();
        let mut auth = auth::Options::new(policy, self.token_file());
        auth.reload = self.file.clone().map(|file| auth::Reload(Arc::new(move || policy::load(&file))));
        self.options.auth = Some(auth);
    }

    /// Where API tokens are kept.
    #[must_use]
    pub fn token_file(&self) -> PathBuf {
        self.options.registry.data_dir.join(files::TOKENS)
    }

    /// What a default that depends on the machine came to.
    fn show_default(&mut self, key: &str, value: String) {
        let entry = self.entries.iter_mut().find(|entry| entry.setting.key == key);
        if let Some(entry) = entry.filter(|entry| entry.values.is_empty()) {
            debug_assert!(matches!(entry.setting.default, Fallback::Words(_)));
            entry.values.push(value);
        }
    }
}

/// What stands where something is not, under nearly the same name.
#[must_use]
pub fn nearest_path(missing: &Path) -> Option<PathBuf> {
    let parent = missing.parent()?;
    let here = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let names: Vec<String> = std::fs::read_dir(here)
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let name = missing.file_name()?.to_str()?;
    let near = nearest(name, names.iter().map(String::as_str), 1);
    near.first().map(|near| parent.join(near))
}
