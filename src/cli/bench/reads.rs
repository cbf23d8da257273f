//! `persona bench get` and `list`: load that changes nothing.

use std::sync::Arc;

use super::load::{Load, drive};
use super::{Failure, Form, Outcome, Output, around, connections, told};
use crate::cli::remote::{Places, Remote, Scope, empty_help, filtered, namespaces};
use crate::client::{Client, ClientError};
use crate::config::Config;
use crate::document::named;
use crate::domain::{Name, limits};
use crate::wire::{pb, size_bytes};

/// Names that are read in turn at most.
const NAMES: usize = 1000;

/// Read personas
#[derive(Debug, clap::Args)]
#[command(after_help = GET_EXAMPLES)]
pub(super) struct Get {
    /// Which personas, in turn [default: the first thousand of the namespace]
    #[arg(value_parser = named::<Name>)]
    names: Vec<Name>,

    #[command(flatten)]
    pub(super) places: Places,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    load: Load,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const GET_EXAMPLES: &str = "\
Examples:
  persona bench get
  persona bench get backend_developer --connections 1 --streams 1
  persona bench get --namespace - --rate 1000 --duration 30 -o json";

/// List personas, the first page again and again
#[derive(Debug, clap::Args)]
#[command(after_help = LIST_EXAMPLES)]
pub(super) struct List {
    #[command(flatten)]
    pub(super) places: Places,

    /// Only what this matches, as in `persona list`
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,

    /// Personas on the page
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=500))]
    page_size: i32,

    /// With their documents
    #[arg(long)]
    documents: bool,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    load: Load,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const LIST_EXAMPLES: &str = "\
Examples:
  persona bench list
  persona bench list --documents --page-size 500
  persona bench list --filter 'labels.team = \"payments\"' --calls 5000 -o json";

pub(super) async fn get(args: &Get, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = around(&args.load, config).await?;
    let scope = args.places.scope(config);
    let personas: Vec<_> = match (&scope, args.names.as_slice()) {
        (_, []) => some(&client, &scope).await?,
        (Scope::One(namespace), names) => {
            names.iter().map(|name| (namespace.to_string(), name.to_string())).collect()
        }
        (Scope::All, _) => {
            return Err(Failure::Usage("a name is of one namespace; give it with --namespace".to_owned()));
        }
    };
    if personas.is_empty() {
        let what = format!("there is nothing to read in namespace {}", scope.as_str());
        let help = empty_help(scope.as_str(), &namespaces(&client).await);
        return Err(Failure::Missing { what, help });
    }
    let personas = Arc::new(personas);
    let places = args.load.places(&connections(&args.load, config).await?);
    let call = move |client: Client, turn: super::load::Turn| {
        let personas = Arc::clone(&personas);
        async move {
            let at = usize::try_from(turn.number).unwrap_or_default() % personas.len();
            let (namespace, name) = personas.get(at).cloned().ok_or(ClientError::Incomplete("names"))?;
            let view = pb::PersonaView::Full.into();
            let request = pb::GetPersonaRequest { namespace, name, view, ..Default::default() };
            Ok(size_bytes(&client.read(request).await?))
        }
    };
    let measured = drive(&args.load, places, call, out).await?;
    told(&measured.shape("get", &args.load, config), args.output, out)
}

/// The first personas, by namespace and name.
async fn some(client: &Client, scope: &Scope) -> Result<Vec<(String, String)>, Failure> {
    let (mut personas, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListPersonasRequest {
            namespace: scope.as_str().to_owned(),
            page_size: i32::try_from(limits::PAGE_MAX).unwrap_or_default(),
            page_token,
            ..Default::default()
        };
        let page = client.list_page(request).await?;
        personas.extend(page.personas.into_iter().map(|persona| (persona.namespace, persona.name)));
        page_token = page.next_page_token;
        if page_token.is_empty() || personas.len() >= NAMES {
            personas.truncate(NAMES);
            return Ok(personas);
        }
    }
}

pub(super) async fn list(args: &List, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = around(&args.load, config).await?;
    let view = if args.documents { pb::PersonaView::Full } else { pb::PersonaView::Basic };
    let request = pb::ListPersonasRequest {
        namespace: args.places.scope(config).as_str().to_owned(),
        filter: args.filter.clone(),
        page_size: args.page_size,
        view: view.into(),
        ..Default::default()
    };
    // A filter that is wrong is told as such, and not as calls that failed.
    client.list_page(request.clone()).await.map_err(|error| filtered(error, &args.filter))?;
    let places = args.load.places(&connections(&args.load, config).await?);
    let call = move |client: Client, _| {
        let request = request.clone();
        async move { Ok(size_bytes(&client.list_page(request).await?)) }
    };
    let measured = drive(&args.load, places, call, out).await?;
    told(&measured.shape("list", &args.load, config), args.output, out)
}
