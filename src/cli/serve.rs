//! `persona serve`: the server.

use super::{Failure, Outcome, Output};

/// Serve personas over gRPC.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_args: Args, _out: &mut Output) -> Result<Outcome, Failure> {
    Err(Failure::Usage("this build has no server".to_owned()))
}
