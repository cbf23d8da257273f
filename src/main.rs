//! The binary `persona`: parse, run, exit code.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use persona_registry::cli;

/// Chosen by figures (docs/performance.md): buffers of connections pack closer, and a heap of gigabytes stays as quick as a small one.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> anyhow::Result<ExitCode> {
    let arguments = cli::Cli::parse();
    let mut runtime = match std::thread::available_parallelism() {
        // With one core nobody is there to share work with, and sharing it costs a fifth of the time.
        Ok(cores) if cores.get() == 1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = runtime
        .enable_all()
        .build()
        .context("the runtime does not start; is the number of threads limited?")?;
    let code = runtime.block_on(cli::run(arguments));
    // A read of stdin that is still blocked must not keep the process alive.
    runtime.shutdown_background();
    Ok(ExitCode::from(code))
}
