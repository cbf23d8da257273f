//! The command line: one command a file; data on stdout, words on stderr, exit codes in one match (`exit`).

mod alias;
mod apply;
mod audit;
mod auth;
mod backup;
mod bench;
mod check;
mod compact;
mod compact_store;
mod completions;
mod config;
mod delete;
mod dev_certs;
mod diff;
mod exit;
mod explain;
mod export;
mod flags;
mod form;
mod get;
mod history;
mod list;
mod logging;
mod lsp;
mod namespaces;
mod output;
mod promote;
mod purge;
mod put;
mod refused;
mod remote;
mod report;
mod restore;
mod restore_store;
mod serve;
mod shape;
mod status;
mod table;
mod token;
mod validate;
mod walk;
mod watch;
mod write;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use self::flags::Given;
pub use exit::{Failure, Outcome};
pub use form::Colour;
pub use output::{Output, Paint};

/// A registry for AI agent personas: Markdown with YAML front matter, validated, versioned and streamed.
#[derive(Debug, Parser)]
#[command(
    name = "persona",
    version,
    max_term_width = 110,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = AFTER_HELP
)]
pub struct Cli {
    /// File of settings [default: persona.toml, where this folder has one] [env: PERSONA_CONFIG]
    #[arg(long, global = true, help_heading = "Everywhere", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    config: Option<PathBuf>,

    /// Colours: auto (on terminals, unless NO_COLOR is set), always or never
    #[arg(
        long,
        global = true,
        help_heading = "Everywhere",
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_possible_values = true
    )]
    color: Colour,

    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Exit codes:
  0  done; for `validate`: nothing at or above --fail-on
  1  findings, or the registry said no: not found, exists already, etag differs, document refused
  2  wrong usage or settings, input or output failed, no registry answers, or the registry has a fault

Examples:
  persona serve --personas personas         serve a folder of personas on 127.0.0.1:50051
  persona validate personas                 judge files without a registry
  persona put personas/backend_developer.md
  persona get backend_developer > prompt.md
  persona apply personas --dry-run          show what files would change
  persona diff backend_developer            what the newest version changed
  persona watch                             follow every change";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Validate(validate::Args),
    Explain(explain::Args),
    Lsp(lsp::Args),
    Get(get::Args),
    List(list::Args),
    Put(put::Args),
    Delete(delete::Args),
    Apply(apply::Args),
    Export(export::Args),
    Pull(export::pull::Args),
    Watch(watch::Args),
    History(history::Args),
    Diff(diff::Args),
    Restore(restore::Args),
    Alias(alias::Args),
    Promote(promote::Args),
    Namespaces(namespaces::Args),
    Purge(purge::Args),
    CompactHistory(compact::Args),
    Audit(audit::Args),
    Status(status::Args),
    Refused(refused::Args),
    Backup(backup::Args),
    RestoreStore(restore_store::Args),
    Check(check::Args),
    Token(token::Args),
    Auth(auth::Args),
    Compact(compact_store::Args),
    Bench(bench::Args),
    Config(config::Args),
    DevCerts(dev_certs::Args),
    Completions(completions::Args),
}

/// Runs what the command line asks for, tells of a failure on stderr and answers the exit code.
pub async fn run(cli: Cli) -> u8 {
    let mut out = Output::of_process(cli.color);
    let result = dispatch(cli, &mut out).await;
    if let Err(failure) = &result {
        failure.tell(&mut out);
    }
    exit::code(&result)
}

