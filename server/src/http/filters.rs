//! What handlers are given of a request: who calls, and the body.
//!
//! Neither filter rejects: a rejection says "not this route", and by then the route is
//! known. What is wrong with a request is the handler's to say, in its order.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;

use futures_util::{Stream, StreamExt, TryStreamExt};
use tokio::time::timeout_at;
use warp::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, USER_AGENT};
use warp::{Buf, Filter, Rejection};
use zeroize::Zeroizing;

use super::arrival::Arrival;
use super::error::{ApiError, Problem};
use super::gate::BodyDeadline;
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
        .map(|headers: HeaderMap, arrival: Option<Arrival>| Caller {
            authorization: Authorization::read(&headers),
            address: arrival.map(|arrival| arrival.client),
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
        })
}

impl Caller {
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

type BodyStream = Pin<Box<dyn Stream<Item = Result<Vec<u8>, warp::Error>> + Send>>;

/// A request's body that nobody has read yet.
pub(crate) struct Body {
    stream: BodyStream,
    is_json: bool,
    announced: Option<u64>,
    limit: u64,
    deadline: Option<BodyDeadline>,
}

/// Extracts a [`Body`] of at most `limit` bytes.
pub(crate) fn body(limit: u64) -> impl Filter<Extract = (Body,), Error = Rejection> + Clone {
    warp::header::headers_cloned()
        .and(warp::ext::optional::<BodyDeadline>())
        .and(warp::body::stream())
        .map(move |headers: HeaderMap, deadline, stream| Body {
            stream: boxed(stream),
            is_json: is_json(&headers),
            announced: headers
                .get(CONTENT_LENGTH)
                .and_then(|length| length.to_str().ok()?.parse().ok()),
            limit,
            deadline,
        })
}

fn boxed<S, C>(stream: S) -> BodyStream
where
    S: Stream<Item = Result<C, warp::Error>> + Send + 'static,
    C: Buf,
{
    Box::pin(stream.map_ok(|mut chunk| {
        let mut bytes = vec![0; chunk.remaining()];
        chunk.copy_to_slice(&mut bytes);
        bytes
    }))
}

impl Body {
    /// The whole body, which must say that it is JSON.
    ///
    /// # Errors
    ///
    /// [`Problem::UnsupportedMediaType`], [`Problem::BodyTooLarge`],
    /// [`Problem::RequestTimeout`], or [`Problem::InvalidJson`] when it breaks off.
    pub(crate) async fn json(self) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        if !self.is_json {
            return Err(Problem::UnsupportedMediaType.into());
        }
        self.read().await
    }

    /// The same for a body that may be left out: `None` when it is empty.
    pub(crate) async fn json_if_any(self) -> Result<Option<Zeroizing<Vec<u8>>>, ApiError> {
        let is_json = self.is_json;
        let bytes = self.read().await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if !is_json {
            return Err(Problem::UnsupportedMediaType.into());
        }
        Ok(Some(bytes))
    }

    async fn read(self) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        if self.announced.is_some_and(|length| length > self.limit) {
            return Err(Problem::BodyTooLarge.into());
        }
        let collected = collect(self.stream, self.limit, self.announced);
        match self.deadline {
            None => collected.await,
            Some(BodyDeadline(deadline)) => timeout_at(deadline, collected)
                .await
                .unwrap_or_else(|_| Err(Problem::RequestTimeout.into())),
        }
    }
}

async fn collect(
    mut stream: BodyStream,
    limit: u64,
    announced: Option<u64>,
) -> Result<Zeroizing<Vec<u8>>, ApiError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // Room for all of it keeps a growing buffer from leaving passwords behind.
    let room = announced.and_then(|length| usize::try_from(length).ok());
    let mut body = Zeroizing::new(Vec::with_capacity(room.unwrap_or(1024).min(limit)));
    while let Some(chunk) = stream.next().await {
        let chunk = Zeroizing::new(chunk.map_err(|_| Problem::InvalidJson)?);
        if body.len() + chunk.len() > limit {
            return Err(Problem::BodyTooLarge.into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whether the content type is `application/json`, in UTF-8 if it says so at all.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(value) = value.to_str() else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    if !parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
    {
        return false;
    }
    parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
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

    #[test]
    fn json_must_say_so() {
        let says = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(value));
            }
            is_json(&headers)
        };
        for value in [
            "application/json",
            "Application/JSON",
            "application/json;charset=utf-8",
            "application/json; charset=\"UTF-8\"; x=y",
        ] {
            assert!(says(&[value]), "{value}");
        }
        for value in [
            "",
            "text/plain",
            "application/jsonp",
            "application/json; charset=latin1",
            "application/x-www-form-urlencoded",
            "text/plain; application/json",
        ] {
            assert!(!says(&[value]), "{value}");
        }
        assert!(!says(&[]));
        assert!(!says(&["application/json", "text/plain"]));
    }

    async fn read(chunks: &[&[u8]], announced: Option<u64>) -> Result<Vec<u8>, String> {
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok(chunk.to_vec())).collect();
        let body = Body {
            stream: Box::pin(stream::iter(chunks)),
            is_json: true,
            announced,
            limit: 8,
            deadline: None,
        };
        match body.json().await {
            Ok(bytes) => Ok(bytes.to_vec()),
            Err(error) => Err(format!("{error:?}")),
        }
    }

    #[tokio::test]
    async fn the_limit_holds_with_and_without_an_announcement() {
        assert_eq!(
            read(&[b"1234", b"5678"], None).await,
            Ok(b"12345678".to_vec())
        );
        assert_eq!(
            read(&[b"12345678"], Some(8)).await,
            Ok(b"12345678".to_vec())
        );
        for (chunks, announced) in [
            (&[&b"1234"[..], b"56789"][..], None),
            (&[b"123456789"], Some(9)),
            (&[], Some(u64::MAX)),
        ] {
            let refusal = read(chunks, announced).await.expect_err("too large");
            assert!(refusal.contains("BodyTooLarge"), "{refusal}");
        }
    }
}
