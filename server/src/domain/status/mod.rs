//! Token Status Lists (draft-ietf-oauth-status-list): how a verifier that never asks about
//! a token learns that its session has ended early.
//!
//! * [`index`](StatusIndex): a session's place in the lists.
//! * [`places`](Places): how many lists there are, and choosing a place in them.
//! * [`bits`]: the form of a list.
//! * [`lists`](StatusLists): the signed list as it is given out.
//!
//! `docs/adr/0010-status-indexes-by-chance.md` has the reasons.

pub mod bits;
mod index;
mod lists;
mod places;

use std::time::Duration;

pub use self::index::{LIST_SIZE, StatusIndex};
pub use self::lists::{SignedList, StatusLists};
pub use self::places::Places;

/// For how long a verifier may keep a list before it looks for a newer one: the `ttl`.
pub const TTL: Duration = Duration::from_secs(60);

/// For how long a list can be used at all: its `exp`. A verifier that cannot reach us goes
/// on for as long.
pub const LIFE: Duration = Duration::from_secs(15 * 60);

/// How much longer than its last access token lives a session is listed as revoked, since
/// clocks differ.
pub const LEEWAY: Duration = Duration::from_secs(60);
