//! What a client asks, and what it keeps of the answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::to_f64;

/// One client.
pub(crate) trait Script: Send {
    /// Writes the next request to `request`, which is empty. Says what is asked, as an index
    /// under which the latency is kept.
    fn ask(&mut self, request: &mut Vec<u8>) -> usize;

    /// Takes the body of the answer, whose status is 2xx.
    fn hear(&mut self, _body: &[u8]) -> Result<()> {
        Ok(())
    }

    /// A turn begins.
    fn begin(&mut self) {}

    /// When to ask; at once without.
    fn due(&mut self) -> Option<Instant> {
        None
    }
}

/// A request without a body. `headers` are whole lines.
pub(crate) fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").into_bytes()
}

/// A request with a body of this type. `headers` are whole lines.
pub(crate) fn post(path: &str, headers: &str, content_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-type: {content_type}\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A header line with a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

/// The text of a member of a JSON object, cheaply: for members whose text has no escapes,
/// such as tokens, and whose name stands nowhere else.
pub(crate) fn member<'a>(json: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(json).ok()?;
    let quoted = format!("\"{name}\"");
    let after = &text[text.find(&quoted)? + quoted.len()..];
    let value = after
        .trim_start()
        .strip_prefix(':')?
        .trim_start()
        .strip_prefix('"')?;
    value.split('"').next()
}

/// The same requests again and again.
pub(crate) struct Repeat {
    requests: Arc<[Vec<u8>]>,
    next: usize,
}

impl Repeat {
    /// From `from` on, around.
    pub(crate) fn from(requests: Vec<Vec<u8>>, from: usize) -> Self {
        Self::shared(requests.into(), from)
    }

    /// The same of requests that others send as well.
    pub(crate) fn shared(requests: Arc<[Vec<u8>]>, from: usize) -> Self {
        Self {
            next: from,
            requests,
        }
    }

    pub(crate) fn one(request: Vec<u8>) -> Self {
        Self::from(vec![request], 0)
    }
}

impl Script for Repeat {
    fn ask(&mut self, request: &mut Vec<u8>) -> usize {
        request.extend_from_slice(&self.requests[self.next % self.requests.len()]);
        self.next += 1;
        0
    }
}

/// A request that is another one each time: the number that it is made with has never been
/// given before.
pub(crate) struct Numbered<F> {
    next: u64,
    make: F,
}

impl<F: Fn(u64) -> Vec<u8>> Numbered<F> {
    /// From `first` on.
    pub(crate) fn new(first: u64, make: F) -> Self {
        Self { next: first, make }
    }
}

impl<F: Fn(u64) -> Vec<u8> + Send> Script for Numbered<F> {
    fn ask(&mut self, request: &mut Vec<u8>) -> usize {
        request.extend_from_slice(&(self.make)(self.next));
        self.next += 1;
        0
    }
}

/// Each refresh token is exchanged for the next.
pub(crate) struct Refresh {
    path: &'static str,
    token: String,
}

impl Refresh {
    pub(crate) fn new(path: &'static str, token: String) -> Self {
        Self { path, token }
    }
}

impl Script for Refresh {
    fn ask(&mut self, request: &mut Vec<u8>) -> usize {
        for part in [
            "POST ",
            self.path,
            " HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\nauthorization: Bearer ",
            &self.token,
            "\r\n\r\n",
        ] {
            request.extend_from_slice(part.as_bytes());
        }
        0
    }

    fn hear(&mut self, body: &[u8]) -> Result<()> {
        let token = member(body, "refresh_token").context("no refresh token")?;
        token.clone_into(&mut self.token);
        Ok(())
    }
}

/// Several scripts in one client, each as often as its share says.
pub(crate) struct Mix {
    parts: Vec<Box<dyn Script>>,
    /// Whose turn it is, at each place of a round.
    round: Vec<usize>,
    at: usize,
    asked: usize,
}

impl Mix {
    /// Each part has its share of the places of a round, evenly spread. Clients should
    /// begin at different places, `at`.
    pub(crate) fn new(parts: Vec<(Box<dyn Script>, usize)>, at: usize) -> Self {
        let mut places: Vec<(f64, usize)> = Vec::new();
        for (part, (_, share)) in parts.iter().enumerate() {
            let share = *share;
            places.extend((0..share).map(|nth| (to_f64(2 * nth + 1) / to_f64(2 * share), part)));
        }
        places.sort_by(|one, other| one.0.total_cmp(&other.0));
        Self {
            parts: parts.into_iter().map(|(script, _)| script).collect(),
            round: places.into_iter().map(|(_, part)| part).collect(),
            at,
            asked: 0,
        }
    }
}