async fn dispatch(cli: Cli, out: &mut Output) -> Result<Outcome, Failure> {
    let Cli { config: file, command, .. } = cli;
    let load = |given: &[Given], serving: bool| flags::load(file, given.concat(), serving);
    match command {
        Command::Serve(args) => serve::run(load(&[args.flags.given()], true)?, out).await,
        Command::Validate(args) => validate::run(&args, &load(&[args.flags.given()], false)?, out).await,
        Command::Explain(args) => explain::run(&args, out),
        Command::Lsp(args) => {
            let config = load(&[args.flags.given()], false)?;
            lsp::run(args, &config, out)
        }
        Command::Get(args) => {
            let config = load(&[args.remote.given(), args.place.given()], false)?;
            get::run(&args, &config, out).await
        }
        Command::List(args) => {
            let config = load(&[args.remote.given(), args.places.given_one()], false)?;
            list::run(&args, &config, out).await
        }
        Command::Put(args) => {
            let config = load(&[args.remote.given(), args.place.given()], false)?;
            put::run(&args, &config, out).await
        }
        Command::Delete(args) => {
            let config = load(&[args.remote.given(), args.place.given()], false)?;
            delete::run(&args, &config, out).await
        }
        Command::Apply(args) => {
            let config = load(&[args.remote.given(), args.place.given()], false)?;
            apply::run(&args, &config, out).await
        }
        Command::Export(args) => {
            let config = load(&[args.remote.given(), args.place.given()], false)?;
            export::run(&args, &config, out).await
        }
        Command::Pull(args) => {
            let config = load(&[args.remote.given(), args.place.given()], false)?;
            export::pull::run(&args, &config, out).await
        }
        Command::Watch(args) => {
            let config = load(&[args.remote.given(), args.places.given_one()], false)?;
            watch::run(&args, &config, out).await
        }
        Command::History(args) => {
            let config = load(&[args.remote.given(), args.place.given()], false)?;
            history::run(&args, &config, out).await
        }
        Command::Diff(args) => {
            let config = load(&[args.remote.given(), args.place.given()], false)?;
            diff::run(&args, &config, out).await
        }
        Command::Restore(args) => {
            let config = load(&[args.remote.given(), args.place.given()], false)?;
            restore::run(&args, &config, out).await
        }
        Command::Alias(args) => match args.what {
            alias::What::List(args) => {
                let config = load(&[args.remote.given(), args.places.given_one()], false)?;
                alias::list(&args, &config, out).await
            }
            alias::What::Set(args) => {
                let config = load(&[args.remote.given(), args.place.given()], false)?;
                alias::set(&args, &config, out).await
            }
            alias::What::Delete(args) => {
                let config = load(&[args.remote.given(), args.place.given()], false)?;
                alias::delete(&args, &config, out).await
            }
        },
        Command::Promote(args) => {
            let config = load(&[args.remote.given(), args.place.given()], false)?;
            promote::run(&args, &config, out).await
        }
        Command::Namespaces(args) => namespaces::run(&args, &load(&[args.remote.given()], false)?, out).await,
        Command::Purge(args) => {
            let config = load(&[args.remote.given(), args.place.given()], false)?;
            purge::run(&args, &config, out).await
        }
        Command::CompactHistory(args) => {
            compact::run(&args, &load(&[args.remote.given()], false)?, out).await
        }
        Command::Backup(args) => backup::run(&args, &load(&[args.remote.given()], false)?, out).await,
        Command::RestoreStore(args) => {
            restore_store::run(&args, load(&[args.store.given()], false)?.keeping()?, out)
        }
        Command::Check(args) => check::run(&args, load(&[args.store.given()], false)?.keeping()?, out),
        Command::Compact(args) => {
            compact_store::run(&args, load(&[args.store.given()], false)?.keeping()?, out).await
        }
        Command::Token(args) => match args.what {
            token::What::Create(args) => {
                token::create(&args, &load(&[args.store.given()], false)?.keeping()?, out)
            }
            token::What::List(args) => {
                token::list(&args, &load(&[args.store.given()], false)?.keeping()?, out)
            }
            token::What::Revoke(args) => {
                token::revoke(&args, &load(&[args.store.given()], false)?.keeping()?, out)
            }
        },
        Command::Auth(args) => {
            let auth::What::Check(args) = args.what;
            auth::check(&args, &load(&[args.store.given()], false)?.keeping()?, out)
        }
        Command::Bench(args) => bench::run(&args, &load(&args.given(), false)?, out).await,
        Command::Config(args) => match args.what {
            config::What::Show(args) => {
                let config = load(&[args.flags.given()], true)?;
                config::show(&args, &config, out)
            }
            config::What::Example => config::write_example(out),
        },
        Command::DevCerts(args) => dev_certs::run(&args, out),
        Command::Completions(args) => completions::run(&args, out),
        Command::Audit(args) => audit::run(&args, &load(&[args.remote.given()], false)?, out).await,
        Command::Status(args) => status::run(&args, &load(&[args.remote.given()], false)?, out).await,
        Command::Refused(args) => refused::run(&args, &load(&[args.remote.given()], false)?, out).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    #[test]
    fn the_arguments_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples() {
        for command in Cli::command().get_subcommands() {
            // The server's own file brings its help.
            if command.get_name() != "serve" {
                for command in std::iter::once(command).chain(command.get_subcommands()) {
                    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                    let has = help.contains("Examples:") || command.get_name() == "example";
                    assert!(has, "{}", command.get_name());
                }
            }
        }
    }

    #[test]
    fn usage_errors_are_found_before_anything_runs() {
        for bad in [
            &["persona", "get"][..],
            &["persona", "get", "Backend Developer"],
            &["persona", "get", "a", "--version", "0"],
            &["persona", "serve", "--durability", "sometimes"],
            &["persona", "serve", "--prune", "true"],
            &["persona", "put", "a.md", "--etag", "1-0123456789abcdef", "--create-only"],
            &["persona", "put", "a.md", "--dialect", "latin"],
            &["persona", "watch", "--from-now", "--resume", "token"],
            &["persona", "get", "a", "--version", "1", "--alias", "b"],
            &["persona", "diff", "a", "0"],
            &["persona", "restore", "a"],
            &["persona", "alias", "set", "a", "production", "0"],
            &["persona", "promote", "a", "--from", "staging"],
            &["persona", "purge", "a"],
            &["persona", "apply"],
            &["persona", "apply", "team", "--prune"],
            &["persona", "validate", "--fail-on", "sometimes"],
            &["persona", "validate", "--unsafe-fixes"],
            &["persona", "validate", "--diff", "--format", "json"],
            &["persona", "dev-certs", "--name", "not a host"],
            &["persona", "dev-certs", "--client", "../x"],
            &["persona", "dev-certs", "--days", "0"],
            &["persona", "bench", "get", "--rate", "0"],
        ] {
            assert_eq!(Cli::try_parse_from(bad).map_err(|error| error.exit_code()).err(), Some(2), "{bad:?}");
        }
    }

    #[test]
    fn every_namespace_is_asked_for_by_a_dash() {
        for good in [
            &["persona", "list", "--namespace", "-"][..],
            &["persona", "watch", "a", "b", "--namespace", "-", "--every-version", "-o", "json"],
            &["persona", "put", "-", "-m", "why"],
            &["persona", "validate", "-", "--stdin-filename", "agents/x.md"],
            &[
                "persona",
                "validate",
                "--fix",
                "--diff",
                "--unsafe-fixes",
                "--select",
                "SYN,SEC405",
                "--ignore",
                "SYN004",
            ],
        ] {
            assert!(Cli::try_parse_from(good).is_ok(), "{good:?}");
        }
    }
}
