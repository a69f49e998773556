//! Request bodies: JSON or a form, of a bounded size, that arrives in bounded time.
//!
//! The filter only takes the stream. It is read when the handler asks, after it has seen
//! to it that whoever sends the body may send one.

use std::pin::Pin;

use futures_util::{Stream, StreamExt, TryStreamExt};
use tokio::time::timeout_at;
use warp::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use warp::{Buf, Filter, Rejection};
use zeroize::Zeroizing;

use super::error::{ApiError, Problem};
use super::gate::BodyDeadline;

type BodyStream = Pin<Box<dyn Stream<Item = Result<Vec<u8>, warp::Error>> + Send>>;

/// A request's body that nobody has read yet.
pub(crate) struct Body {
    stream: BodyStream,
    kind: Kind,
    announced: Option<u64>,
    limit: u64,
    deadline: Option<BodyDeadline>,
}

/// What the content type says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// Anything else, or nothing.
    Other,
}

/// Extracts a [`Body`] of at most `limit` bytes.
pub(crate) fn body(limit: u64) -> impl Filter<Extract = (Body,), Error = Rejection> + Clone {
    warp::header::headers_cloned()
        .and(warp::ext::optional::<BodyDeadline>())
        .and(warp::body::stream())
        .map(move |headers: HeaderMap, deadline, stream| Body {
            stream: boxed(stream),
            kind: kind(&headers),
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
    /// [`Problem::RequestTimeout`], [`Problem::InvalidJson`] when it breaks off, or
    /// [`Problem::Overloaded`] when there is no memory for it.
    pub(crate) async fn json(self) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        if self.kind != Kind::Json {
            return Err(Problem::UnsupportedMediaType.into());
        }
        self.read().await
    }

    /// The whole body, which must say that it is a form.
    ///
    /// # Errors
    ///
    /// [`Problem::FormExpected`], and those of [`json`](Self::json).
    pub(crate) async fn form(self) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        if self.kind != Kind::Form {
            return Err(Problem::FormExpected.into());
        }
        self.read().await
    }

    /// The same for a body that may be left out: `None` when it is empty.
    pub(crate) async fn json_if_any(self) -> Result<Option<Zeroizing<Vec<u8>>>, ApiError> {
        let kind = self.kind;
        let bytes = self.read().await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if kind != Kind::Json {
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
    let mut body = Zeroizing::new(Vec::new());
    body.try_reserve_exact(room.unwrap_or(1024).min(limit))
        .map_err(|_| Problem::Overloaded)?;
    while let Some(chunk) = stream.next().await {
        let chunk = Zeroizing::new(chunk.map_err(|_| Problem::InvalidJson)?);
        if body.len() + chunk.len() > limit {
            return Err(Problem::BodyTooLarge.into());
        }
        body.try_reserve(chunk.len())
            .map_err(|_| Problem::Overloaded)?;
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The kind of the body, which is in UTF-8 if the content type speaks of that at all.
fn kind(headers: &HeaderMap) -> Kind {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Kind::Other;
    };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    if !is_utf8 {
        Kind::Other
    } else if essence.eq_ignore_ascii_case("application/json") {
        Kind::Json
    } else if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Kind::Form
    } else {
        Kind::Other
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use warp::http::HeaderValue;

    use super::*;

    #[test]
    fn a_body_is_what_it_says() {
        let says = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(value));
            }
            kind(&headers)
        };
        for value in [
            "application/json",
            "Application/JSON",
            "application/json;charset=utf-8",
            "application/json; charset=\"UTF-8\"; x=y",
        ] {
            assert_eq!(says(&[value]), Kind::Json, "{value}");
        }
        for value in [
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded; charset=UTF-8",
        ] {
            assert_eq!(says(&[value]), Kind::Form, "{value}");
        }
        for value in [
            "",
            "text/plain",
            "application/jsonp",
            "application/json; charset=latin1",
            "application/x-www-form-urlencoded; charset=latin1",
            "multipart/form-data; boundary=x",
            "text/plain; application/json",
        ] {
            assert_eq!(says(&[value]), Kind::Other, "{value}");
        }
        assert_eq!(says(&[]), Kind::Other);
        assert_eq!(says(&["application/json", "text/plain"]), Kind::Other);
    }

    async fn read(chunks: &[&[u8]], announced: Option<u64>) -> Result<Vec<u8>, String> {
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok(chunk.to_vec())).collect();
        let body = Body {
            stream: Box::pin(stream::iter(chunks)),
            kind: Kind::Json,
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

    #[tokio::test]
    async fn a_body_for_which_there_is_no_memory_is_refused() {
        let body = Body {
            stream: Box::pin(stream::iter([Ok(b"1234".to_vec())])),
            kind: Kind::Json,
            announced: Some(1 << 62),
            limit: u64::MAX,
            deadline: None,
        };
        let refusal = body.json().await.expect_err("too much");
        assert_eq!(refusal.problem(), Problem::Overloaded);
    }
}
