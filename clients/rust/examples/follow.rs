//! Prints a persona, and follows its changes: `cargo run --example follow -- http://127.0.0.1:50051 backend_developer`.

#![allow(clippy::print_stdout, reason = "an example")]

use std::error::Error;

use persona_registry::client::personas::{Options, Personas};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().unwrap_or_else(|| "http://127.0.0.1:50051".to_owned());
    let name = arguments.next().unwrap_or_else(|| "backend_developer".to_owned());

    let personas = Personas::new(&target, Options { names: vec![name.clone()], ..Options::default() })?;
    let held = personas.get(&name).await?;
    println!("version {} ({}):\n{}", held.version(), held.source(), held.body());

    let mut changes = personas.changes();
    while let Some(change) = changes.next().await {
        let version = change.after.as_ref().map_or(0, |persona| persona.version);
        println!("{} {} version {version}", change.change_type(), change.name);
    }
    Ok(())
}
