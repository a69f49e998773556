//! Error answers: the only place where a problem becomes a status.
//!
//! Every error has one shape, `application/problem+json` (RFC 9457), with two members of
//! our own: `code`, a stable machine word that is also the last part of `type`, and `msg`,
//! which repeats `detail` for clients of the predecessor. What went wrong inside is
//! logged, once and with the request's id, and never sent.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;
use warp::http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use warp::http::{Response as HttpResponse, StatusCode};
use warp::reply::{Reply, Response};

use super::oauth_error::Complaint;
use super::rate_limit;
use crate::domain::error::{Error, Violation};
use crate::domain::throttle::Refusal;
use crate::storage::{Source, StorageError};

/// Declares [`Problem`] as a table: variant, status, code and message of each.
macro_rules! problems {
    ($($(#[$doc:meta])* $variant:ident => $status:ident, $code:literal, $msg:literal;)*) => {
        /// Everything that an answer can complain about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Problem {
            $($(#[$doc])* $variant,)*
        }

        impl Problem {
            /// Every problem, in the order of the table.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The status of the answer.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// The stable machine word.
            pub(crate) const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What it says when there is nothing more special to say.
            pub(crate) const fn message(self) -> &'static str {
                match self { $(Self::$variant => $msg,)* }
            }
        }
    };
}

problems! {
    /// Sign-up with an address that another account has.
    EmailTaken => BAD_REQUEST, "email_taken", "Email already registered";
    /// A token in more than one place (RFC 6750 section 3.1).
    InvalidRequest => BAD_REQUEST, "invalid_request", "Send the token once, in one place";
    /// No `Host`, or several (RFC 9112 section 3.2).
    InvalidHost => BAD_REQUEST, "invalid_host", "Send exactly one Host header";
    /// A form that cannot be read.
    InvalidForm => BAD_REQUEST, "invalid_form", "The form could not be read";
    /// More than one cookie under the name of ours.
    SeveralCookies => BAD_REQUEST, "several_cookies", "The browser sends several cookies named latchkey: delete the cookies of this host, then sign in again";
    /// A body that is no JSON.
    InvalidJson => BAD_REQUEST, "invalid_json", "The request body is not valid JSON";
    /// Nothing that could be a credential.
    AuthorizationRequired => UNAUTHORIZED, "authorization_required", "Authorization header required";
    /// Sign-in with an unknown address or a wrong password.
    InvalidCredentials => UNAUTHORIZED, "invalid_credentials", "Invalid email or password";
    /// A bad, expired or ended access token.
    InvalidToken => UNAUTHORIZED, "invalid_token", "Invalid or expired access token";
    /// A bad, expired, used or ended refresh token.
    InvalidRefreshToken => UNAUTHORIZED, "invalid_refresh_token", "Invalid or expired refresh token";
    /// A client that is named in more than one way (RFC 6749 section 2.3).
    AmbiguousClient => BAD_REQUEST, "ambiguous_client", "Name the client once, in one way";
    /// A refresh token that is bad, expired, used or ended, at the token endpoint
    /// (RFC 6749 section 5.2, as the next three).
    InvalidGrant => BAD_REQUEST, "invalid_grant", "Invalid or expired refresh token";
    /// A way to get tokens that is not there.
    UnsupportedGrantType => BAD_REQUEST, "unsupported_grant_type", "The only grant_type is refresh_token";
    /// More than was granted.
    InvalidScope => BAD_REQUEST, "invalid_scope", "Tokens have no scope, and none can be asked for";
    /// A client that is not the one that tokens are issued to.
    UnauthorizedClient => BAD_REQUEST, "unauthorized_client", "The token was issued to another client";
    /// Missing or wrong credentials of a client (RFC 6749 section 5.2).
    InvalidClient => UNAUTHORIZED, "invalid_client", "Client authentication failed";
    /// The right password of a disabled account.
    UserDisabled => FORBIDDEN, "user_disabled", "This account is disabled";
    /// A wrong current password of a signed-in user.
    WrongPassword => FORBIDDEN, "wrong_password", "The current password is wrong";
    /// The form of a page, sent from a page of another site.
    CrossSite => FORBIDDEN, "cross_site", "This form was sent from another site";
    /// A path that does not exist.
    NotFound => NOT_FOUND, "not_found", "There is nothing at this path";
    /// A session that the user does not have.
    SessionNotFound => NOT_FOUND, "session_not_found", "There is no such session";
    /// A method that the path does not have.
    MethodNotAllowed => METHOD_NOT_ALLOWED, "method_not_allowed", "This path does not support the request method";
    /// The client took too long to send its request.
    RequestTimeout => REQUEST_TIMEOUT, "request_timeout", "The request body took too long to arrive";
    /// Another service's table points at the user.
    UserReferenced => CONFLICT, "user_referenced", "Other data still refers to this account";
    /// A body beyond the limit.
    BodyTooLarge => PAYLOAD_TOO_LARGE, "body_too_large", "The request body is too large";
    /// A body that does not say that it is JSON.
    UnsupportedMediaType => UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Send the request body as application/json";
    /// A body that does not say that it is a form.
    FormExpected => UNSUPPORTED_MEDIA_TYPE, "form_expected", "Send the request body as application/x-www-form-urlencoded";
    /// A body whose fields do not fit.
    ValidationFailed => UNPROCESSABLE_ENTITY, "validation_failed", "The request body does not fit";
    /// More tries than are allowed (RFC 6585 section 4).
    TooManyRequests => TOO_MANY_REQUESTS, "too_many_requests", "Too many tries, wait before the next one";
    /// A fault of ours.
    InternalError => INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong on our side";
    /// As many passwords as may wait are waiting to be hashed.
    Overloaded => SERVICE_UNAVAILABLE, "overloaded", "Too much to do right now, try again shortly";
    /// The database cannot be used.
    DatabaseUnavailable => SERVICE_UNAVAILABLE, "database_unavailable", "The database is not available, try again shortly";
    /// The answer took too long.
    Timeout => SERVICE_UNAVAILABLE, "timeout", "The answer took too long, try again shortly";
}

/// Seconds after which a client may try again when the service could not keep up.
const RETRY_AFTER_SECONDS: u16 = 1;

impl Problem {
    /// The `WWW-Authenticate` challenge that goes with it (RFC 6750 section 3): without
    /// an error code when nothing was presented that could be wrong.
    const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::AuthorizationRequired | Self::InvalidCredentials => {
                Some(r#"Bearer realm="latchkey""#)
            }
            Self::InvalidClient => Some(r#"Basic realm="latchkey""#),
            Self::InvalidRequest => Some(
                r#"Bearer realm="latchkey", error="invalid_request", error_description="Send the token once, in one place""#,
            ),
            Self::InvalidToken => Some(
                r#"Bearer realm="latchkey", error="invalid_token", error_description="Invalid or expired access token""#,
            ),
            Self::InvalidRefreshToken => Some(
                r#"Bearer realm="latchkey", error="invalid_token", error_description="Invalid or expired refresh token""#,
            ),
            _ => None,
        }
    }

    /// Whether it means that the rest of the request's body is not read, after which the
    /// connection is of no more use.
    const fn leaves_a_body(self) -> bool {
        matches!(self, Self::BodyTooLarge | Self::RequestTimeout)
    }
}

/// An error on its way to become an answer.
#[derive(Debug)]
pub(crate) struct ApiError {
    problem: Problem,
    violations: Vec<Violation>,
    /// What has run out, and for how long.
    refusal: Option<Refusal>,
    /// What went wrong inside; for the log.
    cause: Option<Source>,
}

impl ApiError {
    /// The body's fields do not fit, in these ways.
    pub(crate) fn invalid(violations: Vec<Violation>) -> Self {
        Self {
            violations,
            ..Problem::ValidationFailed.into()
        }
    }

    /// A fault of ours with `cause`, which is logged and not sent.
    pub(crate) fn internal(cause: impl Into<Source>) -> Self {
        Problem::InternalError.because(cause.into())
    }

    /// The kind of problem.
    pub(crate) fn problem(&self) -> Problem {
        self.problem
    }

    /// The values that do not fit.
    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The same answer with a page in the place of the problem document.
    pub(crate) fn with_page(&self, content_type: &'static str, page: String) -> Response {
        self.answer(content_type, page.into_bytes())
    }

    /// What the answer says in words.
    pub(crate) fn detail(&self) -> Cow<'static, str> {
        if self.violations.is_empty() {
            return Cow::Borrowed(self.problem.message());
        }
        let described: Vec<String> = self
            .violations
            .iter()
            .map(|violation| format!("{}: {}", violation.field, violation.message))
            .collect();
        Cow::Owned(described.join("; "))
    }

    /// Logs what went wrong, and gives the answer with this body.
    fn answer(&self, content_type: &'static str, body: Vec<u8>) -> Response {
        self.log();
        let mut response = HttpResponse::new(body).into_response();
        *response.status_mut() = self.problem.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(challenge) = self.problem.challenge() {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if self.problem.leaves_a_body() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if self.problem.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS.into());
        }
        if let Some(refusal) = &self.refusal {
            rate_limit::describe(refusal, headers);
        }
        response
    }

    fn log(&self) {
        let Some(cause) = &self.cause else { return };
        if self.problem == Problem::InternalError {
            tracing::error!(code = self.problem.code(), "{cause}");
        } else {
            tracing::warn!(code = self.problem.code(), "{cause}");
        }
    }
}

