//! Access and refresh tokens: what stands in them, and what is asked of them.
//!
//! Access tokens follow RFC 9068. A refresh token is a JWT too, so that a forged one is
//! refused without a question to the database. `typ` in the header and `type` in the
//! claims keep the two apart (RFC 8725 sections 3.11 and 3.12).

mod known;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use latchkey_verifier::{ErrorKind, KeySet, Lifetime, NumericDate, Options, Verifier};
use serde::{Deserialize, Serialize};

use self::known::{Fingerprint, KnownTokens};
use super::clock::{CLOCK_SKEW, Timestamp};
use super::encoding::base64url;
use super::entropy::{Entropy, random_bytes};
use super::ids::{SessionId, UserId};
use super::keyring::KeyView;
use super::session::TokenHash;
use super::sha256::sha256;
use super::signer::{SignError, Signer, TokenType};
use super::status::StatusIndex;
use crate::config;

/// The `client_id` of every access token: there is one client, the service's own users'.
/// It is a public one (RFC 6749 section 2.1), without a secret.
pub const CLIENT_ID: &str = "latchkey";

/// What the configuration says about tokens.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// The `iss` claim.
    pub issuer: String,
    /// Under which URL clients reach the service, without a slash at its end.
    pub public_url: String,
    /// The `aud` claim of access tokens, if they have one.
    pub audience: Option<String>,
    /// How long an access token is good.
    pub access_ttl: Duration,
    /// How long a refresh token is good.
    pub refresh_ttl: Duration,
    /// For how long a refresh token that was just used gives the same successor again.
    pub refresh_grace: Duration,
    /// When a session ends whatever happens, counted from the sign-in.
    pub session_max_age: Duration,
}

impl TokenRules {
    /// Reads the `[tokens]` section. `issuer` and `public_url` are given since they may
    /// depend on the address that is listened on.
    #[must_use]
    pub fn new(issuer: String, public_url: &str, tokens: &config::Tokens) -> Self {
        Self {
            issuer,
            public_url: public_url.to_owned(),
            audience: tokens.audience.clone(),
            access_ttl: tokens.access_ttl,
            refresh_ttl: tokens.refresh_ttl,
            refresh_grace: tokens.refresh_grace,
            session_max_age: tokens.session_max_age(),
        }
    }

    /// Where a status list is, and what it is called: its `sub` claim.
    #[must_use]
    pub fn status_list_uri(&self, list: u32) -> String {
        format!("{}/status-lists/{list}", self.public_url)
    }
}

/// Whose token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The `sub` claim.
    pub user: UserId,
    /// The `sid` claim.
    pub session: SessionId,
}

/// A refresh token that was just made.
pub struct IssuedRefresh {
    /// The token.
    pub token: String,
    /// What is stored of it.
    pub hash: TokenHash,
    /// Its `exp`.
    pub expires_at: Timestamp,
}

/// Shows no token.
impl fmt::Debug for IssuedRefresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedRefresh")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// What a token says of itself, its signature and its claims being right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFacts {
    /// Whether it is an access or a refresh token.
    pub kind: Kind,
    /// Whose it is.
    pub subject: Subject,
    /// The `jti` claim.
    pub id: String,
    /// The `iat` claim.
    pub issued_at: Timestamp,
    /// The `exp` claim.
    pub expires_at: Timestamp,
}

/// A refresh token whose signature and claims are right. Whether it is good still is for
/// the database to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentedRefresh {
    /// What it says.
    pub facts: TokenFacts,
    /// What is stored of it.
    pub hash: TokenHash,
}

/// Makes tokens and reads them.
#[derive(Debug)]
pub struct Tokens {
    rules: TokenRules,
    verifiers: ArcSwap<Verifiers>,
}

/// The expectations, with the keys that were in use last: what has been learnt of tokens
/// and their headers is kept for as long as the keys are, and not an instant longer.
#[derive(Debug)]
struct Verifiers {
    access: Verifier,
    refresh: Verifier,
    /// Access tokens that `access` has verified. No refresh tokens: each is shown once.
    known: KnownTokens,
}

