//! The log of the server: structured lines on stderr, `RUST_LOG` says how much.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use self::fields::JsonFields;
use crate::config::LogFormat;

mod fields;

/// What is logged when `RUST_LOG` does not say: the registry's own events, of others warnings.
const DEFAULT: &str = "warn,persona_registry=info";

/// What is logged at a terminal besides what is told there anyway.
const BESIDE_THE_SCREEN: &str = "warn,persona_registry::seed=error";

/// Starts the log; a second start changes nothing. Without a format, people at a terminal get lines for reading and
/// only what they should act on, everyone else JSON. Tells whether it is JSON.
pub(super) fn start(format: Option<LogFormat>, colours: bool) -> bool {
    let terminal = io::stderr().is_terminal();
    let json = format.map_or(!terminal, |format| format == LogFormat::Json);
    let default = if terminal && format.is_none() { BESIDE_THE_SCREEN } else { DEFAULT };
    let said = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|said| EnvFilter::try_new(said).is_ok());
    // `h2` warns of what a peer does wrong, once a frame: no peer may have the log written at its will. Who wants to read it
    // names it.
    let quiet = if said.as_ref().is_some_and(|said| said.contains("h2=")) { "" } else { ",h2=error" };
    let wanted = format!("{}{quiet}", said.as_deref().unwrap_or(default));
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = if json {
        let lines = lines.json().flatten_event(true).with_current_span(true).with_span_list(false);
        lines.fmt_fields(JsonFields).boxed()
    } else {
        lines.with_ansi(colours).with_target(false).boxed()
    };
    // Levels of targets are known once; only who asks for spans by name has every span looked at.
    let started = match wanted.parse::<Targets>() {
        Ok(targets) => tracing_subscriber::registry().with(lines).with(targets).try_init(),
        Err(_) => tracing_subscriber::registry().with(lines).with(EnvFilter::new(wanted)).try_init(),
    };
    drop(started);
    json
}
