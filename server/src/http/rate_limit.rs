//! What an answer says about a limit: `Retry-After` (RFC 9110 section 10.2.3), `RateLimit`
//! and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).
//!
//! Only a refusal says it. Told with every answer, what is left would tell whoever guesses
//! how to stay below the limit, and nobody else has a use for it.

use warp::http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use crate::domain::throttle::Refusal;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Writes the headers of a refusal: nothing is left (`r=0`), for so many seconds (`t`), of a
/// quota (`q`) that comes back within a window (`w`) of seconds, if it has one.
pub(super) fn describe(refusal: &Refusal, headers: &mut HeaderMap) {
    let name = refusal.limit.as_str();
    let seconds = refusal.seconds();
    let window = refusal
        .window
        .map(|window| format!(";w={}", window.as_secs()))
        .unwrap_or_default();
    headers.insert(RETRY_AFTER, seconds.into());
    for (header, value) in [
        (RATE_LIMIT, format!("\"{name}\";r=0;t={seconds}")),
        (
            RATE_LIMIT_POLICY,
            format!("\"{name}\";q={}{window}", refusal.quota),
        ),
    ] {
        // Words of ours and numbers, which every header value may hold.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(header, value);
        }
    }
}