/// The claims of an access token (RFC 9068 section 2.2).
#[derive(Serialize)]
struct AccessClaims<'a> {
    iss: &'a str,
    sub: UserId,
    exp: i64,
    iat: i64,
    jti: &'a str,
    sid: SessionId,
    client_id: &'static str,
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<StatusClaim>,
}

/// The `status` claim (draft-ietf-oauth-status-list section 6.1).
#[derive(Serialize)]
struct StatusClaim {
    status_list: Reference,
}

#[derive(Serialize)]
struct Reference {
    idx: u32,
    uri: String,
}

#[derive(Serialize)]
struct RefreshClaims<'a> {
    iss: &'a str,
    sub: UserId,
    exp: i64,
    iat: i64,
    jti: &'a str,
    sid: SessionId,
    #[serde(rename = "type")]
    kind: Kind,
}

/// What is read back beside what the verifier has looked at.
#[derive(Deserialize)]
struct ReadClaims {
    sub: UserId,
    exp: i64,
    iat: i64,
    jti: String,
    sid: SessionId,
    #[serde(rename = "type")]
    kind: Kind,
}

/// The `type` claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An access token.
    Access,
    /// A refresh token.
    Refresh,
}

impl Tokens {
    /// Tokens by these rules.
    #[must_use]
    pub fn new(rules: TokenRules) -> Self {
        let options = |token_type: TokenType, audience: Option<&String>, ahead| Options {
            issuer: Some(rules.issuer.clone()),
            audience: audience.map(|audience| vec![audience.clone()]),
            typ: Some(token_type.typ().to_owned()),
            issued_ahead: ahead,
            required_claims: ["sub", "iat", "jti", "sid", "type"]
                .map(str::to_owned)
                .to_vec(),
            ..Options::default()
        };
        // The instance that issued it may have a clock that is ahead.
        let access = options(TokenType::Access, rules.audience.as_ref(), CLOCK_SKEW);
        // Of any time: whether it is good the database knows, and a clock that is set back
        // an hour must not sign out everybody for an hour.
        let refresh = options(TokenType::Refresh, None, Duration::MAX);
        Self {
            rules,
            verifiers: ArcSwap::from_pointee(Verifiers {
                access: Verifier::new(KeySet::new(), access),
                refresh: Verifier::new(KeySet::new(), refresh),
                known: KnownTokens::new(),
            }),
        }
    }

    /// The rules.
    #[must_use]
    pub const fn rules(&self) -> &TokenRules {
        &self.rules
    }

    /// An access token for `subject` that is good until `expires_at`, whose session has
    /// the place `status`.
    ///
    /// # Errors
    ///
    /// [`SignError`], which is a fault of ours.
    pub fn issue_access(
        &self,
        signer: &Signer,
        subject: Subject,
        now: Timestamp,
        expires_at: Timestamp,
        status: Option<StatusIndex>,
        entropy: &dyn Entropy,
    ) -> Result<String, SignError> {
        let claims = AccessClaims {
            iss: &self.rules.issuer,
            sub: subject.user,
            exp: expires_at.as_seconds(),
            iat: now.as_seconds(),
            jti: &random_id(entropy),
            sid: subject.session,
            client_id: CLIENT_ID,
            kind: Kind::Access,
            aud: self.rules.audience.as_deref(),
            status: status.map(|index| StatusClaim {
                status_list: Reference {
                    idx: index.offset(),
                    uri: self.rules.status_list_uri(index.list()),
                },
            }),
        };
        signer.sign(TokenType::Access, &claims)
    }

