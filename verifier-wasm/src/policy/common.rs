//! Whether a password is one of those that most people use.

use super::text::fold;
use super::words;

/// Whether the whole password, in NFC and whatever its case, is on the list.
///
/// Always for what is on it. Also for one in
/// [`FALSE_POSITIVES`](words::FALSE_POSITIVES) of those that are not, because
/// the list is a filter; never for digits alone.
#[must_use]
pub fn contains(password: &str) -> bool {
    words::is_common(&fold(password))
}

#[cfg(test)]
mod tests {
    use super::contains;

    // Security checklist item 7.
    #[test]
    fn common_passwords_are_found_in_any_case() {
        for password in [
            "password",
            "PassWord1",
            "Qwerty123",
            "P@ssw0rd",
            "Iloveyou1",
            "Trustno1",
            "123456789",
            "1q2w3e4r5t",
            "PolniyPizdec0211",
            "passwordpassword",
            "123456789987654321",
            "qwertyuiop123456789",
        ] {
            assert!(contains(password), "{password}");
        }
        for password in [
            "",
            "correct horse battery staple",
            "my password is a long one",
            "password ",
            " password",
            "vexingly-quick-zebra",
            "päßwörd-ünïcode",
            "password\u{1}",
        ] {
            assert!(!contains(password), "{password}");
        }
    }
}
