//! How a client says who it is (RFC 6749 section 2.3.1): HTTP Basic, whose two halves are
//! form-encoded first, or two parameters of the body. Never both.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use warp::http::header::{AUTHORIZATION, HeaderMap};
use zeroize::Zeroizing;

use super::{CLIENT, CLIENT_SECRET};
use crate::http::error::{ApiError, Problem};
use crate::http::form::{self, Form};

type Text = Zeroizing<String>;

/// What a request says about the client.
pub(in crate::http) enum Credentials {
    /// Nothing.
    None,
    /// Its name, without a proof.
    Id(Text),
    /// Its name and secret.
    Secret { id: Text, secret: Text },
}

impl Credentials {
    /// Reads header and form.
    ///
    /// # Errors
    ///
    /// [`Problem::InvalidRequest`] for more than one way at once, and
    /// [`Problem::InvalidClient`] for a header that is no Basic authentication.
    pub(in crate::http) fn read(headers: &HeaderMap, form: &Form) -> Result<Self, ApiError> {
        let text = |name| Some(form.text(name)).filter(|value| !value.is_empty());
        let own = |text: &str| Zeroizing::new(text.to_owned());
        let in_body = (text(CLIENT.name), text(CLIENT_SECRET.name));

        let mut authorizations = headers.get_all(AUTHORIZATION).iter();
        let Some(authorization) = authorizations.next() else {
            return Ok(match in_body {
                (None, None) => Self::None,
                (Some(id), None) => Self::Id(own(id)),
                (Some(id), Some(secret)) => Self::Secret {
                    id: own(id),
                    secret: own(secret),
                },
                (None, Some(_)) => return Err(Problem::InvalidClient.into()),
            });
        };
        if authorizations.next().is_some() {
            return Err(ambiguous());
        }
        let (id, secret) = basic(authorization.as_bytes()).ok_or(Problem::InvalidClient)?;
        match in_body {
            (None, None) => Ok(Self::Secret { id, secret }),
            // Saying it twice is no second way to prove it.
            (Some(named), None) if named == id.as_str() => Ok(Self::Secret { id, secret }),
            _ => Err(ambiguous()),
        }
    }
}

fn ambiguous() -> ApiError {
    Problem::AmbiguousClient.into()
}

/// The user-id and password of Basic authentication (RFC 7617 section 2), decoded.
fn basic(header: &[u8]) -> Option<(Text, Text)> {
    let header = std::str::from_utf8(header).ok()?;
    let (scheme, encoded) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (id, secret) = (&decoded[..colon], &decoded[colon + 1..]);
    Some((form::decode(id)?, form::decode(secret)?))
}

#[cfg(test)]
mod tests {
    use warp::http::HeaderValue;

    use super::*;

    fn read(authorizations: &[&str], body: &str) -> Result<String, Problem> {
        let mut headers = HeaderMap::new();
        for value in authorizations {
            let value = HeaderValue::from_str(value).expect("a value");
            headers.append(AUTHORIZATION, value);
        }
        let form = Form::parse(body.as_bytes()).expect("a form");
        match Credentials::read(&headers, &form) {
            Ok(Credentials::None) => Ok(String::new()),
            Ok(Credentials::Id(id)) => Ok(id.to_string()),
            Ok(Credentials::Secret { id, secret }) => {
                Ok(format!("{} {}", id.as_str(), secret.as_str()))
            }
            Err(error) => Err(error.problem()),
        }
    }

    fn encoded(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn header_and_body_say_the_same() {
        for (authorization, body) in [
            (Some(encoded("one:two")), ""),
            (Some(encoded("one:two")), "client_id=one"),
            (Some(encoded("one:two").replace("Basic", "bASIC")), ""),
            (None, "client_id=one&client_secret=two"),
        ] {
            let authorization: Vec<&str> = authorization.iter().map(String::as_str).collect();
            let found = read(&authorization, body);
            assert_eq!(found.as_deref(), Ok("one two"), "{body}");
        }
        assert_eq!(read(&[], "token=x").as_deref(), Ok(""));
        assert_eq!(
            read(&[], "client_id=one&client_secret=").as_deref(),
            Ok("one")
        );
    }

    #[test]
    fn both_halves_are_form_encoded() {
        let found = read(&[&encoded("a%3Ab+c:d:%C3%A9")], "");
        assert_eq!(found.as_deref(), Ok("a:b c d:é"));
    }

    #[test]
    fn one_way_at_a_time() {
        let header = encoded("one:two");
        for body in [
            "client_id=one&client_secret=two",
            "client_secret=two",
            "client_id=other",
        ] {
            assert_eq!(
                read(&[&header], body),
                Err(Problem::AmbiguousClient),
                "{body}"
            );
        }
        assert_eq!(read(&[&header, &header], ""), Err(Problem::AmbiguousClient));
    }

    #[test]
    fn what_is_no_basic_authentication_is_no_client() {
        for header in [
            "Bearer a.b.c",
            "Basic",
            "Basic !",
            &encoded("no colon"),
            &encoded("a:%ff"),
        ] {
            assert_eq!(read(&[header], ""), Err(Problem::InvalidClient), "{header}");
        }
        assert_eq!(read(&[], "client_secret=x"), Err(Problem::InvalidClient));
    }
}
