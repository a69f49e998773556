//! What is asked of a service.

use std::fmt;

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    SignUp,
    SignIn,
    Refresh,
    Me,
    /// The same with more tokens than the service remembers.
    MeOfMany,
    Introspect,
    Jwks,
    /// One sign-in, twenty refreshes and two hundred questions who one is.
    Mix,
}

impl Scenario {
    pub(crate) const ALL: [Self; 8] = [
        Self::SignUp,
        Self::SignIn,
        Self::Refresh,
        Self::Me,
        Self::MeOfMany,
        Self::Introspect,
        Self::Jwks,
        Self::Mix,
    ];

    /// The shares of sign-in, refresh and `me` in the mix.
    pub(crate) const MIX: [usize; 3] = [1, 20, 200];

    /// Whether each request computes a password's hash.
    pub(crate) const fn hashes(self) -> bool {
        matches!(self, Self::SignUp | Self::SignIn)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SignUp => "sign-up",
            Self::SignIn => "sign-in",
            Self::Refresh => "refresh",
            Self::Me => "me",
            Self::MeOfMany => "me, many tokens",
            Self::Introspect => "introspect",
            Self::Jwks => "JWKS",
            Self::Mix => "mix",
        })
    }
}
