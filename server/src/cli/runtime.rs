//! Where asynchronous work runs.

use std::future::Future;

use anyhow::Context as _;
use tokio::runtime::Builder;

/// Runs a command that waits for storage: one thread is enough.
///
/// # Errors
/// Those of the work, or the runtime cannot start.
pub fn command<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    run(Builder::new_current_thread(), work)
}

/// Runs the service, on every core.
///
/// # Errors
/// Those of the work, or the runtime cannot start.
pub fn service<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    run(Builder::new_multi_thread(), work)
}

fn run<T>(
    mut builder: Builder,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let runtime = builder
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    runtime.block_on(work)
}
