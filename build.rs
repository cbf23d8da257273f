//! Compiles the contract: messages and services, and the descriptor set that reflection serves.

use std::error::Error;
use std::path::PathBuf;

use prost::Message;

const PROTOS: &[&str] = &[
    "persona/registry/v1/persona_service.proto",
    "persona/registry/v1/admin_service.proto",
    "persona/registry/v1/error.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    Ok(())
}
