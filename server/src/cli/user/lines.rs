//! Lines of a file or of standard input, read one at a time.

use std::io::{self, BufRead};

use crate::domain::transfer::line::MAX_BYTES;

/// Reads lines without ever holding more than one of a bounded length.
pub(super) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
    bytes: u64,
}

/// A line with its number, or what is wrong with it before anybody looks into it.
pub(super) type Numbered<'a> = (u64, Result<&'a str, &'static str>);

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            line: Vec::new(),
            number: 0,
            bytes: 0,
        }
    }

    /// How many bytes have been read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line that is not empty, without its line break; a byte order mark before
    /// the first is no part of it.
    pub(super) fn next(&mut self) -> io::Result<Option<Numbered<'_>>> {
        loop {
            let Some(is_whole) = self.read_line()? else {
                return Ok(None);
            };
            self.number += 1;
            if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
                self.line.drain(..3);
            }
            if !is_whole || !self.line.trim_ascii().is_empty() {
                return Ok(Some((self.number, self.checked(is_whole))));
            }
        }
    }

    fn checked(&self, is_whole: bool) -> Result<&str, &'static str> {
        if !is_whole {
            return Err("is longer than 16 KiB");
        }
        match std::str::from_utf8(&self.line) {
            Ok(line) => Ok(line.trim_end_matches(['\n', '\r'])),
            Err(_) if self.line.starts_with(b"\xff\xfe") || self.line.starts_with(b"\xfe\xff") => {
                Err("is UTF-16: write the file as UTF-8")
            }
            Err(_) => Err("is not UTF-8"),
        }
    }

    /// Reads to the end of a line, and says whether all of it was kept; `None` at the end
    /// of the input.
    fn read_line(&mut self) -> io::Result<Option<bool>> {
        self.line.clear();
        let before = self.bytes;
        loop {
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let end = available.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(available.len(), |end| end + 1);
            let is_last = end.is_some() || used == 0;
            let (taken, _) = available.split_at(used);
            // One byte more than fits tells that the line is too long.
            let room = (MAX_BYTES + 1).saturating_sub(self.line.len());
            self.line.extend(taken.iter().take(room));
            self.input.consume(used);
            self.bytes += used as u64;
            if is_last {
                let has_read = self.bytes > before;
                return Ok(has_read.then_some(self.line.len() <= MAX_BYTES));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8]) -> Vec<(u64, Result<String, &'static str>)> {
        // A small buffer, so that lines do not fit into it.
        let input = io::BufReader::with_capacity(7, input);
        let mut lines = Lines::new(input);
        let mut all = Vec::new();
        while let Some((number, line)) = lines.next().expect("reads") {
            all.push((number, line.map(str::to_owned)));
        }
        all
    }

    fn text(line: &str) -> Result<String, &'static str> {
        Ok(line.to_owned())
    }

    #[test]
    fn line_breaks_marks_and_empty_lines_are_no_part_of_a_line() {
        let input = b"\xef\xbb\xbf{\"a\":1}\r\n\n  \r\n{\"long\": \"enough\"}\nlast";
        let expected = [
            (1, text("{\"a\":1}")),
            (4, text("{\"long\": \"enough\"}")),
            (5, text("last")),
        ];
        assert_eq!(lines(input), expected);
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"\n\n"), []);
        assert_eq!(lines(b"\xef\xbb\xbf"), []);
    }

    #[test]
    fn a_bad_line_is_one_line() {
        let mut input = b"first\n\xff\n".to_vec();
        input.extend(b"x".repeat(MAX_BYTES - 1));
        input.push(b'\n');
        input.extend(b" ".repeat(10 * MAX_BYTES));
        input.extend(b"\nlast\n");
        let lines = lines(&input);
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[1], (2, Err("is not UTF-8")));
        assert!(lines[2].1.is_ok());
        assert_eq!(lines[3], (4, Err("is longer than 16 KiB")));
        assert_eq!(lines[4], (5, text("last")));
    }

    #[test]
    fn another_encoding_is_named() {
        let lines = lines(b"\xff\xfe{\x00}\x00\n");
        assert_eq!(lines, [(1, Err("is UTF-16: write the file as UTF-8"))]);
    }
}
