//! The contract's messages and the conversions between them and the domain, shared by server and client.

mod diagnostic;
mod persona;

pub use diagnostic::{diagnostics, diagnostics_at};
pub use persona::{
    dialect, dialect_reason, header, number, origin, persona, profile, read_dialect, read_profile, sections,
    timestamp,
};

/// The generated messages, clients and servers of `persona.registry.v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    rust_2018_idioms,
    clippy::all,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "generated; the proto comments are its documentation"
)]
pub mod pb {
    tonic::include_proto!("persona.registry.v1");
}

/// The encoded `FileDescriptorSet` of the contract, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Domain of every `google.rpc.ErrorInfo` that the registry makes.
pub const ERROR_DOMAIN: &str = "persona.registry.v1";

/// Bytes that a message has on the wire, without what frames it.
#[must_use]
pub fn size_bytes(message: &impl prost::Message) -> usize {
    message.encoded_len()
}
