//! Who calls: the token, the address, and what else a request says of its sender.
//!
//! The filter never rejects: a rejection says "not this route", and by then the route is
//! known. What is wrong with a request is the handler's to say.

use std::convert::Infallible;
use std::net::IpAddr;

use warp::Filter;
use warp::http::header::{AUTHORIZATION, HeaderMap, USER_AGENT};
use zeroize::Zeroizing;

use super::arrival::Arrival;
use super::error::{ApiError, Problem};
use super::request_id::X_REQUEST_ID;
use crate::domain::clock::Timestamp;
use crate::domain::context::{Actor, USER_AGENT_MAX, WriteContext};

/// Who calls, as far as the request says.
pub(crate) struct Caller {
    authorization: Authorization,
    address: Option<IpAddr>,
    user_agent: Option<String>,
    request_id: Option<String>,
}

/// What the `Authorization` header holds.
enum Authorization {
    /// Nothing, or nothing that we could read (RFC 6750 section 3.1, first paragraph).
    Absent,
    /// A bearer token.
    Bearer(Zeroizing<String>),
    /// More than one header.
    Repeated,
}

/// Extracts a [`Caller`].
pub(crate) fn caller() -> impl Filter<Extract = (Caller,), Error = Infallible> + Clone {
    warp::header::headers_cloned()
        .and(warp::ext::optional::<Arrival>())
        .map(|headers: HeaderMap, arrival: Option<Arrival>| {
            Caller::read(&headers, arrival.map(|arrival| arrival.client))
        })
}

impl Caller {
    /// Reads the headers of a request that came from `address`.
    pub(super) fn read(headers: &HeaderMap, address: Option<IpAddr>) -> Self {
        Self {
            authorization: Authorization::read(headers),
            address,
            user_agent: headers.get(USER_AGENT).map(|value| {
                String::from_utf8_lossy(value.as_bytes())
                    .chars()
                    .take(USER_AGENT_MAX)
                    .collect()
            }),
            request_id: headers
                .get(X_REQUEST_ID)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
        }
    }

    /// The bearer token, if there is one.
    ///
    /// # Errors
    ///
    /// [`Problem::InvalidRequest`] when there are several.
    pub(crate) fn bearer(&self) -> Result<Option<&str>, ApiError> {
        match &self.authorization {
            Authorization::Absent => Ok(None),
            Authorization::Bearer(token) => Ok(Some(token)),
            Authorization::Repeated => Err(Problem::InvalidRequest.into()),
        }
    }

    /// The bearer token of an operation that wants one.
    ///
    /// # Errors
    ///
    /// [`Problem::AuthorizationRequired`] when there is none, [`Problem::InvalidRequest`]
    /// when there are several.
    pub(crate) fn token(&self) -> Result<&str, ApiError> {
        self.bearer()?
            .ok_or_else(|| Problem::AuthorizationRequired.into())
    }

    /// The cause of a change that the request makes at `now`; nobody has signed in yet.
    pub(crate) fn context(self, now: Timestamp) -> WriteContext {
        WriteContext {
            actor: Actor::Anonymous,
            address: self.address,
            user_agent: self.user_agent,
            request_id: self.request_id,
            now,
        }
    }
}

impl Authorization {
    /// Reads the header. Tokens in the query string do not exist for us (RFC 9700
    /// section 4.3.2).
    fn read(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Self::Absent;
        };
        if values.next().is_some() {
            return Self::Repeated;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        let (scheme, token) = value.trim().split_once(' ').unwrap_or((&value, ""));
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
            return Self::Absent;
        }
        Self::Bearer(Zeroizing::new(token.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use warp::http::HeaderValue;

    use super::*;

    fn authorization(values: &[&str]) -> Result<Option<String>, ()> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
            headers.append(AUTHORIZATION, value);
        }
        match Authorization::read(&headers) {
            Authorization::Absent => Ok(None),
            Authorization::Bearer(token) => Ok(Some(token.to_string())),
            Authorization::Repeated => Err(()),
        }
    }

    #[test]
    fn the_scheme_has_no_case() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c "] {
            assert_eq!(
                authorization(&[value]),
                Ok(Some("a.b.c".to_owned())),
                "{value}"
            );
        }
    }

    #[test]
    fn other_schemes_are_no_credentials() {
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "Basic YTpi",
            "a.b.c",
            "Bearera.b.c",
        ] {
            assert_eq!(authorization(&[value]), Ok(None), "{value}");
        }
    }

    #[test]
    fn two_headers_are_one_too_many() {
        assert_eq!(authorization(&["Bearer a", "Bearer a"]), Err(()));
        assert_eq!(authorization(&["Basic YTpi", "Bearer a"]), Err(()));
    }
}