impl Script for Mix {
    fn ask(&mut self, request: &mut Vec<u8>) -> usize {
        self.asked = self.round[self.at % self.round.len()];
        self.at += 1;
        self.parts[self.asked].ask(request);
        self.asked
    }

    fn hear(&mut self, body: &[u8]) -> Result<()> {
        self.parts[self.asked].hear(body)
    }
}

/// A script that asks at its times, however long the answers take: a delay counts from the
/// time at which the client would have asked.
pub(crate) struct Paced {
    script: Box<dyn Script>,
    asked: usize,
    every: Duration,
    /// From the beginning of a turn until it asks for the first time.
    after: Duration,
    next: Instant,
}

impl Paced {
    /// Asks `every` so often; its latencies are kept under `asked`.
    pub(crate) fn new(
        script: Box<dyn Script>,
        asked: usize,
        every: Duration,
        after: Duration,
    ) -> Self {
        Self {
            script,
            asked,
            every,
            after,
            next: Instant::now() + after,
        }
    }
}

impl Script for Paced {
    fn ask(&mut self, request: &mut Vec<u8>) -> usize {
        self.script.ask(request);
        self.asked
    }

    fn hear(&mut self, body: &[u8]) -> Result<()> {
        self.script.hear(body)
    }

    fn begin(&mut self) {
        // What the turn before was late by is no delay of this one.
        self.next = Instant::now() + self.after;
    }

    fn due(&mut self) -> Option<Instant> {
        let due = self.next;
        self.next += self.every;
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(script: &mut dyn Script) -> String {
        let mut request = Vec::new();
        script.ask(&mut request);
        String::from_utf8(request).expect("text")
    }

    #[test]
    fn requests_say_how_long_their_body_is() {
        let request = post("/a", &bearer("t"), "text/plain", "héllo");
        let text = String::from_utf8(request).expect("text");
        assert_eq!(
            text,
            "POST /a HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer t\r\n\
             content-type: text/plain\r\ncontent-length: 6\r\n\r\nhéllo"
        );
    }

    #[test]
    fn a_member_is_found_with_and_without_spaces() {
        for json in [
            br#"{"a":"b","token":"x.y-z"}"#.as_slice(),
            br#"{"token" : "x.y-z", "a": 1}"#,
        ] {
            assert_eq!(member(json, "token"), Some("x.y-z"));
        }
        assert_eq!(member(br#"{"token":null}"#, "token"), None);
        assert_eq!(member(br#"{"tokens":"x"}"#, "token"), None);
    }

    #[test]
    fn a_refresh_uses_the_token_of_the_answer_before() {
        let mut script = Refresh::new("/refresh", "one".to_owned());
        assert!(asked(&mut script).contains("Bearer one\r\n\r\n"));
        script.hear(br#"{"refresh_token":"two"}"#).expect("a token");
        assert!(asked(&mut script).contains("Bearer two\r\n\r\n"));
        assert!(script.hear(b"{}").is_err());
    }

    #[test]
    fn numbers_are_never_given_twice() {
        let mut script = Numbered::new(7, |number| number.to_string().into_bytes());
        assert_eq!([asked(&mut script), asked(&mut script)], ["7", "8"]);
    }

    #[test]
    fn a_mix_gives_each_its_share_of_a_round_wherever_it_begins() {
        let part = |name: &str, share| -> (Box<dyn Script>, usize) {
            (Box::new(Repeat::one(name.as_bytes().to_vec())), share)
        };
        for from in [0, 5, 221] {
            let parts = vec![part("in", 1), part("refresh", 20), part("me", 200)];
            let mut mix = Mix::new(parts, from);
            let mut shares = [0; 3];
            for _ in 0..2 * 221 {
                shares[mix.ask(&mut Vec::new())] += 1;
            }
            assert_eq!(shares, [2, 40, 400]);
        }
    }

    #[test]
    fn a_paced_script_keeps_to_its_times_when_answers_are_late() {
        let every = Duration::from_secs(1);
        let inner = Box::new(Repeat::one(Vec::new()));
        let mut script = Paced::new(inner, 3, every, Duration::ZERO);
        let first = script.due().expect("a time");
        assert_eq!(script.due(), Some(first + every));
        assert_eq!(script.due(), Some(first + 2 * every));
        script.begin();
        assert!(script.due().is_some_and(|next| next < first + 3 * every));
        assert_eq!(script.ask(&mut Vec::new()), 3);
    }
}
