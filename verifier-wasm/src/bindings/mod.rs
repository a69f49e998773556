//! What JavaScript sees, one file per npm entry point.
//!
//! Bindings translate and decide nothing: they take what the glue in `js/` has
//! checked for its JavaScript type, call the native API, and turn its answer
//! into JSON. One string crosses the boundary per call: that is faster than
//! building objects member by member, and `JSON.parse` reads a claims set
//! exactly as it was signed.

#[cfg(feature = "passwords")]
mod passwords;
#[cfg(feature = "tokens")]
mod tokens;
