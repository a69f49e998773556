//! The rules of Latchkey that must be the same everywhere.
//!
//! The server links this crate natively; browsers, Node and edge workers load
//! it as WebAssembly (npm `latchkey-verifier`). It knows nothing of HTTP, of
//! databases or of the clock: keys, tokens and the time come in as arguments,
//! a verdict goes out.
//!
//! * Feature `tokens`: [`Verifier`] checks a compact JWS (RFC 7515) that
//!   carries JWT claims (RFC 7519) against a [`KeySet`] and [`Options`], in an
//!   order that its documentation gives.
//! * Feature `passwords`: the password policy and the strength estimate.
//!
//! The bindings for JavaScript exist only when the target is WebAssembly; the
//! rules themselves are compiled from the same source on every target.

#[cfg(feature = "tokens")]
mod algorithm;
#[cfg(target_arch = "wasm32")]
mod bindings;
#[cfg(feature = "tokens")]
mod claims;
#[cfg(feature = "tokens")]
mod encoding;
#[cfg(feature = "tokens")]
mod error;
#[cfg(feature = "tokens")]
mod header;
#[cfg(feature = "tokens")]
mod json;
#[cfg(feature = "tokens")]
mod jwk;
#[cfg(feature = "tokens")]
mod keyset;
#[cfg(feature = "tokens")]
mod options;
#[cfg(feature = "passwords")]
pub mod policy;
#[cfg(feature = "tokens")]
mod public_key;
#[cfg(feature = "tokens")]
mod signature;
#[cfg(all(test, feature = "tokens"))]
mod testing;
#[cfg(feature = "tokens")]
mod verify;

#[cfg(feature = "tokens")]
pub use self::{
    algorithm::Algorithm,
    claims::{Lifetime, NumericDate, RegisteredClaims},
    error::{ErrorKind, KeyError, KeySetError, VerifierError},
    keyset::KeySet,
    options::Options,
    public_key::{Jwk, PublicKey},
    verify::{Verified, VerifiedSignature, Verifier},
};
