//! HMAC keys that protect nothing (RFC 7518 section 3.2, RFC 8725 section 3.5):
//! short ones, ones that stand in a tutorial, and ones that a person made up
//! from the words of a placeholder.

use std::fmt;

use super::secret::Secret;

/// HS256 wants a key as long as its hash, 256 bits.
const MIN_BYTES: usize = 32;

/// Fewer different bytes than this in a long key were typed, not drawn: even
/// 32 random hexadecimal digits hold fewer than 8 once in ten thousand times.
const MIN_DISTINCT: usize = 8;

/// Why a key is weak, in words that follow its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weakness {
    Short(usize),
    Public,
    Placeholder,
    Repetitive,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(length) => {
                write!(
                    f,
                    "has {length} bytes, fewer than {MIN_BYTES}, and can be guessed"
                )
            }
            Self::Public => f.write_str("is publicly known, from a tutorial or an example"),
            Self::Placeholder => f.write_str("is a placeholder made of everyday words"),
            Self::Repetitive => f.write_str("repeats itself and can be guessed"),
        }
    }
}

/// What is wrong with a key, if anything is. A publicly known one is called
/// that even when it is short too.
pub(super) fn weakness(secret: &Secret) -> Option<Weakness> {
    let text = secret.expose().trim();
    let lower = text.to_lowercase();
    if PUBLIC.contains(&lower.as_str()) {
        return Some(Weakness::Public);
    }
    if is_placeholder(&lower) {
        return Some(Weakness::Placeholder);
    }
    if text.len() < MIN_BYTES {
        return Some(Weakness::Short(text.len()));
    }
    is_repetitive(text.as_bytes()).then_some(Weakness::Repetitive)
}

/// One short piece over and over, or hardly any different characters.
fn is_repetitive(bytes: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in bytes {
        seen[usize::from(*byte)] = true;
    }
    let distinct = seen.iter().filter(|seen| **seen).count();
    let repeats = |period: usize| bytes.iter().zip(&bytes[period..]).all(|(a, b)| a == b);
    distinct < MIN_DISTINCT || (1..MIN_BYTES.min(bytes.len())).any(repeats)
}

/// Whether the letters, which are most of the text, can be cut into words that
/// placeholders are made of: `your-secret-key-change-me-in-production-2024`,
/// `thisisaverylongsecretkeyforjwt`.
fn is_placeholder(lower: &str) -> bool {
    let letters: Vec<u8> = lower.bytes().filter(u8::is_ascii_alphabetic).collect();
    if letters.len() * 2 <= lower.len() || !lower.is_ascii() {
        return false;
    }
    // reachable[n]: the first n letters are words.
    let mut reachable = vec![false; letters.len() + 1];
    reachable[0] = true;
    for start in 0..letters.len() {
        if !reachable[start] {
            continue;
        }
        for word in WORDS {
            if letters[start..].starts_with(word.as_bytes()) {
                reachable[start + word.len()] = true;
            }
        }
    }
    reachable[letters.len()]
}

/// Words that are found in placeholders and, together, in nothing else.
#[rustfmt::skip]
const WORDS: [&str; 168] = [
    "a", "access", "admin", "an", "and", "api", "app", "application", "at", "auth",
    "authentication", "authorization", "backend", "bar", "base", "be", "best", "bit", "bits",
    "brown", "by", "byte", "bytes", "cat", "change", "changed", "changeit", "changeme",
    "changethis", "char", "character", "characters", "chars", "config", "default", "demo",
    "dev", "develop", "development", "django", "do", "dog", "dont", "dummy", "env", "example",
    "fastapi", "fixme", "flask", "foo", "for", "fox", "from", "generate", "generated", "hash",
    "hello", "here", "hex", "hmac", "hs", "i", "in", "insecure", "is", "it", "json", "jumps",
    "jwt", "keep", "key", "keyboard", "keys", "latchkey", "lazy", "least", "length", "local",
    "login", "long", "longer", "me", "min", "minimum", "must", "my", "mysecret", "need",
    "needs", "not", "of", "only", "openssl", "or", "over", "pass", "password", "placeholder",
    "please", "private", "prod", "production", "project", "public", "quick", "rand", "random",
    "real", "really", "refresh", "replace", "replaced", "replaceme", "required", "safe",
    "sample", "secret", "secretkey", "secrets", "secure", "security", "server", "service",
    "session", "set", "sha", "shh", "should", "sign", "signature", "signing", "some",
    "something", "string", "strong", "super", "supersecret", "test", "testing", "than", "that",
    "the", "this", "to", "todo", "token", "tokens", "top", "tutorial", "unsafe", "update",
    "use", "used", "user", "using", "valid", "value", "very", "web", "website", "which", "with",
    "word", "world", "xxx", "you", "your", "yours",
];

