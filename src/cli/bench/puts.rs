//! `persona bench put`: new versions of personas of its own, in a namespace that was named, deleted afterwards.

use std::sync::Arc;

use super::load::{Load, Turn, drive};
use super::{Failure, Form, Outcome, Output, around, connections, told};
use crate::cli::flags::{Flags, InNamed};
use crate::cli::remote::Remote;
use crate::client::Client;
use crate::config::Config;
use crate::wire::pb;
use crate::wire::pb::ErrorReason;

/// Write personas: each call in flight gives a persona of its own new versions; all of them are deleted afterwards
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Flags<InNamed>,

    #[command(flatten)]
    documents: Documents,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    load: Load,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Examples:
  persona bench put --namespace scratch
  persona bench put --namespace scratch --size 32768 --connections 1 --streams 1 --calls 1000";

/// What is written.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Documents {
    /// Bytes of each document, about
    #[arg(long, value_name = "BYTES", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(256..=131_072))]
    size: u32,
}

/// Personas that nobody else has.
#[derive(Debug, Clone)]
pub(super) struct Own {
    namespace: String,
    /// What their names begin with.
    prefix: String,
    size: usize,
}

impl Own {
    pub(super) fn new(documents: &Documents, config: &Config) -> Self {
        let (id, _) = uuid::Uuid::new_v4().as_u64_pair();
        Self {
            namespace: config.namespace.to_string(),
            prefix: format!("bench-{id:016x}"),
            size: usize::try_from(documents.size).unwrap_or_default(),
        }
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn name(&self, place: usize) -> String {
        format!("{}-{place}", self.prefix)
    }

    /// A new version, unlike all before.
    pub(super) fn put(&self, turn: Turn) -> pb::PutPersonaRequest {
        let name = self.name(turn.place);
        let mut text = format!(
            "---\nname: {name}\ndescription: Use when measuring a registry.\n---\n# {name}\n\nText {}.\n",
            turn.number
        );
        let mut part = 0;
        while text.len() < self.size {
            if text.len() / 1500 >= part {
                part += 1;
                text.push_str(&format!("\n## Part {part}\n\n"));
            }
            text.push_str("- You answer briefly, name your sources, and say what you do not know.\n");
        }
        pb::PutPersonaRequest {
            namespace: self.namespace.clone(),
            content: text.into_bytes().into(),
            message: "persona bench".to_owned(),
            ..Default::default()
        }
    }

    /// Deletes them. Says which ones stay; whether all are gone.
    pub(super) async fn delete(&self, places: usize, client: &Client, out: &mut Output) -> bool {
        let mut all = true;
        for place in 0..places {
            let (namespace, name) = (self.namespace.clone(), self.name(place));
            let message = "persona bench".to_owned();
            let request = pb::DeletePersonaRequest { namespace, name, message, ..Default::default() };
            match client.delete(request).await {
                Ok(_) => {}
                // A place that made no call, or none that went well.
                Err(error) if error.reason() == Some(ErrorReason::PersonaNotFound) => {}
                Err(error) => {
                    all = false;
                    out.warning(&format!("{} stays in {}: {error}", self.name(place), self.namespace));
                }
            }
        }
        all
    }
}

pub(super) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = around(&args.load, config).await?;
    let own = Arc::new(Own::new(&args.documents, config));
    let places = args.load.places(&connections(&args.load, config).await?);
    let many = places.len();
    let call = {
        let own = Arc::clone(&own);
        move |client: Client, turn| {
            let put = own.put(turn);
            async move {
                let bytes = put.content.len();
                client.put(put).await.map(|_| bytes)
            }
        }
    };
    let measured = drive(&args.load, places, call, out).await;
    let is_clean = own.delete(many, &client, out).await;
    let outcome = told(&measured?.shape("put", &args.load, config), args.output, out)?;
    Ok(if is_clean { outcome } else { Outcome::Findings })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_about_the_size_and_differs_each_time() {
        for size in [256, 4096, 131_072] {
            let own = Own { namespace: "scratch".to_owned(), prefix: "bench-1".to_owned(), size };
            let put = |number| own.put(Turn { place: 3, number }).content;
            assert!((size..size + 128).contains(&put(1).len()), "{size}: {}", put(1).len());
            assert_ne!(put(1), put(2));
            let judged =
                crate::validate::judge(&crate::document::Input { content: &put(1), ..Default::default() });
            assert!(judged.diagnostics.is_empty(), "{:?}", judged.diagnostics);
        }
    }
}
