//! `persona diff`: what two versions of a persona have not in common.

pub(super) mod text;

use std::str::FromStr;

use super::form::Form;
use super::output::Paint;
use super::remote::{Place, Remote, connect, explained};
use super::{Failure, Outcome, Output, shape};
use crate::client::Client;
use crate::config::Config;
use crate::document::named;
use crate::domain::{Alias, Name};
use crate::wire::pb;
use crate::wire::pb::get_persona_request::Selector;
use crate::wire::pb::persona_version::Type;

/// Show what changed between two versions: unified lines, which `patch` takes
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which persona
    #[arg(value_parser = named::<Name>)]
    name: Name,

    /// The old version: a number or an alias [default: the one before the newest]
    #[arg(value_name = "OLD")]
    old: Option<Which>,

    /// The new version: a number or an alias [default: the newest]
    #[arg(value_name = "NEW")]
    new: Option<Which>,

    #[command(flatten)]
    pub(super) place: Place,

    /// Say only how many lines were added and removed
    #[arg(long)]
    stat: bool,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Exits with 0 where they are equal, with 1 where they differ. A word of digits is a version, not an alias.

Examples:
  persona diff backend_developer
  persona diff backend_developer production
  persona diff backend_developer 3 7 --stat
  persona diff backend_developer production staging | patch backend_developer.md";

/// One version.
#[derive(Debug, Clone)]
enum Which {
    /// By number.
    Version(i64),
    /// The one that an alias names.
    Alias(Alias),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = text.parse::<i64>().ok().filter(|number| *number > 0);
            return number
                .map(Self::Version)
                .ok_or_else(|| format!("{text} is no version; versions count from 1"));
        }
        named::<Alias>(text).map(Self::Alias)
    }
}

impl Which {
    fn selector(&self) -> Selector {
        match self {
            Self::Version(number) => Selector::Version(*number),
            Self::Alias(alias) => Selector::Alias(alias.to_string()),
        }
    }
}

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = connect(config).await?;
    let namespace = config.namespace.as_str();
    let (old, new) = match (&args.old, &args.new) {
        (Some(old), new) => (Some(old.selector()), new.as_ref().map(Which::selector)),
        (None, _) => match last_two(&client, namespace, args.name.as_str()).await? {
            Some((old, new)) => (Some(Selector::Version(old)), Some(Selector::Version(new))),
            None => {
                out.say(&format!(
                    "{} has one version that can be read, and none to compare it with",
                    args.name
                ));
                return Ok(Outcome::Done);
            }
        },
    };
    let old = get(&client, namespace, args, old).await?;
    let new = get(&client, namespace, args, new).await?;
    let (before, after) = (document(&old), document(&new));
    let (added, removed) = text::stat(&before, &after);
    let header = |side: &str, persona: &pb::Persona| {
        format!("{side}/{}.md\tversion {}", persona.name, persona.version)
    };
    let (from, to) = (header("a", &old), header("b", &new));
    let difference = || shape::Difference {
        namespace: namespace.to_owned(),
        name: args.name.to_string(),
        from_version: old.version,
        to_version: new.version,
        added,
        removed,
        diff: (!args.stat).then(|| text::unified(&before, &after, (&from, &to))),
    };
    match args.output {
        Form::Json => out.json(&difference())?,
        Form::Yaml => out.yaml(&difference())?,
        Form::Text if args.stat => {
            let counts = diffstat(added, removed, out);
            out.line(&format!("{}  version {} → {}  {counts}", args.name, old.version, new.version))?;
        }
        // Of what people read nothing may move the cursor; a pipe gets the bytes.
        Form::Text if out.colours_data() || out.width().is_some() => {
            let drawn = text::painted(&before, &after, (&from, &to), &|paint, part| out.painted(paint, part));
            out.bytes(drawn.as_bytes())?;
        }
        Form::Text => out.bytes(text::unified(&before, &after, (&from, &to)).as_bytes())?,
    }
    Ok(if before == after { Outcome::Done } else { Outcome::Findings })
}

/// `+12 -3`.
pub(super) fn diffstat(added: usize, removed: usize, out: &Output) -> String {
    let plus = out.painted(Paint::Green, &format!("+{added}"));
    format!("{plus} {}", out.painted(Paint::Red, &format!("-{removed}")))
}

/// The document of a persona in the FULL view.
pub(super) fn document(persona: &pb::Persona) -> String {
    [persona.front_matter.as_str(), persona.body.as_str()].concat()
}

/// The newest two versions that can be read; none where there is but one.
async fn last_two(client: &Client, namespace: &str, name: &str) -> Result<Option<(i64, i64)>, Failure> {
    let entries = match client.versions(namespace, name, usize::MAX).await {
        Ok(entries) => entries,
        Err(error) => return Err(explained(error, client, namespace, name).await),
    };
    let mut kept = entries.iter().filter(|entry| entry.r#type() == Type::Version).map(|entry| entry.version);
    Ok(kept.next().and_then(|new| kept.next().map(|old| (old, new))))
}

async fn get(
    client: &Client,
    namespace: &str,
    args: &Args,
    selector: Option<Selector>,
) -> Result<pb::Persona, Failure> {
    let name = args.name.to_string();
    let request = pb::GetPersonaRequest {
        namespace: namespace.to_owned(),
        name: name.clone(),
        selector,
        ..Default::default()
    };
    match client.read(request).await {
        Ok(persona) => Ok(persona),
        Err(error) => Err(explained(error, client, namespace, &name).await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_version_and_words_an_alias() {
        assert!(matches!("12".parse(), Ok(Which::Version(12))));
        assert!(matches!("production".parse::<Which>(), Ok(Which::Alias(_))));
        assert!(matches!("v2".parse::<Which>(), Ok(Which::Alias(_))));
        assert_eq!("0".parse::<Which>().err().as_deref(), Some("0 is no version; versions count from 1"));
        assert!("".parse::<Which>().is_err() && "A b".parse::<Which>().is_err());
    }
}
