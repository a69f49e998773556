//! What a token is good for now, for a resource server that asks (RFC 7662).

use super::Sessions;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::tokens::TokenFacts;

impl Sessions {
    /// What there is to say about an access or a refresh token that is good at `now`;
    /// `None` for any other text. Asking uses nothing up.
    ///
    /// The kind of the token is found out by looking at it, so that a hint could only be
    /// right or wrong.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`]: that the database did not answer says nothing about a token.
    pub async fn introspect(&self, token: &str, now: Timestamp) -> Result<Option<TokenFacts>> {
        // It is an access token that resource servers get to see, again and again.
        if let Ok(facts) = self.read_access(token, now).await {
            let alive = self.alive(facts.subject, now).await;
            return if_good(alive.map(|_| facts));
        }
        let Ok(refresh) = self.read_refresh(token, now).await else {
            return Ok(None);
        };
        let unused = self.unused(&refresh, now).await;
        if_good(unused.map(|_| refresh.facts))
    }
}

fn if_good(facts: Result<TokenFacts>) -> Result<Option<TokenFacts>> {
    match facts {
        Ok(facts) => Ok(Some(facts)),
        Err(Error::InvalidAccessToken | Error::InvalidRefreshToken) => Ok(None),
        Err(error) => Err(error),
    }
}
