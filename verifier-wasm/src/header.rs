//! The protected header (RFC 7515 section 4).
//!
//! `alg`, `kid` and `typ` are read. Whatever names or carries a key (`jku`,
//! `jwk`, `x5u`, `x5c`) is never looked at: keys come from the key set alone.
//! Every other member is carried along unread, as section 4 demands.

use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use crate::{Algorithm, ErrorKind, VerifierError, encoding, json};

#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    pub(crate) members: Map<String, Value>,
    /// The members as they stand in the token.
    pub(crate) json: String,
}

impl Header {
    /// Reads the first segment of a token.
    pub(crate) fn parse(segment: &str) -> Result<Self, VerifierError> {
        let bytes = encoding::decode(segment)
            .ok_or_else(|| VerifierError::malformed("the header is not canonical base64url"))?;
        let not_an_object =
            || VerifierError::malformed("the header is not a JSON object with distinct members");
        let json = String::from_utf8(bytes).map_err(|_| not_an_object())?;
        let members = json::parse_object(json.as_bytes()).ok_or_else(not_an_object)?;
        let Some(Value::String(alg)) = members.get("alg") else {
            return Err(VerifierError::malformed(
                "the header has no `alg` that is a string",
            ));
        };
        let key_id = match members.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => {
                return Err(VerifierError::malformed(
                    "the header's `kid` is not a string",
                ));
            }
        };
        refuse_extensions(&members)?;
        let algorithm = Algorithm::from_name(alg).ok_or_else(|| {
            VerifierError::new(
                ErrorKind::UnsupportedAlgorithm,
                "the token's `alg` is not supported",
            )
        })?;
        Ok(Self {
            algorithm,
            key_id,
            members,
            json,
        })
    }

    /// Whether `typ` is the media type `expected`. Case does not matter, and a
    /// value without a slash is short for `application/` and the value (RFC
    /// 7515 section 4.1.9).
    pub(crate) fn has_type(&self, expected: &str) -> bool {
        match self.members.get("typ") {
            Some(Value::String(typ)) => short_type(typ).eq_ignore_ascii_case(short_type(expected)),
            _ => false,
        }
    }
}

/// Headers of tokens whose signatures were good, as text and as read. All tokens
/// under one key have the same header, so that one of a few is nearly always the
/// next one. Without a lock: a place that is taken stays so until the keys change.
#[derive(Debug, Default)]
pub(crate) struct KnownHeaders([OnceLock<(String, Arc<Header>)>; 4]);

impl KnownHeaders {
    /// The header in the first segment of a token.
    pub(crate) fn parse(&self, segment: &str) -> Result<Arc<Header>, VerifierError> {
        let mut known = self.0.iter().filter_map(OnceLock::get);
        match known.find(|(text, _)| text == segment) {
            Some((_, header)) => Ok(Arc::clone(header)),
            None => Header::parse(segment).map(Arc::new),
        }
    }

    /// To be told of each good signature: a forger cannot fill the places.
    pub(crate) fn keep(&self, segment: &str, header: &Arc<Header>) {
        for place in &self.0 {
            let (text, _) = place.get_or_init(|| (segment.to_owned(), Arc::clone(header)));
            if text == segment {
                return;
            }
        }
    }
}

/// No extension is supported, so a header that demands one is refused, and so
/// is a malformed or empty `crit`. `b64` (RFC 7797) changes what is signed even
/// where it is not listed in `crit`.
fn refuse_extensions(members: &Map<String, Value>) -> Result<(), VerifierError> {
    if members.contains_key("crit") || members.contains_key("b64") {
        return Err(VerifierError::new(
            ErrorKind::CriticalHeader,
            "the header has `crit` or `b64`, and no extension is supported",
        ));
    }
    Ok(())
}

