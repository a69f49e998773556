//! The verifier against its peers: natively, and as the npm package.

mod native;
mod node;

use anyhow::Result;

pub(crate) fn run(quick: bool) -> Result<()> {
    native::run(quick)?;
    node::run(quick)
}
