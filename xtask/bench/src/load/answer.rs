//! Where an answer ends, and what its body is.

use anyhow::{Context as _, Result, bail};

/// The most header lines of an answer.
const HEADERS: usize = 64;

/// A whole answer at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// How many of the bytes belong to it.
    pub(crate) length: usize,
}

/// What follows the head.
enum Framing {
    Length(usize),
    Chunks,
}

/// The answer that `bytes` begin with, its body in `body`; `None` while some of it is still
/// to come.
///
/// # Errors
///
/// When it is no HTTP/1.1, or does not say where it ends: a connection that is closed after
/// each answer is none that can be measured here.
pub(crate) fn parse(bytes: &[u8], body: &mut Vec<u8>) -> Result<Option<Answer>> {
    body.clear();
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes)? else {
        return Ok(None);
    };
    let status = response.code.context("an answer without a status")?;
    let rest = &bytes[head..];
    let length = match framing(status, response.headers)? {
        Framing::Length(length) => rest.get(..length).map(|content| {
            body.extend_from_slice(content);
            length
        }),
        Framing::Chunks => chunks(rest, body)?,
    };
    Ok(length.map(|length| Answer {
        status,
        length: head + length,
    }))
}

fn framing(status: u16, headers: &[httparse::Header]) -> Result<Framing> {
    let value = |name: &str| {
        let header = headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name));
        header.map(|header| String::from_utf8_lossy(header.value))
    };
    if value("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        return Ok(Framing::Chunks);
    }
    match value("content-length") {
        Some(length) => Ok(Framing::Length(length.trim().parse()?)),
        None if matches!(status, 204 | 304) => Ok(Framing::Length(0)),
        None => bail!("an answer that does not say where it ends"),
    }
}

/// How many bytes the chunks take, their content in `body`; `None` while some are to come.
fn chunks(bytes: &[u8], body: &mut Vec<u8>) -> Result<Option<usize>> {
    let mut at = 0;
    loop {
        let size = httparse::parse_chunk_size(&bytes[at..]);
        let size = size.map_err(|_| anyhow::anyhow!("a chunk without a size"))?;
        let httparse::Status::Complete((line, size)) = size else {
            return Ok(None);
        };
        let from = at + line;
        let size = usize::try_from(size)?;
        // The content and the line break after it; no peer sends trailers.
        let (Some(content), Some(end)) = (
            bytes.get(from..from + size),
            bytes.get(from + size..from + size + 2),
        ) else {
            return Ok(None);
        };
        if end != b"\r\n" {
            bail!("a chunk that does not end where it said");
        }
        body.extend_from_slice(content);
        at = from + size + 2;
        if size == 0 {
            return Ok(Some(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    const CHUNKED: &[u8] =
        b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n";
    const EMPTY: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

    #[test]
    fn an_answer_is_whole_with_its_last_byte_and_not_before() {
        for (whole, status, content) in [
            (SIZED, 200, "hello"),
            (CHUNKED, 201, "hello"),
            (EMPTY, 204, ""),
        ] {
            let mut body = b"of the answer before".to_vec();
            for cut in 0..whole.len() {
                let parsed = parse(&whole[..cut], &mut body).expect("so far good");
                assert_eq!(parsed, None, "of {cut} bytes");
            }
            let length = whole.len();
            let answer = parse(whole, &mut body).expect("good");
            assert_eq!(answer, Some(Answer { status, length }));
            assert_eq!(body, content.as_bytes());
        }
    }

    #[test]
    fn what_follows_belongs_to_the_next() {
        for whole in [SIZED, CHUNKED, EMPTY] {
            let mut body = Vec::new();
            let answer = parse(&[whole, SIZED].concat(), &mut body).expect("good");
            assert_eq!(answer.map(|answer| answer.length), Some(whole.len()));
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in [
            "no HTTP\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc0\r\n\r\n",
        ] {
            assert!(parse(bad.as_bytes(), &mut Vec::new()).is_err(), "{bad}");
        }
    }
}
