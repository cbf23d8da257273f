//! Flags made from the table of settings. They stay texts here: `config` reads them beside the other layers.

use std::ffi::OsString;
use std::marker::PhantomData;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueHint};

use crate::config::{Config, Fallback, Kind, Layers, Problem, SETTINGS, Section, Setting};

/// Settings as they were given.
pub(super) type Given = Vec<(&'static Setting, Vec<String>)>;

/// Which settings a command takes as flags.
pub(super) trait Group: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The settings.
    fn settings() -> impl Iterator<Item = &'static Setting>;

    /// What the command says otherwise than the table.
    fn dress(arg: Arg) -> Arg {
        arg
    }
}

/// The flags of a group.
#[derive(Debug, Clone)]
pub(super) struct Flags<G> {
    given: Given,
    group: PhantomData<G>,
}

impl<G: Group> Flags<G> {
    /// What was given.
    pub(super) fn given(&self) -> Given {
        self.given.clone()
    }
}

impl<G: Group> Args for Flags<G> {
    fn augment_args(command: Command) -> Command {
        command.args(G::settings().map(|setting| G::dress(arg(setting))))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<G: Group> FromArgMatches for Flags<G> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = G::settings().filter_map(|setting| {
            let texts = matches.get_many::<String>(setting.key)?;
            Some((setting, texts.cloned().collect()))
        });
        Ok(Self { given: given.collect(), group: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// What `persona serve` takes.
#[derive(Debug, Clone)]
pub(super) struct Serving;

impl Group for Serving {
    fn settings() -> impl Iterator<Item = &'static Setting> {
        Setting::of(Section::Serve)
    }
}

/// What the commands take that look after a data directory while no server runs.
#[derive(Debug, Clone)]
pub(super) struct Keeping;

impl Group for Keeping {
    fn settings() -> impl Iterator<Item = &'static Setting> {
        let keys = ["data-dir", "durability", "cache"];
        Setting::of(Section::Serve).filter(move |setting| keys.contains(&setting.key))
    }
}

/// What the commands take that look into a data directory beside a running server.
#[derive(Debug, Clone)]
pub(super) struct Stored;

impl Group for Stored {
    fn settings() -> impl Iterator<Item = &'static Setting> {
        Setting::of(Section::Serve).filter(|setting| setting.key == "data-dir")
    }
}

/// What every command that calls a registry takes.
#[derive(Debug, Clone)]
pub(super) struct Calling;

impl Group for Calling {
    fn settings() -> impl Iterator<Item = &'static Setting> {
        Setting::of(Section::Client).filter(|setting| setting.key != NAMESPACE)
    }

    fn dress(arg: Arg) -> Arg {
        arg.help_heading("Registry")
    }
}

/// What `persona validate` takes.
#[derive(Debug, Clone)]
pub(super) struct Judging;

impl Group for Judging {
    fn settings() -> impl Iterator<Item = &'static Setting> {
        Setting::of(Section::Validate)
            .chain(Setting::of(Section::Serve).filter(|setting| setting.key == "waivers"))
    }

    fn dress(arg: Arg) -> Arg {
        arg.help_heading("Rules")
    }
}

/// Every setting, out of sight: for looking at what they come to.
#[derive(Debug, Clone)]
pub(super) struct Every;

impl Group for Every {
    fn settings() -> impl Iterator<Item = &'static Setting> {
        SETTINGS.iter()
    }

    fn dress(arg: Arg) -> Arg {
        arg.hide(true)
    }
}

const NAMESPACE: &str = "namespace";

fn namespace() -> impl Iterator<Item = &'static Setting> {
    Setting::of(Section::Client).filter(|setting| setting.key == NAMESPACE)
}

/// One namespace.
#[derive(Debug, Clone)]
pub(super) struct InOne;

impl Group for InOne {
    fn settings() -> impl Iterator<Item = &'static Setting> {
        namespace()
    }

    fn dress(arg: Arg) -> Arg {
        arg.short('n')
    }
}

/// One namespace that is named on the command line: what is configured is where the work lies.
#[derive(Debug, Clone)]
pub(super) struct InNamed;

impl Group for InNamed {
    fn settings() -> impl Iterator<Item = &'static Setting> {
        namespace()
    }

    fn dress(arg: Arg) -> Arg {
        arg.short('n').required(true).help("The namespace to write into, which has to be said here")
    }
}

/// One namespace, or all.
#[derive(Debug, Clone)]
pub(super) struct InAny;

impl Group for InAny {
    fn settings() -> impl Iterator<Item = &'static Setting> {
        namespace()
    }

    fn dress(arg: Arg) -> Arg {
        let setting = namespace().next();
        let told = setting.map(|setting| help(setting, "Which namespace; `-` for all")).unwrap_or_default();
        arg.short('n').value_name("NS|-").help(told)
    }
}

fn arg(setting: &'static Setting) -> Arg {
    let arg = Arg::new(setting.key)
        .long(setting.flag)
        .value_name(setting.kind.value_name())
        .help(help(setting, setting.help));
    match setting.kind {
        Kind::Switch => arg
            .value_parser(PossibleValuesParser::new(["true", "false"]))
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        Kind::Choice(words) => arg.value_parser(PossibleValuesParser::new(words)),
        Kind::Sources => arg.action(ArgAction::Append).value_hint(ValueHint::DirPath),
        Kind::Origins => arg.action(ArgAction::Append).value_hint(ValueHint::Url),
        Kind::Rules | Kind::Severities => arg.action(ArgAction::Append).value_delimiter(','),
        Kind::Folder => arg.value_hint(ValueHint::DirPath),
        Kind::File => arg.value_hint(ValueHint::FilePath),
        Kind::Host => arg.value_hint(ValueHint::Hostname),
        // A value that is no number is told beside all other problems, not taken for a flag.
        Kind::Number(_) | Kind::Seconds => arg.allow_negative_numbers(true),
        Kind::Waivers => arg.action(ArgAction::Append),
        Kind::Address | Kind::Server | Kind::Namespace => arg,
    }
}

/// Help with the default and the variable, as clap writes them.
fn help(setting: &Setting, said: &str) -> String {
    let (Fallback::Text(default) | Fallback::Words(default)) = setting.default;
    let several = if setting.kind.is_list() { "; may be given several times" } else { "" };
    format!("{said}{several} [default: {default}] [env: {}]", setting.variable)
}

/// Reads all layers under these flags.
pub(super) fn load(
    file: Option<std::path::PathBuf>,
    flags: Given,
    serving: bool,
) -> Result<Config, Vec<Problem>> {
    let variables: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    Config::load(&Layers { file, variables, flags, serving })
}
