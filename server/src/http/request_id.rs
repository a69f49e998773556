//! The identifier of a request: in the log, in records of what it changed, and in the
//! answer's `X-Request-Id`.

use std::sync::{Arc, Mutex, PoisonError};

use tower_http::request_id::{MakeRequestId, RequestId};
use warp::http::header::HeaderMap;
use warp::http::{HeaderName, HeaderValue, Request};

use crate::domain::clock::Clock;
use crate::domain::entropy::{Entropy, random_bytes};

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The most characters of an identifier that a proxy gave.
const MAX_LENGTH: usize = 64;

/// Makes identifiers: `UUIDv7`, so that they sort by time.
#[derive(Clone)]
pub(crate) struct RequestIds {
    clock: Arc<dyn Clock>,
    chance: Arc<Chance>,
}

impl RequestIds {
    pub(crate) fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            clock,
            chance: Arc::new(Chance {
                entropy,
                left: Mutex::default(),
            }),
        }
    }
}

/// Random bytes of one identifier.
type Random = [u8; 10];

/// Random bytes for many identifiers, asked for at once: the generator takes as long for a
/// few as for many, and a request that only reads needs none but these.
struct Chance {
    entropy: Arc<dyn Entropy>,
    left: Mutex<Vec<Random>>,
}

impl Chance {
    fn take(&self) -> Random {
        const AT_ONCE: usize = 64;

        // Nothing panics under the lock half-way through a change.
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(random) = left.pop() {
            return random;
        }
        let bytes = random_bytes::<{ AT_ONCE * size_of::<Random>() }>(&*self.entropy);
        let (all, _) = bytes.as_chunks();
        left.extend_from_slice(all);
        left.pop().unwrap_or_default()
    }
}

impl MakeRequestId for RequestIds {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        let millis = u64::try_from(self.clock.now().as_millis()).unwrap_or(0);
        let random = self.chance.take();
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        let mut text = uuid::Uuid::encode_buffer();
        let value = HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)).ok()?;
        Some(RequestId::new(value))
    }
}

/// Takes away an identifier that came with the request, unless a trusted proxy gave it
/// and it is one that can stand in a log line as it is.
pub(crate) fn keep_only_trusted(headers: &mut HeaderMap, trusted: bool) {
    let mut given = headers.get_all(X_REQUEST_ID).iter();
    let acceptable = match (given.next(), given.next()) {
        (None, _) => return,
        (Some(only), None) => trusted && is_plain(only),
        (Some(_), Some(_)) => false,
    };
    if !acceptable {
        headers.remove(X_REQUEST_ID);
    }
}

fn is_plain(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=MAX_LENGTH).contains(&bytes.len())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(values: &[&str], trusted: bool) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                X_REQUEST_ID,
                HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
            );
        }
        keep_only_trusted(&mut headers, trusted);
        headers.contains_key(X_REQUEST_ID)
    }

    #[test]
    fn no_two_requests_have_the_same_identifier() {
        let clock = Arc::new(crate::domain::clock::SystemClock);
        let entropy = Arc::new(crate::domain::entropy::SystemEntropy);
        let ids = RequestIds::new(clock, entropy);
        let request = Request::new(());
        let made: std::collections::HashSet<_> = (0..1000)
            .filter_map(|_| ids.clone().make_request_id(&request))
            .map(|id| id.header_value().clone())
            .collect();
        assert_eq!(made.len(), 1000);
    }

    #[test]
    fn only_a_trusted_proxy_may_name_a_request() {
        assert!(kept(&["0199-abc_D.7"], true));
        assert!(!kept(&["0199-abc_D.7"], false));
    }

    #[test]
    fn what_would_not_look_well_in_a_log_is_replaced() {
        let long = "a".repeat(MAX_LENGTH + 1);
        for values in [
            &["a b"][..],
            &["a\tb"],
            &["é"],
            &[""],
            &[&long],
            &["a", "b"],
        ] {
            assert!(!kept(values, true), "{values:?}");
        }
    }
}