impl Problem {
    fn because(self, cause: Source) -> ApiError {
        ApiError {
            cause: Some(cause),
            ..self.into()
        }
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            violations: Vec::new(),
            refusal: None,
            cause: None,
        }
    }
}

/// What each failure of a use case is to a client.
impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(violations) => Self::invalid(violations),
            Error::EmailTaken => Problem::EmailTaken.into(),
            Error::InvalidCredentials => Problem::InvalidCredentials.into(),
            Error::UserDisabled => Problem::UserDisabled.into(),
            Error::WrongPassword => Problem::WrongPassword.into(),
            Error::InvalidAccessToken => Problem::InvalidToken.into(),
            Error::InvalidRefreshToken => Problem::InvalidRefreshToken.into(),
            Error::InvalidClient => Problem::InvalidClient.into(),
            Error::SessionNotFound => Problem::SessionNotFound.into(),
            Error::UserReferenced => Problem::UserReferenced.into(),
            Error::Throttled(refusal) => Self {
                refusal: Some(refusal),
                ..Problem::TooManyRequests.into()
            },
            Error::Overloaded => Problem::Overloaded.into(),
            Error::Storage(cause) => match cause {
                StorageError::Unavailable(_) => Problem::DatabaseUnavailable.because(cause.into()),
                // Conflicts that no use case expects are as much our fault as the rest.
                StorageError::EmailTaken
                | StorageError::UserReferenced
                | StorageError::PlaceTaken
                | StorageError::Failed(_) => Self::internal(cause),
            },
            Error::Internal(cause) => Self::internal(cause),
        }
    }
}

