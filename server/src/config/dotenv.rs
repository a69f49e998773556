//! The file `.env`, read as the predecessor read it.
//!
//! Its reader was python-dotenv, whose grammar is wider than that of other
//! readers: a value without quotes goes to the end of the line, spaces,
//! dollars and backslashes included, a comment begins at a `#` after white
//! space, and only `${NAME}` and `${NAME:-default}` stand for another
//! variable. A password that came through unharmed there does so here.

use std::{collections::BTreeMap, fs, io, path::Path};

use super::{error::ConfigError, setting::Origin};

/// The most bytes that variables put into a value may bring it to. Each line can
/// repeat the one before, so that a few dozen could come to more than any memory.
const MAX_EXPANDED: usize = 64 * 1024;

/// One variable of a `.env` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) line: usize,
}

/// Reads `.env` in the directory; without one there are no variables. A folder
/// of that name is a virtual environment of Python's and none of our business.
pub(super) fn read(
    directory: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Line>, ConfigError> {
    match fs::read_to_string(directory.join(".env")) {
        Ok(text) => parse(&text, environment),
        Err(error) if is_no_file(&error) => Ok(Vec::new()),
        Err(error) => Err(ConfigError::new(format!("cannot read .env: {error}"))),
    }
}

fn is_no_file(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory
    )
}

/// The variables of a text, in order. `environment` is what `${NAME}` falls
/// back to when the file has not set it.
pub(super) fn parse(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Line>, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser {
        rest: text,
        line: 1,
    };
    let mut lines: Vec<Line> = Vec::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    while let Some((name, value, line)) = parser.next_variable()? {
        let value = expand(&value, &|name| {
            seen.get(name).cloned().or_else(|| environment(name))
        });
        let value = value
            .ok_or_else(|| malformed(line, &format!("comes to more than {MAX_EXPANDED} bytes")))?;
        seen.insert(name.clone(), value.clone());
        lines.push(Line { name, value, line });
    }
    Ok(lines)
}

struct Parser<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Parser<'a> {
    /// The next `NAME=value`, past blank lines and comments.
    fn next_variable(&mut self) -> Result<Option<(String, String, usize)>, ConfigError> {
        loop {
            self.skip(char::is_whitespace);
            if self.rest.is_empty() {
                return Ok(None);
            }
            if !self.rest.starts_with('#') {
                break;
            }
            self.skip(|c| c != '\n');
        }
        let line = self.line;
        let after_export = self
            .rest
            .strip_prefix("export")
            .filter(|rest| rest.starts_with([' ', '\t']));
        if let Some(rest) = after_export {
            self.rest = rest;
            self.skip(is_blank);
        }
        let name = self.take(|c| !matches!(c, '=' | '#' | '\n' | '\r') && !is_blank(c));
        self.skip(is_blank);
        if name.is_empty() || !self.rest.starts_with('=') {
            return Err(malformed(line, "is not NAME=value"));
        }
        self.advance(1);
        let blanks = self.take(is_blank);
        let value = match self.rest.chars().next() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote, line)?,
            _ => without_comment(self.take(|c| c != '\n'), !blanks.is_empty()).to_owned(),
        };
        Ok(Some((name.to_owned(), value, line)))
    }

    /// A value in quotes, which may go over several lines.
    fn quoted(&mut self, quote: char, line: usize) -> Result<String, ConfigError> {
        self.advance(1);
        let mut value = String::new();
        loop {
            let Some(c) = self.rest.chars().next() else {
                return Err(malformed(line, &format!("has no closing {quote}")));
            };
            self.advance(c.len_utf8());
            if c == quote {
                break;
            }
            let next = self.rest.chars().next();
            match (c, next) {
                ('\\', Some(next)) => {
                    self.advance(next.len_utf8());
                    match unescape(next, quote) {
                        Some(plain) => value.push(plain),
                        None => value.extend([c, next]),
                    }
                }
                _ => value.push(c),
            }
        }
        let tail = self.take(|c| c != '\n').trim();
        if !tail.is_empty() && !tail.starts_with('#') {
            return Err(malformed(
                line,
                &format!("goes on after the closing {quote}"),
            ));
        }
        Ok(value)
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        self.advance(end)
    }

    fn skip(&mut self, unwanted: impl Fn(char) -> bool) {
        self.take(unwanted);
    }

    fn advance(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }
}

