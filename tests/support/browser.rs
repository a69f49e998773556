//! A browser without a script: it follows forms, keeps one cookie, and says where its
//! requests come from.

use reqwest::Url;
use reqwest::header::SET_COOKIE;

use crate::answer::Answer;
use crate::call::Call;
use crate::server::Server;

/// The media type of forms.
const FORM: &str = "application/x-www-form-urlencoded";

/// A browser that has one server's pages open.
///
/// Whatever it is answered, the token in its cookie must not be in it.
#[derive(Debug)]
pub struct Browser<'a> {
    server: &'a Server,
    user_agent: &'static str,
    token: Option<String>,
}

impl<'a> Browser<'a> {
    /// A browser that has never been there.
    #[must_use]
    pub fn new(server: &'a Server) -> Self {
        Self {
            server,
            user_agent: "Tests/1.0",
            token: None,
        }
    }

    /// The same under another name.
    #[must_use]
    pub fn called(mut self, user_agent: &'static str) -> Self {
        self.user_agent = user_agent;
        self
    }

    /// The same with this refresh token in its cookie.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// The refresh token in the cookie.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("a cookie")
    }

    /// Whether there is a cookie.
    #[must_use]
    pub fn is_signed_in(&self) -> bool {
        self.token.is_some()
    }

    /// Opens a page.
    pub async fn visit(&mut self, path: &str) -> Answer {
        let call = self.server.get(path).header("sec-fetch-site", "none");
        self.take(call.header("accept", "text/html,*/*;q=0.8"))
            .await
    }

    /// Sends a form of one of the pages.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let call = self.server.form(path, fields).header("accept", "text/html");
        let call = call.header("sec-fetch-site", "same-origin");
        self.take(call.header("origin", self.server.origin())).await
    }

    /// Sends a request with the cookie, keeps what is set, and looks at the answer.
    ///
    /// # Panics
    ///
    /// When the answer sets a cookie that is not guarded, or shows the token.
    pub async fn take(&mut self, call: Call) -> Answer {
        let call = match &self.token {
            Some(token) => call.header("cookie", &format!("latchkey={token}")),
            None => call,
        };
        let answer = call.header("user-agent", self.user_agent).await;
        let mut cookies = answer.headers.get_all(SET_COOKIE).iter();
        if let Some(cookie) = cookies.next() {
            self.keep(cookie.to_str().expect("a cookie of text"));
        }
        assert!(cookies.next().is_none(), "one cookie at most");
        if let Some(token) = &self.token {
            assert!(!answer.text().contains(token), "a page shows the token");
        }
        answer
    }

    fn keep(&mut self, cookie: &str) {
        let (pair, attributes) = cookie.split_once("; ").expect("attributes");
        let (name, token) = pair.split_once('=').expect("a value");
        let max_age = attributes
            .strip_prefix("Path=/; Max-Age=")
            .and_then(|rest| rest.strip_suffix("; HttpOnly; SameSite=Lax"))
            .unwrap_or_else(|| panic!("it is not guarded: {attributes}"));
        let max_age: u64 = max_age.parse().expect("seconds");
        assert_eq!((name, token.is_empty()), ("latchkey", max_age == 0));
        self.token = (max_age > 0).then(|| token.to_owned());
    }
}

impl Server {
    /// A POST request with a form, which says nothing of where it comes from.
    ///
    /// # Panics
    ///
    /// Never.
    pub fn form(&self, path: &str, fields: &[(&str, &str)]) -> Call {
        let mut url: Url = "http://localhost".parse().expect("a URL");
        url.query_pairs_mut().extend_pairs(fields);
        self.post(path).body(FORM, url.query().unwrap_or_default())
    }
}

/// What a page says of its form.
impl Answer {
    /// Whether the field with this id is marked as wrong.
    ///
    /// # Panics
    ///
    /// When there is no such field.
    #[track_caller]
    #[must_use]
    pub fn refuses(&self, field: &str) -> bool {
        self.tag(field).contains("aria-invalid=\"true\"")
    }

    /// The value that a field holds.
    ///
    /// # Panics
    ///
    /// When there is no such field.
    #[track_caller]
    #[must_use]
    pub fn value(&self, field: &str) -> &str {
        let tag = self.tag(field);
        let value = tag.split_once(" value=\"").map(|(_, rest)| rest);
        value.map_or("", |rest| rest.split('"').next().unwrap_or_default())
    }

    /// The element that describes what is wrong with a field, as HTML.
    ///
    /// # Panics
    ///
    /// When there is none, or the field does not point at it.
    #[track_caller]
    #[must_use]
    pub fn faults(&self, field: &str) -> &str {
        let id = format!("{field}-faults");
        assert!(self.tag(field).contains(&id), "{}", self.text());
        let (_, rest) = self
            .text()
            .split_once(&format!("id=\"{id}\""))
            .unwrap_or_else(|| panic!("no {id}: {}", self.text()));
        rest.split("</ul>").next().unwrap_or_default()
    }

    /// The summary of what is wrong, which is announced, as HTML.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    #[must_use]
    pub fn alert(&self) -> &str {
        let (_, rest) = self
            .text()
            .split_once("role=\"alert\"")
            .unwrap_or_else(|| panic!("no alert: {}", self.text()));
        rest.split("<form").next().unwrap_or_default()
    }

    #[track_caller]
    fn tag(&self, id: &str) -> &str {
        let html = self.text();
        let at = html
            .find(&format!(" id=\"{id}\""))
            .unwrap_or_else(|| panic!("no element {id}: {html}"));
        let start = html[..at].rfind('<').unwrap_or_default();
        html[start..].split('>').next().unwrap_or_default()
    }
}