/// The body of every error answer.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemBody<'a> {
    /// Identifies the kind of problem; the last part is `code`.
    #[serde(rename = "type")]
    #[schemars(extend("format" = "uri-reference"))]
    kind: String,
    /// The kind of problem in words.
    title: &'a str,
    /// The HTTP status.
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// This occurrence in words.
    detail: &'a str,
    /// The kind of problem as a stable machine word.
    code: &'a str,
    /// The same as `detail`.
    msg: &'a str,
    /// For `validation_failed`: every value that does not fit.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schemars(default)]
    errors: &'a [FieldProblem<'a>],
}

/// One value that does not fit.
#[derive(Serialize, JsonSchema)]
struct FieldProblem<'a> {
    /// The name of the field; `body` for the body as a whole.
    field: &'a str,
    /// The rule that it breaks, as a stable machine word.
    code: &'a str,
    /// What to do about it.
    message: &'a str,
}

impl Reply for ApiError {
    fn into_response(self) -> Response {
        let detail = self.detail();
        let errors: Vec<FieldProblem<'_>> = self
            .violations
            .iter()
            .map(|violation| FieldProblem {
                field: violation.field,
                code: violation.code,
                message: &violation.message,
            })
            .collect();
        let body = ProblemBody {
            kind: format!("/problems/{}", self.problem.code()),
            title: self.problem.message(),
            status: self.problem.status().as_u16(),
            detail: &detail,
            code: self.problem.code(),
            msg: &detail,
            errors: &errors,
        };
        // Strings and numbers under fixed names: there is nothing that could fail.
        let json = serde_json::to_vec(&body).unwrap_or_default();

        let mut response = self.answer("application/problem+json", json);
        let complaint = Complaint {
            problem: self.problem,
            detail: detail.into_owned(),
        };
        response.extensions_mut().insert(complaint);
        response
    }
}

