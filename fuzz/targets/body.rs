//! Bodies of requests as strangers write them: nothing panics, what is refused is the
//! client's fault, and what is taken keeps the rules of its fields.
#![no_main]

use latchkey::domain::accounts::SignUp;
use latchkey::domain::email::Email;
use latchkey::http::fuzzing;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    let sign_up = fuzzing::sign_up(body);
    let form = fuzzing::sign_up_form(body);
    let fields = fuzzing::every_field(body);
    let refused = [&sign_up, &form].map(|read| read.as_ref().err());
    for refused in refused.into_iter().chain([fields.as_ref().err()]) {
        assert!(refused.is_none_or(|status| [400, 422].contains(status)));
    }
    // JSON or not is a question before what the fields are.
    assert_eq!(
        sign_up.as_ref().err() == Some(&400),
        fields.as_ref().err() == Some(&400)
    );
    if serde_json::from_slice::<Value>(body).is_err() {
        assert_eq!(fields, Err(400));
    }
    for sign_up in [sign_up, form].into_iter().flatten() {
        hold(&sign_up);
    }
});

fn hold(sign_up: &SignUp) {
    let name = sign_up.name.as_str();
    assert!((5..=100).contains(&name.chars().count()), "{name:?}");
    assert!(!name.chars().any(char::is_control), "{name:?}");

    let email = sign_up.email.as_str();
    assert!(email.len() <= 254 && email.contains('@'), "{email:?}");
    assert_eq!(email.trim(), email);
    // Both spellings are addresses again, of the same mailbox.
    let canonical = sign_up.email.canonical();
    for spelling in [email, canonical] {
        let again = Email::parse(spelling).expect(spelling);
        assert_eq!(again.canonical(), canonical);
    }

    if let Some(age) = sign_up.age {
        assert!((1..=150).contains(&age.years()));
    }
}
