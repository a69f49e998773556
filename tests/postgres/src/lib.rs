//! Throw-away PostgreSQL clusters, for the tests of the workspace.
//!
//! [`Cluster::shared`] is started by the first test of a process that asks for it, and
//! gives each test a [`Database`] of its own. [`Cluster::own`] is for a test that stops,
//! kills or configures the server. Either ends with the test process, however that ends:
//! a small watchdog sees to it, also after `kill -9`.
//!
//! PostgreSQL does not run as root: there it runs as the user `postgres` that its package
//! makes. Where its programs are not installed, a test fails and names the package; none is
//! skipped.
//!
//! The server's time zone is one that nobody would take for UTC, and its locale is `C`, in
//! which `lower()` knows ASCII alone: a query that leaves times or letters to the server
//! shows.

mod authority;
mod client;
mod cluster;
mod database;
mod port;
mod postmaster;
mod programs;
mod setup;
mod watchdog;

pub use authority::Authority;
pub use client::Held;
pub use cluster::Cluster;
pub use database::Database;
pub use postmaster::Stop;
pub use setup::Setup;
