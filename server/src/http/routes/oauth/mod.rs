//! `/oauth`: what OAuth 2.0 programs speak. The same use cases as the API's, in the words
//! of RFC 6749, 7009 and 7662.
//!
//! Tokens are issued to one client, `latchkey`, which is public: the application that
//! people sign in with. It may name itself by `client_id` and need not. The clients that
//! `latchkey client add` makes are resource servers (RFC 6749 section 1.1): they may ask
//! about tokens and get none.

pub(in crate::http) mod credentials;
pub(crate) mod introspect;
pub(crate) mod revoke;
pub(crate) mod token;

use serde_json::json;
use warp::Filter;
use warp::http::HeaderMap;

use self::credentials::Credentials;
use super::with;
use crate::domain::clients::Client;
use crate::domain::context::WriteContext;
use crate::domain::error::Violation;
use crate::domain::tokens::CLIENT_ID;
use crate::http::body::{Body, body};
use crate::http::caller::{Caller, caller};
use crate::http::error::{ApiError, Problem};
use crate::http::fields::Member;
use crate::http::form::Form;
use crate::http::operation::{Endpoint, Operation};
use crate::http::state::Shared;

/// The token that a request is about (RFC 7009 and 7662, section 2.1 of each).
const TOKEN: Member = Member {
    name: "token",
    required: true,
    schema: || {
        json!({
            "type": "string",
            "minLength": 1,
            "description": "An access or a refresh token.",
        })
    },
};

/// What the caller thinks that it is.
const TOKEN_TYPE_HINT: Member = Member {
    name: "token_type_hint",
    required: false,
    schema: || {
        json!({
            "type": "string",
            "description": "Not needed: what a token is can be seen by looking at it.",
        })
    },
};

/// Who asks.
const CLIENT: Member = Member {
    name: "client_id",
    required: false,
    schema: || {
        json!({
            "type": "string",
            "description": "The client, if `Authorization` does not name it.",
        })
    },
};

/// The proof of that.
const CLIENT_SECRET: Member = Member {
    name: "client_secret",
    required: false,
    schema: || {
        json!({
            "type": "string",
            "format": "password",
            "description": "The client's secret, if it is not in `Authorization`.",
        })
    },
};

/// A request at one of the endpoints.
struct Request {
    /// Who makes it; none for the public client.
    client: Option<Client>,
    form: Form,
    /// Where it comes from, and when.
    cx: WriteContext,
}

impl Request {
    /// Reads the form and finds out who sends it.
    async fn read(
        state: &Shared,
        caller: Caller,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Self, ApiError> {
        let form = Form::parse(&body.form().await?)?;
        let client = match Credentials::read(headers, &form)? {
            Credentials::None => None,
            Credentials::Id(id) if *id == *CLIENT_ID => None,
            Credentials::Id(_) => return Err(Problem::InvalidClient.into()),
            Credentials::Secret { id, secret } => {
                Some(state.clients.authenticate(&id, &secret).await?)
            }
        };
        Ok(Self {
            client,
            form,
            cx: caller.context(state.now()),
        })
    }

    /// The value of a parameter; one without a value is one that is not there (RFC 6749
    /// section 3.2).
    fn optional(&self, parameter: &Member) -> Option<&str> {
        Some(self.form.text(parameter.name)).filter(|value| !value.is_empty())
    }

    /// The value of a parameter that must be there.
    fn required(&self, parameter: &Member) -> Result<&str, ApiError> {
        self.optional(parameter).ok_or_else(|| {
            ApiError::invalid(vec![Violation {
                field: parameter.name,
                code: "missing",
                message: "is required".to_owned(),
            }])
        })
    }
}

/// Completes a declaration with the filter that hands the request to `handler`.
fn answered_by<H, F>(operation: Operation, state: &Shared, handler: H) -> Endpoint
where
    H: Fn(Shared, Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<warp::reply::Response, ApiError>> + Send,
{
    let limit = state.settings.max_body;
    operation.answered_by(|route| {
        route
            .and(with(state))
            .and(caller())
            .and(warp::header::headers_cloned())
            .and(body(limit))
            .then(
                move |state: Shared, caller: Caller, headers: HeaderMap, body: Body| {
                    let handler = handler.clone();
                    async move {
                        let request = Request::read(&state, caller, &headers, body).await?;
                        handler(state, request).await
                    }
                },
            )
    })
}
