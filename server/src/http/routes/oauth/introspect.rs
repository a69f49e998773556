//! POST `/oauth/introspect` (RFC 7662): what a token is good for now, for a resource
//! server that cannot or does not want to verify it by itself.

use schemars::JsonSchema;
use serde::Serialize;
use warp::http::StatusCode;
use warp::reply::Response;

use super::{CLIENT, CLIENT_SECRET, Request, TOKEN, TOKEN_TYPE_HINT, answered_by};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::tokens::{CLIENT_ID, Kind, TokenFacts, TokenRules};
use crate::http::error::{ApiError, Problem};
use crate::http::operation::{Endpoint, Operation, Token};
use crate::http::routes::bodies::json;
use crate::http::state::Shared;

/// What is said of a token (RFC 7662 section 2.2).
///
/// There is no `username`: the one thing that could stand there is an e-mail address, and
/// who a user is to a resource server is `sub`. There is no `scope`, since tokens have none.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Introspection")]
struct Introspection<'a> {
    /// Whether the token is good and its session alive. If not, nothing else is said.
    active: bool,
    #[serde(flatten)]
    facts: Option<Facts<'a>>,
}

/// What is said of a token that is good.
#[derive(Serialize, JsonSchema)]
struct Facts<'a> {
    iss: &'a str,
    /// The user.
    #[schemars(with = "String", extend("format" = "uuid"))]
    sub: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    aud: Option<&'a str>,
    /// When it expires, in seconds since 1970.
    exp: i64,
    /// When it was issued, in seconds since 1970.
    iat: i64,
    jti: String,
    /// The session.
    #[schemars(with = "String", extend("format" = "uuid"))]
    sid: SessionId,
    client_id: &'static str,
    /// Whether it is an access or a refresh token.
    #[serde(rename = "type")]
    #[schemars(with = "String", extend("enum" = ["access", "refresh"]))]
    kind: Kind,
    /// How an access token is used. A refresh token has none: no resource server may take
    /// it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("enum" = ["bearer"]))]
    token_type: Option<&'static str>,
}

impl<'a> Facts<'a> {
    fn new(facts: TokenFacts, rules: &'a TokenRules) -> Self {
        let is_access = facts.kind == Kind::Access;
        Self {
            iss: &rules.issuer,
            sub: facts.subject.user,
            aud: rules.audience.as_deref().filter(|_| is_access),
            exp: facts.expires_at.as_seconds(),
            iat: facts.issued_at.as_seconds(),
            jti: facts.id,
            sid: facts.subject.session,
            client_id: CLIENT_ID,
            kind: facts.kind,
            token_type: is_access.then_some("bearer"),
        }
    }
}

pub(crate) fn introspect(operation: Operation, state: &Shared) -> Endpoint {
    let operation = operation
        .named("oauth_introspect", "What a token is good for (RFC 7662)")
        .client(Token::Client)
        .form(const { &[TOKEN, TOKEN_TYPE_HINT, CLIENT, CLIENT_SECRET] })
        .answer::<Introspection<'_>>(StatusCode::OK, "What the token is good for now.");
    answered_by(operation, state, tell)
}

async fn tell(state: Shared, request: Request) -> Result<Response, ApiError> {
    if request.client.is_none() {
        return Err(Problem::InvalidClient.into());
    }
    let token = request.required(&TOKEN)?;
    let facts = state.sessions.introspect(token, request.cx.now).await?;
    Ok(json(&Introspection {
        active: facts.is_some(),
        facts: facts.map(|facts| Facts::new(facts, state.sessions.rules())),
    }))
}