impl Reply for Problem {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    use super::*;

    async fn sent(error: ApiError) -> (Response, Value) {
        let (parts, body) = error.into_response().into_parts();
        let bytes = body.collect().await.expect("a body in memory").to_bytes();
        let json = serde_json::from_slice(&bytes).expect("JSON");
        (Response::from_parts(parts, Vec::new().into()), json)
    }

    #[tokio::test]
    async fn has_the_members_of_rfc_9457_and_ours() {
        let (response, body) = sent(Error::EmailTaken.into()).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            body,
            json!({
                "type": "/problems/email_taken",
                "title": "Email already registered",
                "status": 400,
                "detail": "Email already registered",
                "code": "email_taken",
                "msg": "Email already registered",
            })
        );
    }

    #[tokio::test]
    async fn joins_what_does_not_fit() {
        let violation = |field, message: &str| Violation {
            field,
            code: "too_short",
            message: message.to_owned(),
        };
        let error = Error::Invalid(vec![violation("name", "a"), violation("age", "b")]);
        let (response, body) = sent(error.into()).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(body["msg"], "name: a; age: b");
        assert_eq!(body["detail"], body["msg"]);
        assert_eq!(
            body["errors"][1],
            json!({"field": "age", "code": "too_short", "message": "b"})
        );
    }

    #[tokio::test]
    async fn shows_nothing_of_the_inside() {
        for cause in [
            StorageError::Failed("no such table: users".into()),
            StorageError::Unavailable("/var/lib/users.db: disk full".into()),
        ] {
            let (_, body) = sent(Error::Storage(cause).into()).await;
            let text = body.to_string();
            assert!(!text.contains("users"), "{text}");
        }
    }

    #[tokio::test]
    async fn says_when_to_come_back_and_how_to_sign_in() {
        let (busy, _) = sent(Error::Overloaded.into()).await;
        assert_eq!(busy.headers()[RETRY_AFTER], "1");
        let (bare, _) = sent(Problem::AuthorizationRequired.into()).await;
        assert_eq!(
            bare.headers()[WWW_AUTHENTICATE],
            r#"Bearer realm="latchkey""#
        );
        let (bad, _) = sent(Problem::InvalidToken.into()).await;
        let challenge = bad.headers()[WWW_AUTHENTICATE].to_str().expect("ASCII");
        assert!(
            challenge.contains(r#"error="invalid_token""#),
            "{challenge}"
        );
    }

    #[tokio::test]
    async fn says_what_has_run_out_and_until_when() {
        let refusal = Refusal {
            limit: crate::domain::throttle::Limit::Address,
            wait: std::time::Duration::from_millis(35_001),
            quota: 100,
            window: Some(std::time::Duration::from_secs(3600)),
        };
        let (response, body) = sent(Error::Throttled(refusal).into()).await;
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(body["code"], "too_many_requests");
        let headers = response.headers();
        assert_eq!(headers[RETRY_AFTER], "36");
        assert_eq!(headers["ratelimit"], r#""address";r=0;t=36"#);
        assert_eq!(headers["ratelimit-policy"], r#""address";q=100;w=3600"#);
    }

    #[test]
    fn codes_are_unique_words_and_every_401_has_a_challenge() {
        for (index, problem) in Problem::ALL.iter().enumerate() {
            let code = problem.code();
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            let later = &Problem::ALL[index + 1..];
            assert!(later.iter().all(|other| other.code() != code), "{code}");
            if problem.status() == StatusCode::UNAUTHORIZED {
                assert!(problem.challenge().is_some(), "{code}");
            }
        }
    }
}