fn short_type(media_type: &str) -> &str {
    const PREFIX: &str = "application/";
    match media_type.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => media_type,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Header, KnownHeaders};
    use crate::{Algorithm, encoding};

    fn parse(json: &str) -> Result<Header, &'static str> {
        Header::parse(&encoding::encode(json.as_bytes())).map_err(|error| error.code())
    }

    #[test]
    fn reads_what_matters_and_carries_the_rest() {
        let header = parse(r#"{"alg":"EdDSA","kid":"k","typ":"at+jwt","jku":1,"jwk":{},"x":[]}"#);
        let header = header.unwrap_or_else(|code| panic!("{code}"));
        assert_eq!(header.algorithm, Algorithm::EdDsa);
        assert_eq!(header.key_id.as_deref(), Some("k"));
        assert_eq!(header.members.len(), 6);
    }

    #[test]
    fn refusals_have_their_code() {
        for (json, code) in [
            ("", "malformed"),
            ("[]", "malformed"),
            ("{}", "malformed"),
            (r#"{"alg":null}"#, "malformed"),
            (r#"{"alg":["HS256"]}"#, "malformed"),
            (r#"{"alg":"HS256","alg":"HS256"}"#, "malformed"),
            (r#"{"alg":"HS256","kid":1}"#, "malformed"),
            (r#"{"alg":"HS256","kid":null}"#, "malformed"),
            (r#"{"alg":"none"}"#, "unsupported_algorithm"),
            (r#"{"alg":"PS256"}"#, "unsupported_algorithm"),
            (r#"{"alg":"HS256","crit":[]}"#, "critical_header"),
            (r#"{"alg":"HS256","crit":null}"#, "critical_header"),
            (
                r#"{"alg":"none","crit":["exp"],"exp":1}"#,
                "critical_header",
            ),
            (r#"{"alg":"HS256","b64":true}"#, "critical_header"),
            (
                r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
                "critical_header",
            ),
        ] {
            assert_eq!(parse(json).err(), Some(code), "{json}");
        }
    }

    #[test]
    fn types_are_media_types() {
        let has_type = |typ: &str, expected: &str| {
            let header = parse(&format!(r#"{{"alg":"HS256","typ":{typ}}}"#));
            header.is_ok_and(|header| header.has_type(expected))
        };
        for typ in [
            "at+jwt",
            "AT+JWT",
            "application/at+jwt",
            "Application/AT+jwt",
        ] {
            assert!(has_type(&format!("{typ:?}"), "at+jwt"), "{typ}");
            assert!(has_type("\"at+jwt\"", typ), "{typ}");
        }
        for typ in [
            "",
            "JWT",
            "at+jwt ",
            "at+jwtx",
            "text/at+jwt",
            "application/",
            "application/application/at+jwt",
            "applicationé/at+jwt",
        ] {
            assert!(!has_type(&format!("{typ:?}"), "at+jwt"), "{typ}");
        }
        for typ in ["null", "1", "[\"at+jwt\"]"] {
            assert!(!has_type(typ, "at+jwt"), "{typ}");
        }
        assert!(parse(r#"{"alg":"HS256"}"#).is_ok_and(|header| !header.has_type("at+jwt")));
    }
    #[test]
    fn a_few_headers_are_remembered_and_no_more() {
        let known = KnownHeaders::default();
        let segments: Vec<_> = (0..6)
            .map(|kid| encoding::encode(format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#).as_bytes()))
            .collect();
        let is_remembered = |segment: &str| {
            let headers = [0; 2].map(|_| known.parse(segment).expect("a header"));
            Arc::ptr_eq(&headers[0], &headers[1])
        };
        for segment in &segments {
            assert!(!is_remembered(segment), "reading alone keeps nothing");
        }
        for segment in segments.iter().chain(&segments) {
            known.keep(segment, &known.parse(segment).expect("a header"));
        }
        let remembered: Vec<_> = segments.iter().map(|text| is_remembered(text)).collect();
        assert_eq!(remembered, [true, true, true, true, false, false]);
        for (kid, segment) in segments.iter().enumerate() {
            let header = known.parse(segment).expect("a header");
            assert_eq!(header.key_id, Some(kid.to_string()), "each its own");
        }
    }
}