    /// A refresh token for `subject` that is good until `expires_at`.
    ///
    /// # Errors
    ///
    /// [`SignError`], which is a fault of ours.
    pub fn issue_refresh(
        &self,
        signer: &Signer,
        subject: Subject,
        now: Timestamp,
        expires_at: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<IssuedRefresh, SignError> {
        let jti = random_id(entropy);
        let claims = RefreshClaims {
            iss: &self.rules.issuer,
            sub: subject.user,
            exp: expires_at.as_seconds(),
            iat: now.as_seconds(),
            jti: &jti,
            sid: subject.session,
            kind: Kind::Refresh,
        };
        Ok(IssuedRefresh {
            token: signer.sign(TokenType::Refresh, &claims)?,
            hash: hash(&jti),
            expires_at: Timestamp::from_seconds(expires_at.as_seconds()),
        })
    }

    /// Reads an access token. One that was found good with the same keys before is only
    /// asked whether it still is.
    ///
    /// # Errors
    ///
    /// [`Refused`] when it is not one of ours that is good at `now`.
    pub fn read_access(
        &self,
        keys: &KeyView,
        token: &str,
        now: Timestamp,
    ) -> Result<TokenFacts, Refused> {
        let verifiers = self.verifiers(keys);
        let fingerprint = Fingerprint::of(token);
        if let Some(known) = verifiers.known.find(fingerprint) {
            verifiers
                .access
                .check_lifetime(&known.lifetime, date(now))?;
            return Ok(known.facts.clone());
        }
        let (claims, lifetime) = read(&verifiers.access, token, now, Kind::Access)?;
        let facts = claims.facts();
        verifiers.known.keep(fingerprint, facts.clone(), lifetime);
        Ok(facts)
    }

    /// Reads a refresh token.
    ///
    /// # Errors
    ///
    /// [`Refused`] when it is not one of ours that is good at `now`.
    pub fn read_refresh(
        &self,
        keys: &KeyView,
        token: &str,
        now: Timestamp,
    ) -> Result<PresentedRefresh, Refused> {
        let verifiers = self.verifiers(keys);
        let (claims, _) = read(&verifiers.refresh, token, now, Kind::Refresh)?;
        Ok(PresentedRefresh {
            hash: hash(&claims.jti),
            facts: claims.facts(),
        })
    }

    /// The expectations with the keys of a view: of that one, also while another thread
    /// reads a token by an older view.
    fn verifiers(&self, keys: &KeyView) -> Guard<Arc<Verifiers>> {
        let keys = keys.verifying();
        let known = self.verifiers.load();
        if Arc::ptr_eq(known.access.keys(), keys) {
            return known;
        }
        let verifiers = Arc::new(Verifiers {
            access: known.access.with_keys(Arc::clone(keys)),
            refresh: known.refresh.with_keys(Arc::clone(keys)),
            known: KnownTokens::new(),
        });
        self.verifiers.store(Arc::clone(&verifiers));
        Guard::from_inner(verifiers)
    }
}

impl ReadClaims {
    fn facts(self) -> TokenFacts {
        TokenFacts {
            kind: self.kind,
            subject: Subject {
                user: self.sub,
                session: self.sid,
            },
            id: self.jti,
            issued_at: Timestamp::from_seconds(self.iat),
            expires_at: Timestamp::from_seconds(self.exp),
        }
    }
}

fn read(
    verifier: &Verifier,
    token: &str,
    now: Timestamp,
    kind: Kind,
) -> Result<(ReadClaims, Lifetime), Refused> {
    let verified = verifier.verify(token, date(now))?;
    let claims: ReadClaims = verified.deserialize()?;
    if claims.kind != kind {
        return Err(Refused::WrongKind);
    }
    Ok((claims, verified.claims.lifetime()))
}

const fn date(instant: Timestamp) -> NumericDate {
    NumericDate::from_millis(instant.as_millis())
}

/// Why a token is refused. For the log: a client learns no more than that it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// What the verifier says.
    #[error("{} ({})", .0, .0.code())]
    Verifier(#[from] latchkey_verifier::VerifierError),
    /// The `type` claim is that of another kind of token.
    #[error("the `type` claim is that of another kind of token")]
    WrongKind,
}

impl Refused {
    /// Whether the token names a key that is not known (yet).
    #[must_use]
    pub fn is_unknown_key(&self) -> bool {
        matches!(self, Self::Verifier(error) if error.kind() == ErrorKind::UnknownKey)
    }
}

/// 128 random bits as text (RFC 9700 section 4.14.2 wants refresh tokens unguessable).
fn random_id(entropy: &dyn Entropy) -> String {
    base64url(&random_bytes::<16>(entropy))
}

fn hash(jti: &str) -> TokenHash {
    TokenHash(sha256(&[jti.as_bytes()]))
}

#[cfg(test)]
mod tests;
