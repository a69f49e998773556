//! Reading a password without showing it.

use std::io::{self, IsTerminal as _, Read};

use anyhow::{Context as _, bail};
use zeroize::Zeroizing;

use crate::domain::password::Password;

/// More bytes than the longest password of any policy has.
const MOST_BYTES: u64 = 64 * 1024;

/// Reads a password: at a terminal after a prompt, without showing what is
/// typed, otherwise all of standard input, less the line break at its end.
///
/// # Errors
/// When nothing can be read, or it is not UTF-8 or more than 64 KiB.
pub(super) fn read_password(label: &str) -> anyhow::Result<Password> {
    if io::stdin().is_terminal() {
        let typed = rpassword::prompt_password(format!("{label}: "))
            .context("cannot read a password from the terminal")?;
        return Ok(Password::new(typed));
    }
    read(io::stdin().lock())
}

/// Reads a password that is to be set: a person types it twice.
///
/// # Errors
/// Those of [`read_password`], or nothing was given, or the two differ.
pub(super) fn read_new_password(label: &str) -> anyhow::Result<Password> {
    let password = read_password(label)?;
    if password.as_str().is_empty() {
        bail!("no password was given: type it, or send it on standard input");
    }
    if io::stdin().is_terminal() {
        let again = read_password(&format!("{label} again"))?;
        if again.as_str() != password.as_str() {
            bail!("the two passwords differ");
        }
    }
    Ok(password)
}

fn read(input: impl Read) -> anyhow::Result<Password> {
    let mut bytes = Zeroizing::new(Vec::new());
    input
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .context("cannot read a password from standard input")?;
    if bytes.len() as u64 > MOST_BYTES {
        bail!("the password on standard input is longer than 64 KiB");
    }
    let Ok(text) = std::str::from_utf8(&bytes) else {
        bail!("the password on standard input is not UTF-8");
    };
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(Password::new(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_line_break_at_the_end_is_dropped() {
        for (input, password) in [
            ("secret", "secret"),
            ("secret\n", "secret"),
            ("secret\r\n", "secret"),
            (" two\nlines \n\n", " two\nlines \n"),
            ("", ""),
        ] {
            let read = read(input.as_bytes()).expect("read");
            assert_eq!(read.as_str(), password, "{input:?}");
        }
    }

    #[test]
    fn what_is_no_password_is_refused_without_being_shown() {
        let error = read(&b"s3cr3t\xff"[..]).expect_err("not UTF-8").to_string();
        assert!(error.ends_with("is not UTF-8"), "{error}");
        let error = read(io::repeat(b'x')).expect_err("endless").to_string();
        assert!(error.ends_with("longer than 64 KiB"), "{error}");
    }
}
