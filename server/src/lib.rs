//! Latchkey: sign-up, sign-in and JWT access and refresh tokens in one binary.
//!
//! Data flows one way, and the folders say so:
//!
//! * [`http`] holds the filters and the server around them.
//! * [`domain`] holds the rules and the use cases. It knows no HTTP and no SQL.
//! * [`storage`] holds one trait and its back ends. It knows no HTTP and no rules.
//!
//! `http` calls `domain`, `domain` calls `storage`, and nothing calls back. The rules
//! that a browser must share live in the crate `latchkey_verifier`.

pub mod app;
pub mod assets;
pub mod cli;
pub mod config;
pub mod domain;
pub mod http;
pub mod logging;
pub mod storage;
