//! `persona promote`: an alias is moved to where another one is, unless somebody moves it meanwhile.

use super::form::Form;
use super::remote::{Place, Remote, connect, explained};
use super::{Failure, Outcome, Output, alias, shape};
use crate::client::{Client, Listing};
use crate::config::Config;
use crate::diagnostic::did_you_mean;
use crate::document::named;
use crate::domain::{Alias, Name};
use crate::wire::pb;

/// Move an alias to the version that another one names
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which persona
    #[arg(value_parser = named::<Name>)]
    name: Name,

    /// The alias that shows the way, such as staging; latest: the newest version
    #[arg(long, value_name = "ALIAS", value_parser = named::<Alias>)]
    from: Alias,

    /// The alias to move, such as production; it is made if there is none
    #[arg(long, value_name = "ALIAS", value_parser = named::<Alias>)]
    to: Alias,

    #[command(flatten)]
    pub(super) place: Place,

    /// What this change is about [default: where it was promoted from]
    #[arg(short, long)]
    message: Option<String>,

    /// Say what would happen and change nothing
    #[arg(long)]
    dry_run: bool,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Examples:
  persona promote backend_developer --from staging --to production
  persona promote backend_developer --from latest --to staging --dry-run";

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = connect(config).await?;
    let (namespace, name) = (config.namespace.as_str(), args.name.as_str());
    // Both at one revision; the registry refuses the move if `to` has moved since.
    let aliases = match client.aliases(namespace, name).await {
        Ok(aliases) => aliases,
        Err(error) => return Err(explained(error, &client, namespace, name).await),
    };
    let version = shown(&client, &aliases, namespace, args).await?;
    let message = args.message.clone().unwrap_or_else(|| format!("promoted from {}", args.from));
    let request = pb::SetPersonaAliasRequest {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        alias: args.to.to_string(),
        version,
        expected_version: Some(named_by(&aliases, &args.to).unwrap_or(0)),
        message,
        validate_only: args.dry_run,
        ..Default::default()
    };
    let response = match client.set_alias(request).await {
        Ok(response) => response,
        // What happened shows, so that no id is needed to repeat it.
        Err(error) if error.is_undecided() && !args.dry_run => {
            let help = format!(
                "it may have happened; `persona alias list {name}` tells, and the same command again is safe"
            );
            return Err(Failure::Client { error, help: Some(help) });
        }
        Err(error) => return Err(explained(error, &client, namespace, name).await),
    };
    let promoted = || shape::Promoted {
        from: args.from.to_string(),
        set: shape::AliasSet::new(&response, args.dry_run),
    };
    match args.output {
        Form::Text => {
            out.line(&format!("{}, where {} is", alias::told(&response, args.dry_run), args.from))?;
        }
        Form::Json => out.json(&promoted())?,
        Form::Yaml => out.yaml(&promoted())?,
    }
    Ok(Outcome::Done)
}

fn named_by(aliases: &Listing<pb::PersonaAlias>, alias: &Alias) -> Option<i64> {
    aliases.items.iter().find(|one| one.alias == alias.as_str()).map(|one| one.version)
}

/// The version that `from` names.
async fn shown(
    client: &Client,
    aliases: &Listing<pb::PersonaAlias>,
    namespace: &str,
    args: &Args,
) -> Result<i64, Failure> {
    if args.from.as_str() == Alias::LATEST {
        let header = aliases.header.clone();
        let newest = pb::GetPersonaRequest {
            namespace: namespace.to_owned(),
            name: args.name.to_string(),
            view: pb::PersonaView::Basic.into(),
            read_options: Some(pb::ReadOptions {
                store_id: header.store_id,
                at_revision: header.revision,
                ..Default::default()
            }),
            ..Default::default()
        };
        return Ok(client.read(newest).await?.version);
    }
    named_by(aliases, &args.from).ok_or_else(|| {
        let words = aliases.items.iter().map(|one| one.alias.as_str());
        let near = did_you_mean(args.from.as_str(), words)
            .unwrap_or_else(|| format!("`persona alias set {} {} VERSION` makes it", args.name, args.from));
        Failure::Missing { what: format!("{} has no alias {}", args.name, args.from), help: near }
    })
}
