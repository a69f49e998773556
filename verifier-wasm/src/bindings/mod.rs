//! What JavaScript sees, one file per npm entry point.
//!
//! Bindings translate and decide nothing: they read what JavaScript passes,
//! call the native API, and turn its answer into JSON.

#[cfg(feature = "passwords")]
mod passwords;
