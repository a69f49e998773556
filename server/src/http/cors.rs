//! Cross-origin requests (the Fetch standard's CORS protocol).
//!
//! Public documents are for every page; everything else follows
//! `server.cors_origins`. Credentials in the sense of Fetch, cookies above all, are never
//! allowed: tokens travel in `Authorization`, which a page has to set itself.

use warp::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};

use crate::config::CorsPolicy;

/// How long a browser may remember a preflight, in seconds; Chromium keeps none longer.
const MAX_AGE: u16 = 7200;

/// What a page may read beside the headers that it always may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "etag, ratelimit, ratelimit-policy, retry-after, www-authenticate, x-request-id",
);

/// What a request says about where it comes from, kept until there is an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct CorsRequest {
    origin: Option<HeaderValue>,
    preflight: bool,
    headers: Option<HeaderValue>,
}

impl CorsRequest {
    /// Reads the request's headers; `options` says whether its method is OPTIONS.
    pub(crate) fn read(headers: &HeaderMap, options: bool) -> Self {
        Self {
            origin: headers.get(ORIGIN).cloned(),
            preflight: options && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD),
            headers: headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned(),
        }
    }

    /// Adds what the policy has to say to the answer; `methods` are those of the path.
    pub(crate) fn answer(&self, policy: &CorsPolicy, methods: &HeaderValue, to: &mut HeaderMap) {
        if !matches!(policy, CorsPolicy::Everybody | CorsPolicy::Nobody) {
            // Without it a cache could serve one page's answer to another.
            to.append(VARY, HeaderValue::from_static("Origin"));
        }
        let Some(allowed) = self.allowed_origin(policy) else {
            return;
        };
        to.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if !self.preflight {
            to.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            return;
        }
        to.insert(ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
        to.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE.into());
        if let Some(headers) = &self.headers {
            // A header by itself opens nothing here, so a page may send those it likes.
            to.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
            to.append(
                VARY,
                HeaderValue::from_static("Access-Control-Request-Headers"),
            );
        }
    }

    fn allowed_origin(&self, policy: &CorsPolicy) -> Option<HeaderValue> {
        if *policy == CorsPolicy::Everybody {
            return Some(HeaderValue::from_static("*"));
        }
        let origin = self.origin.as_ref()?;
        policy.allows(origin.to_str().ok()?).then(|| origin.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(policy: &CorsPolicy, request: &[(&'static str, &str)], options: bool) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in request {
            headers.insert(*name, value.parse().expect("a value"));
        }
        let mut answer = HeaderMap::new();
        let methods = HeaderValue::from_static("GET, HEAD, OPTIONS");
        CorsRequest::read(&headers, options).answer(policy, &methods, &mut answer);
        assert!(!answer.contains_key("access-control-allow-credentials"));
        answer
    }

    fn listed() -> CorsPolicy {
        CorsPolicy::Listed(vec!["https://app.example.com".to_owned()])
    }

    #[test]
    fn a_listed_origin_is_named_and_the_answer_varies() {
        let answer = answer(&listed(), &[("origin", "https://app.example.com")], false);
        assert_eq!(
            answer[ACCESS_CONTROL_ALLOW_ORIGIN],
            "https://app.example.com"
        );
        assert_eq!(answer[VARY], "Origin");
        assert!(answer.contains_key(ACCESS_CONTROL_EXPOSE_HEADERS));
    }

    #[test]
    fn any_other_origin_gets_nothing_but_vary() {
        for origin in [
            "https://evil.example",
            "null",
            "https://app.example.com:444",
        ] {
            let answer = answer(&listed(), &[("origin", origin)], false);
            assert_eq!(answer.len(), 1, "{answer:?}");
            assert_eq!(answer[VARY], "Origin");
        }
        assert_eq!(answer(&listed(), &[], false).len(), 1);
        let nobody = answer(
            &CorsPolicy::Nobody,
            &[("origin", "http://localhost")],
            false,
        );
        assert!(nobody.is_empty());
    }

    #[test]
    fn everybody_means_a_star() {
        let answer = answer(&CorsPolicy::Everybody, &[("origin", "null")], false);
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!answer.contains_key(VARY));
    }

    #[test]
    fn a_preflight_learns_methods_and_headers() {
        let preflight = [
            ("origin", "http://localhost:5173"),
            ("access-control-request-method", "PATCH"),
            (
                "access-control-request-headers",
                "authorization,content-type",
            ),
        ];
        let answer = answer(&CorsPolicy::Loopback, &preflight, true);
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_METHODS], "GET, HEAD, OPTIONS");
        assert_eq!(
            answer[ACCESS_CONTROL_ALLOW_HEADERS],
            "authorization,content-type"
        );
        assert_eq!(answer[ACCESS_CONTROL_MAX_AGE], "7200");
    }

    #[test]
    fn a_refused_preflight_learns_nothing() {
        let preflight = [
            ("origin", "https://evil.example"),
            ("access-control-request-method", "PATCH"),
        ];
        let answer = answer(&CorsPolicy::Loopback, &preflight, true);
        assert_eq!(answer.len(), 1, "{answer:?}");
    }
}
