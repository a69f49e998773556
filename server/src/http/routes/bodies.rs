//! What answers look like.

use schemars::JsonSchema;
use serde::Serialize;
use warp::reply::{self, Reply, Response};

use crate::domain::clock::Timestamp;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::session::Session;
use crate::domain::sessions::TokenPair;
use crate::domain::user::User;

/// A user.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub(super) struct UserBody {
    #[schemars(with = "String", extend("format" = "uuid"))]
    user_id: UserId,
    name: String,
    /// The address as its owner typed it, trimmed and in NFC.
    #[schemars(extend("format" = "idn-email"))]
    email: String,
    #[schemars(range(min = 1, max = 150))]
    age: Option<u8>,
    #[schemars(with = "String", extend("format" = "date-time"))]
    created_at: Timestamp,
    #[schemars(with = "String", extend("format" = "date-time"))]
    updated_at: Timestamp,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            user_id: user.id,
            name: user.name,
            email: user.email,
            age: user.age,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// The tokens of a session.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Tokens")]
pub(super) struct TokensBody {
    access_token: String,
    refresh_token: String,
    token_type: TokenType,
    /// For how many seconds the access token is good.
    expires_in: u64,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum TokenType {
    Bearer,
}

impl From<TokenPair> for TokensBody {
    fn from(pair: TokenPair) -> Self {
        Self {
            access_token: pair.access_token,
            refresh_token: pair.refresh_token,
            token_type: TokenType::Bearer,
            expires_in: pair.expires_in,
        }
    }
}

/// A session of the user.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub(super) struct SessionBody {
    #[schemars(with = "String", extend("format" = "uuid"))]
    session_id: SessionId,
    #[schemars(with = "String", extend("format" = "date-time"))]
    created_at: Timestamp,
    #[schemars(with = "String", extend("format" = "date-time"))]
    last_used_at: Timestamp,
    /// When it ends if it is not refreshed.
    #[schemars(with = "String", extend("format" = "date-time"))]
    expires_at: Timestamp,
    /// The client's address at the last use.
    ip: Option<String>,
    /// The client's `User-Agent` at the last use.
    user_agent: Option<String>,
    /// Whether it is the session of the request's own token.
    current: bool,
}

impl SessionBody {
    pub(super) fn new(session: Session, current: SessionId) -> Self {
        Self {
            session_id: session.id,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
            ip: session.address.map(|address| address.to_string()),
            user_agent: session.user_agent,
            current: session.id == current,
        }
    }
}

/// JSON as an answer.
pub(super) fn json(body: &impl Serialize) -> Response {
    reply::json(body).into_response()
}