/// Keys of 32 bytes and more that are printed in documents and tutorials, or are
/// the default of some program; in lower case. Shorter ones, and those made of
/// plain words, are found by rule.
const PUBLIC: [&str; 15] = [
    // FastAPI's documentation, "OAuth2 with Password and Bearer with JWT tokens".
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    // RFC 7515 appendix A.1.
    "aym1sysppbydfgzld3umj1qzkobwvmkoqq-estjqlr_t-1qs0gzh75aktmn3yj0ips4hcguuntwjazr1z9caow",
    // Tutorials on Spring Security with JWT.
    "404e635266556a586e3272357538782f413f4428472b4b6250645367566b5970",
    "5367566b59703373367639792f423f4528482b4d6251655468576d5a71347437",
    "413f4428472b4b6250655368566d5970337336763979244226452948404d6351",
    // Directus' example.
    "255d861b-5ea1-5996-9aa3-922530ec40b1",
    // better-auth's default.
    "better-auth-secret-123456789",
    // Runs over the keyboard and through the alphabet.
    "1234567890abcdefghijklmnopqrstuvwxyz",
    "0123456789abcdefghijklmnopqrstuvwxyz",
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "abcdefghijklmnopqrstuvwxyz1234567890",
    "abcdefghijklmnopqrstuvwxyz012345",
    "abcdefghijklmnopqrstuvwxyz123456",
    "qwertyuiopasdfghjklzxcvbnm123456",
    "qwertyuiopasdfghjklzxcvbnm1234567890",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn weakness_of(text: &str) -> Option<Weakness> {
        weakness(&Secret::new(text).expect("not empty"))
    }

    #[test]
    fn what_tutorials_print_is_known() {
        for text in [
            // jwt.io, before and now.
            "your-256-bit-secret",
            "your-512-bit-secret",
            "a-string-secret-at-least-256-bits-long",
            "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
            "secret",
            "changeme",
            "supersecretkey",
            "your-secret-key-here",
            "your-secret-key-change-this-in-production",
            "YOUR_SUPER_SECRET_KEY_CHANGE_ME_IN_PRODUCTION_2024!",
            "your-super-secret-jwt-token-with-at-least-32-characters-long",
            "thisisaverylongsecretkeyforjwttokens",
            "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
            "09D25E094FAA6CA2556C818166B7A9563B93F7099F6F0F4CAA6CF63B88E8D3E7\n",
        ] {
            let found = weakness_of(text);
            assert!(
                matches!(found, Some(Weakness::Public | Weakness::Placeholder)),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn short_and_repetitive_ones_are_weak() {
        assert_eq!(weakness_of("k7Gq2ZpX9"), Some(Weakness::Short(9)));
        assert_eq!(
            weakness_of("0f9c8b7a6d5e4f3a2b1c0d9e8f7a6b5"),
            Some(Weakness::Short(31))
        );
        for text in [
            "00000000000000000000000000000000",
            "k7Gq2ZpX9wk7Gq2ZpX9wk7Gq2ZpX9wk7Gq",
            "12121212121212121212121212121212x",
        ] {
            assert_eq!(weakness_of(text), Some(Weakness::Repetitive), "{text}");
        }
    }

    #[test]
    fn what_a_machine_drew_is_strong() {
        for text in [
            // `openssl rand -hex 32`, `-base64 32`, digits, and a passphrase.
            "b1946ac92492d2347c6235b4d2611184e1f3a0c45d6789abf0e1d2c3b4a59687",
            "kF3vJ0yQ1c8m2Jt9Vw4o5bXr7nZs6LdPqGhEaTuYiOx=",
            "48151623420913375550182736459102837465",
            "walnut umbrella gravel ninety copper saddle mango",
            "a key with some Umlaute: äöü ÄÖÜ ß, thirty",
        ] {
            assert_eq!(weakness_of(text), None, "{text}");
        }
    }
}
