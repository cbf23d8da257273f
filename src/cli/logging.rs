//! The log of the server: structured lines on stderr, `RUST_LOG` says how much.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

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
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    // `h2` warns of what a peer does wrong, once a frame: no peer may have the log written at its will. Who wants to read it
    // names it.
    let is_named = std::env::var(EnvFilter::DEFAULT_ENV).is_ok_and(|said| said.contains("h2="));
    if let Some(quiet) = "h2=error".parse().ok().filter(|_| !is_named) {
        filter = filter.add_directive(quiet);
    }
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = if json {
        subscriber.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        subscriber.with_ansi(colours).with_target(false).try_init()
    };
    drop(started);
    json
}
