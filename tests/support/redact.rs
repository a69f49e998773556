//! Takes out of an answer what is different each time, by its form: what has not the form
//! that it should have stays, and fails the snapshot.

use serde_json::Value;

pub(crate) fn redact(value: &mut Value, origin: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, origin)),
        Value::Object(members) => members.values_mut().for_each(|item| redact(item, origin)),
        Value::String(text) => {
            if let Some(word) = placeholder(text) {
                word.clone_into(text);
            } else {
                *text = text.replace(origin, "[origin]");
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn placeholder(text: &str) -> Option<&'static str> {
    if is_uuid_v7(text) {
        Some("[uuid]")
    } else if fits(text, "dddd-dd-ddTdd:dd:dd.dddZ") {
        Some("[time]")
    } else if is_jwt(text) {
        Some("[jwt]")
    } else {
        None
    }
}

fn is_uuid_v7(text: &str) -> bool {
    fits(text, "xxxxxxxx-xxxx-7xxx-vxxx-xxxxxxxxxxxx")
}

fn is_jwt(text: &str) -> bool {
    let segments: Vec<_> = text.split('.').collect();
    segments.len() == 3
        && segments[0].starts_with("ey")
        && segments.iter().all(|segment| {
            segment.len() > 20
                && segment
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        })
}

/// Whether the text is of the form: `d` a digit, `x` a lower-case hexadecimal digit, `v`
/// the variant digit of a UUID, anything else itself.
fn fits(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text
            .bytes()
            .zip(form.bytes())
            .all(|(byte, form)| match form {
                b'd' => byte.is_ascii_digit(),
                b'x' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
                b'v' => b"89ab".contains(&byte),
                other => byte == other,
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_form_is_taken_out() {
        for (text, word) in [
            ("01932f6e-7a5b-7cde-8f01-23456789abcd", Some("[uuid]")),
            ("01932f6e-7a5b-4cde-8f01-23456789abcd", None),
            ("2026-11-22T21:06:25.123Z", Some("[time]")),
            ("2026-11-22T21:06:25Z", None),
            ("2026-11-22T21:06:25.123+00:00", None),
            ("alice@example.com", None),
        ] {
            assert_eq!(placeholder(text), word, "{text}");
        }
    }
}
