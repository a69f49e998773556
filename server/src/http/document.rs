//! Documents that are made once and may be kept by caches: bytes, an entity tag, and how
//! long they are fresh.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use warp::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH,
};
use warp::http::{Response as HttpResponse, StatusCode};
use warp::reply::{Reply, Response};

use crate::domain::sha256::sha256;

/// The JSON media type.
pub(crate) const JSON: &str = "application/json";

/// A document in the form in which it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    body: Bytes,
    etag: HeaderValue,
    content_type: HeaderValue,
    cache_control: HeaderValue,
}

impl Document {
    /// A document that caches may keep for `max_age` seconds.
    pub(crate) fn new(body: impl Into<Bytes>, content_type: &'static str, max_age: u32) -> Self {
        let body = body.into();
        let hash = sha256(&[&body]);
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash[..16]));
        let text = |value: String| HeaderValue::try_from(value);
        Self {
            body,
            // An empty tag matches nothing, which is what a tag that cannot be sent is for.
            etag: text(etag).unwrap_or(HeaderValue::from_static("\"\"")),
            content_type: HeaderValue::from_static(content_type),
            cache_control: text(format!("public, max-age={max_age}"))
                .unwrap_or(HeaderValue::from_static("no-store")),
        }
    }

    /// A document that caches may keep if they ask each time whether it still is the one:
    /// files that load each other must not be of two releases.
    pub(crate) fn checked(body: impl Into<Bytes>, content_type: &'static str) -> Self {
        Self {
            cache_control: HeaderValue::from_static("public, no-cache"),
            ..Self::new(body, content_type, 0)
        }
    }

    /// What is sent.
    pub(crate) const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The answer to a request with these headers: 304 when the client has it already
    /// (RFC 9110 section 13.1.2).
    pub(crate) fn answer(&self, request: &HeaderMap) -> Response {
        let known = self.is_known(request);
        let body = if known {
            Bytes::new()
        } else {
            self.body.clone()
        };
        let mut response = HttpResponse::new(Vec::new()).into_response();
        *response.body_mut() = body.into();
        let headers = response.headers_mut();
        headers.insert(ETAG, self.etag.clone());
        headers.insert(CACHE_CONTROL, self.cache_control.clone());
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            headers.insert(CONTENT_TYPE, self.content_type.clone());
        }
        response
    }

    /// Whether one of the tags that the client names is ours; the comparison is weak.
    fn is_known(&self, request: &HeaderMap) -> bool {
        request
            .get_all(IF_NONE_MATCH)
            .into_iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_has_it_gets_no_body() {
        let document = Document::new("{}", JSON, 300);
        let first = document.answer(&HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[CACHE_CONTROL], "public, max-age=300");
        let tag = first.headers()[ETAG].to_str().expect("ASCII").to_owned();

        for known in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            let mut request = HeaderMap::new();
            request.insert(IF_NONE_MATCH, known.parse().expect("a value"));
            let again = document.answer(&request);
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(again.headers()[ETAG], tag);
        }
    }

    #[test]
    fn another_tag_is_another_document() {
        let document = Document::new("{}", JSON, 300);
        let other = Document::new("[]", JSON, 300);
        assert_ne!(document.etag, other.etag);
        let mut request = HeaderMap::new();
        request.insert(IF_NONE_MATCH, other.etag);
        assert_eq!(document.answer(&request).status(), StatusCode::OK);
    }
}
