//! Configuration: defaults, `persona.toml`, the environment and flags, in rising order, into the options that each
//! module defines for itself. All that is wrong in any layer is told at once, and then nothing starts.

mod environment;
mod example;
mod file;
mod folders;
mod kind;
mod origin;
mod policy;
mod setting;
mod settings;
mod tls;

use std::ffi::OsString;
use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

pub use environment::OTHERS;
pub use example::example;
pub use folders::{cache_dir, nearest_path};
pub use kind::{Kind, LogFormat};
pub use origin::{Origin, Problem};
pub use policy::load as load_policy;
pub use setting::{Fallback, Section, Setting};
pub use settings::SETTINGS;

use crate::auth::Policy;
use crate::client::{self, DEFAULT_PORT, Server, Token};
use crate::domain::{Digest, Namespace};
use crate::seed::Source;
use crate::server;
use crate::validate;

/// The file that is read when none is named and the current folder has it.
pub const FILE: &str = "persona.toml";

/// The variable that names another file.
pub const FILE_VARIABLE: &str = "PERSONA_CONFIG";

/// The variable that holds the token of calls itself. There is no such flag: others on the machine see those.
pub const TOKEN_VARIABLE: &str = "PERSONA_TOKEN";

/// The flag that names another file.
pub const FILE_FLAG: &str = "--config";

/// What is said from outside.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// The file that the flag names.
    pub file: Option<PathBuf>,
    /// The whole environment.
    pub variables: Vec<(OsString, OsString)>,
    /// Flags as they were given.
    pub flags: Vec<(&'static Setting, Vec<String>)>,
    /// Whether a server is meant: its folders must be there.
    pub serving: bool,
}

/// What all layers come to.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// How the server behaves. Its data directory and folders are filled in when a server is meant.
    pub options: server::Options,
    /// How the log is written; none: by whether stderr is a terminal.
    pub log_format: Option<LogFormat>,
    /// Where the registry is.
    pub server: Server,
    /// The namespace that commands work in.
    pub namespace: Namespace,
    /// How a client behaves.
    pub client: client::Options,
    /// What findings are told, and how bad they are to whoever asks. A registry's own judgement does not go by it.
    pub judging: validate::Options,
    /// Every setting, in the order of [`SETTINGS`].
    pub entries: Vec<Entry>,
    /// What the file says of callers.
    pub policy: Option<Policy>,
    /// Whether callers must say who they are, where that is said.
    auth: Option<bool>,
    data_dir: Option<PathBuf>,
    personas: Option<Vec<Source>>,
    tls: tls::Files,
}

/// What a setting came to.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The setting.
    pub setting: &'static Setting,
    /// Its values as texts, paths as they are used; none where nothing is set.
    pub values: Vec<String>,
    /// Where they came from.
    pub origin: Origin,
    /// Where each of them came from.
    places: Vec<Origin>,
}

/// What one layer says about one setting.
#[derive(Debug, Clone)]
struct Given {
    setting: &'static Setting,
    origin: Origin,
    items: Vec<Item>,
}

/// One value, before it is read.
#[derive(Debug, Clone)]
struct Item {
    text: String,
    origin: Origin,
}

impl Given {
    /// Values that all came from one place.
    fn at(origin: Origin, setting: &'static Setting, texts: impl IntoIterator<Item = String>) -> Self {
        let items = texts.into_iter().map(|text| Item { text, origin: origin.clone() }).collect();
        Self { setting, origin, items }
    }

    /// The one value, read.
    fn one<T, E: Display>(&self, read: impl Fn(&str) -> Result<T, E>) -> Result<T, Vec<Problem>> {
        let mut all = self.each(read)?;
        // clap and the file give one; none at all would be a fault of ours.
        all.pop().ok_or_else(|| vec![Problem::new(&self.origin, "a value is missing")])
    }

    /// All values, read; or everything that is wrong with any of them.
    fn each<T, E: Display>(&self, read: impl Fn(&str) -> Result<T, E>) -> Result<Vec<T>, Vec<Problem>> {
        let (mut values, mut problems) = (Vec::new(), Vec::new());
        for item in &self.items {
            match read(&item.text) {
                Ok(value) => values.push(value),
                Err(error) => {
                    // A place in the file says little by itself; variables and flags are named after their setting.
                    let message = match &item.origin {
                        Origin::File { .. } => format!("{}: {error}", self.setting.key),
                        _ => error.to_string(),
                    };
                    problems.push(Problem::new(&item.origin, message));
                }
            }
        }
        if problems.is_empty() { Ok(values) } else { Err(problems) }
    }
}