fn malformed(line: usize, problem: &str) -> ConfigError {
    // The line itself may hold a secret: only its number is shown.
    ConfigError::new(format!(
        "{} {problem}",
        Origin::file(Path::new(".env"), line)
    ))
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// What `\x` stands for in quotes. Single quotes know only `\\` and `\'`.
fn unescape(c: char, quote: char) -> Option<char> {
    match c {
        '\\' | '\'' => Some(c),
        '"' if quote == '"' => Some(c),
        'n' if quote == '"' => Some('\n'),
        'r' if quote == '"' => Some('\r'),
        't' if quote == '"' => Some('\t'),
        _ => None,
    }
}

/// An unquoted value ends before white space and a `#`. The white space may
/// stand before the value, so that `A= #b` is empty and `A=#b` is not.
fn without_comment(value: &str, mut after_blank: bool) -> &str {
    for (at, c) in value.char_indices() {
        if c == '#' && after_blank {
            return value[..at].trim_end();
        }
        after_blank = c.is_whitespace();
    }
    value.trim_end()
}

/// Puts variables in the place of `${NAME}` and `${NAME:-default}`. `None` when
/// they come to too much.
fn expand(value: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut expanded = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((inside, tail)) = after.split_once('}') else {
            break;
        };
        let (name, default) = inside.split_once(":-").unwrap_or((inside, ""));
        expanded.push_str(before);
        expanded.push_str(&variable(name).unwrap_or_else(|| default.to_owned()));
        if expanded.len() > MAX_EXPANDED {
            return None;
        }
        rest = tail;
    }
    Some(expanded + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> String {
        let lines = parse(text, &|name| {
            (name == "HOME").then(|| "/home/me".to_owned())
        });
        let mut lines = lines.unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(lines.len(), 1, "{text}");
        lines.remove(0).value
    }

    #[test]
    fn values_are_what_the_predecessor_read() {
        for (text, value) in [
            ("A=b", "b"),
            ("export A = b  ", "b"),
            ("A=two words", "two words"),
            ("A=pa$$w0rd\\x", "pa$$w0rd\\x"),
            ("A=a#b", "a#b"),
            ("A=a #b", "a"),
            ("A=#b", "#b"),
            ("A= #b", ""),
            ("A=", ""),
            ("A=a=b==", "a=b=="),
            ("A='a # \"b\" \\n \\' $x'", "a # \"b\" \\n ' $x"),
            ("A=\"a\\tb \\\"c\\\" \\q\" # why", "a\tb \"c\" \\q"),
            ("A=\"two\nlines\"", "two\nlines"),
            ("A=${HOME}/x", "/home/me/x"),
            ("A=${NOPE:-there}${NOPE}", "there"),
            ("A=${open", "${open"),
            ("\u{feff}A=b\r\n", "b"),
        ] {
            assert_eq!(one(text), value, "{text}");
        }
    }

    #[test]
    fn a_virtual_environment_is_not_a_file_of_variables() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(read(directory.path(), &|_| None), Ok(Vec::new()));
        fs::create_dir(directory.path().join(".env")).expect("a directory");
        assert_eq!(read(directory.path(), &|_| None), Ok(Vec::new()));
    }

    #[test]
    fn lines_are_counted_and_comments_skipped() {
        let lines = parse("# hello\n\nA=1\nB=\"x\ny\"\nC=${A}2\n", &|_| None).expect("valid");
        let shown: Vec<_> = lines
            .iter()
            .map(|l| (l.name.as_str(), l.value.as_str(), l.line))
            .collect();
        assert_eq!(shown, [("A", "1", 3), ("B", "x\ny", 4), ("C", "12", 6)]);
    }

    #[test]
    fn a_few_lines_do_not_fill_the_memory() {
        let doubling = |lines: usize| {
            let line = |at: usize| format!("A{}=${{A{at}}}${{A{at}}}\n", at + 1);
            let text: String = (0..lines).map(line).collect();
            parse(&format!("A0=0123456789abcdef\n{text}"), &|_| None)
        };
        let longest = doubling(12).expect("64 KiB");
        assert_eq!(longest.last().map(|line| line.value.len()), Some(65_536));
        assert_eq!(
            doubling(100).expect_err("2^104 bytes").to_string(),
            ".env line 14 comes to more than 65536 bytes"
        );
        // What the file itself says may be as long as it is.
        let plain = "x".repeat(100_000);
        assert_eq!(one(&format!("A={plain}")), plain);
    }

    #[test]
    fn malformed_lines_are_named_and_not_repeated() {
        for (text, message) in [
            ("A=1\njust s3cr3t", ".env line 2 is not NAME=value"),
            ("=s3cr3t", ".env line 1 is not NAME=value"),
            ("A='s3cr3t", ".env line 1 has no closing '"),
            ("A='s3'cr3t", ".env line 1 goes on after the closing '"),
        ] {
            assert_eq!(parse(text, &|_| None).expect_err(text).to_string(), message);
        }
    }
}
