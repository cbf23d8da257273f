//! A small service whose agent has a persona: `GET /persona` answers with its version, also while the registry is away.
//!
//! `cargo run --example service -- http://127.0.0.1:50051 127.0.0.1:8080`

#![allow(clippy::print_stdout, reason = "an example")]

use std::error::Error;
use std::path::PathBuf;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use persona_registry::client::personas::{Options, Personas};

const NAME: &str = "backend_developer";
/// What the service was built with: better an old persona than none.
const SHIPPED: &str = "You are a backend developer.";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().unwrap_or_else(|| "http://127.0.0.1:50051".to_owned());
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());

    let snapshot_path = Some(PathBuf::from("personas.snapshot"));
    let personas = Personas::new(&target, Options { snapshot_path, ..Options::default() })?;
    let routes = Router::new().route("/persona", get(persona)).with_state(personas.clone());
    let listener = tokio::net::TcpListener::bind(&listen).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, routes).with_graceful_shutdown(interrupted()).await?;
    personas.close().await;
    Ok(())
}

async fn interrupted() {
    // Without signals there is nothing to wait for.
    drop(tokio::signal::ctrl_c().await);
}

/// What the next run of the agent would use. Taken from memory, so that it costs a request nothing.
async fn persona(State(personas): State<Personas>) -> (StatusCode, String) {
    match personas.get_or(NAME, SHIPPED).await {
        Ok(held) => (StatusCode::OK, format!("version {} ({})\n", held.version(), held.source())),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}
