//! The verifier against its peers: natively, and as the npm package in Node.

mod native;
mod node;

use anyhow::Result;

pub(crate) fn run() -> Result<()> {
    native::run()?;
    node::run()
}
