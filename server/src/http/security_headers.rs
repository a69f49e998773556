//! Headers that every answer carries.

use warp::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// What JSON may do in a browser that is made to show it: nothing.
const NO_CONTENT_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// One year, with subdomains (OWASP ASVS 5.0 requirement 3.4.1).
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

/// Sets what the handler did not set itself.
///
/// Nothing may be stored unless a handler says so: most answers carry tokens or personal
/// data, and one that was forgotten must not end in a shared cache.
pub(crate) fn add(headers: &mut HeaderMap, public: bool, https: bool) {
    let resource_policy = if public {
        "cross-origin"
    } else {
        "same-origin"
    };
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            CROSS_ORIGIN_RESOURCE_POLICY,
            HeaderValue::from_static(resource_policy),
        ),
        (CONTENT_SECURITY_POLICY, NO_CONTENT_POLICY),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ] {
        headers.entry(name).or_insert(value);
    }
    if https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_has_the_last_word_on_caching() {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=5"));
        add(&mut headers, true, false);
        assert_eq!(headers[CACHE_CONTROL], "max-age=5");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(!headers.contains_key(STRICT_TRANSPORT_SECURITY));
    }

    #[test]
    fn what_is_forgotten_is_not_stored() {
        let mut headers = HeaderMap::new();
        add(&mut headers, false, true);
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        assert_eq!(headers[CROSS_ORIGIN_RESOURCE_POLICY], "same-origin");
        assert_eq!(headers[STRICT_TRANSPORT_SECURITY], HSTS);
    }
}
