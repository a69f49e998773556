//! Forms as strangers post them, and what a client says of itself at the endpoints of
//! OAuth: nothing panics, a form that is taken reads as browsers and others read it, and a
//! client proves itself in one way.
//!
//! The first line of the input is an `Authorization` header, the rest the form.
#![no_main]

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use latchkey::http::fuzzing;
use libfuzzer_sys::fuzz_target;
use url::form_urlencoded;

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n');
    let (header, body) = match end {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (&[][..], input),
    };
    hold_form(body);
    hold_client(header, body);
});

/// Compares with the parser of the URL crate, which forgives what we do not.
fn hold_form(body: &[u8]) {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let fields: BTreeMap<&str, &str> = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let names: Vec<&str> = fields.keys().copied().collect();
    match fuzzing::form(body, &names) {
        Ok(typed) => {
            assert_eq!(fields.len(), pairs.len(), "a name comes twice");
            let values: Vec<&str> = fields.values().copied().collect();
            assert_eq!(typed, values);
        }
        Err(status) => {
            assert_eq!(status, 400);
            let is_replaced = |(name, value): &(String, String)| {
                name.contains('\u{fffd}') || value.contains('\u{fffd}')
            };
            let is_ambiguous = fields.len() < pairs.len();
            assert!(is_ambiguous || pairs.iter().any(is_replaced), "{pairs:?}");
        }
    }
}

fn hold_client(header: &[u8], body: &[u8]) {
    for lines in [&[][..], &[header], &[header, header]] {
        match fuzzing::client_credentials(lines, body) {
            Ok((None, secret)) => assert_eq!(secret, None),
            Ok((Some(_), None)) => {}
            Ok((Some(id), Some(secret))) => hold_proof(&id, &secret),
            Err(status) => assert!([400, 401].contains(&status), "{status}"),
        }
    }
}

/// A name and a secret are the same in the header and in the form, and both are too much.
fn hold_proof(id: &str, secret: &str) {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(id), encode(secret));
    let header = format!("Basic {}", STANDARD.encode(pair)).into_bytes();
    let read = |lines: &[&[u8]], body: &str| fuzzing::client_credentials(lines, body.as_bytes());
    let proved = Ok((Some(id.to_owned()), Some(secret.to_owned())));
    assert_eq!(read(&[&header], ""), proved);
    if id.is_empty() || secret.is_empty() {
        return;
    }
    let form = format!("client_id={}&client_secret={}", encode(id), encode(secret));
    assert_eq!(read(&[], &form), proved);
    assert_eq!(read(&[&header], &form), Err(400));
    assert_eq!(read(&[&header, &header], ""), Err(400));
    let named = format!("client_id={}", encode(id));
    assert_eq!(read(&[&header], &named), proved);
    assert_eq!(read(&[&header], &format!("{named}x")), Err(400));
}