impl Config {
    /// What the modules say by themselves. The table's defaults are applied on top, and a test holds them equal.
    fn of_modules() -> Self {
        Self {
            file: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)),
            options: server::Options::new(PathBuf::new()),
            log_format: None,
            server: Server::default(),
            namespace: Namespace::default(),
            client: client::Options::default(),
            judging: validate::Options::default(),
            entries: Vec::new(),
            policy: None,
            auth: None,
            data_dir: None,
            personas: None,
            tls: tls::Files::default(),
        }
    }

    /// Reads all layers.
    ///
    /// # Errors
    /// Everything that is wrong in any of them.
    pub fn load(layers: &Layers) -> Result<Self, Vec<Problem>> {
        let mut config = Self::of_modules();
        let mut problems = Vec::new();
        let home = std::env::home_dir();
        let mut said = Vec::new();
        for setting in SETTINGS {
            if let Fallback::Text(text) = setting.default {
                said.push(Given::at(Origin::Default, setting, [text.to_owned()]));
            }
            config.entries.push(Entry {
                setting,
                values: Vec::new(),
                origin: Origin::Default,
                places: Vec::new(),
            });
        }
        let (file, in_file, policy) = file::read(layers, &mut problems);
        (config.file, config.policy) = (file, policy);
        let base = config.file.as_deref().and_then(Path::parent).map(folders::plain).unwrap_or_default();
        said.extend(in_file.into_iter().map(|given| folders::placed(given, &base, home.as_deref())));
        said.extend(
            environment::read(&layers.variables, &mut problems).into_iter().chain(flags(layers)).map(
                |given| {
                    // The shell expands a leading `~/` of a word, not one behind `=`.
                    folders::placed(given, Path::new(""), home.as_deref())
                },
            ),
        );
        for given in said {
            match (given.setting.set)(&mut config, &given) {
                Ok(()) => config.note(given),
                Err(wrong) => problems.extend(wrong),
            }
        }
        config.look_for_token(layers);
        if layers.serving {
            config.look(&mut problems);
            config.look_for_tls(&mut problems);
        }
        config.look_for_identity(&mut problems);
        problems.sort_by_key(|problem| problem.origin.rank());
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// Digest of what all settings came to, for the audit log.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let text = |entry: &Entry| format!("{}={}", entry.setting.key, entry.values.join("\0"));
        let texts: Vec<_> = self.entries.iter().map(text).collect();
        Digest::of_parts(&texts.iter().map(String::as_bytes).collect::<Vec<_>>())
    }

    /// The token in the environment, unless a flag names a file with another.
    fn look_for_token(&mut self, layers: &Layers) {
        let flagged = self
            .entries
            .iter()
            .any(|entry| entry.setting.key == "token-file" && matches!(entry.origin, Origin::Flag(_)));
        let given = layers.variables.iter().find(|(name, value)| name == TOKEN_VARIABLE && !value.is_empty());
        if let Some((_, token)) = given.filter(|_| !flagged) {
            self.client.token = Some(Token::Text(token.to_string_lossy().into_owned()));
        }
    }

    /// Keeps what a layer said, over what lower ones did.
    fn note(&mut self, given: Given) {
        let (values, places) = given.items.into_iter().map(|item| (item.text, item.origin)).unzip();
        if let Some(entry) = self.entry_mut(given.setting) {
            entry.origin = given.origin;
            entry.values = values;
            entry.places = places;
        }
    }

    fn entry_mut(&mut self, setting: &'static Setting) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| std::ptr::eq(entry.setting, setting))
    }
}

fn flags(layers: &Layers) -> impl Iterator<Item = Given> {
    layers.flags.iter().map(|(setting, texts)| {
        Given::at(Origin::Flag(format!("--{}", setting.flag)), setting, texts.iter().cloned())
    })
}

#[cfg(test)]
mod tests;
