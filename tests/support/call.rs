//! A request that a test makes.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};
use serde_json::Value;

use crate::answer::Answer;
use crate::server::Client;

/// A request, sent when it is awaited.
#[derive(Debug)]
#[must_use = "a request is sent when it is awaited"]
pub struct Call {
    client: Client,
    request: Request,
}

impl Call {
    pub(crate) fn new(client: Client, method: Method, path: &str) -> Self {
        let url: Url = format!("{}{path}", client.origin).parse().expect("a URL");
        Self {
            request: Request::new(method, url),
            client,
        }
    }

    /// Sends a token as `Authorization: Bearer`.
    pub fn bearer(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// Adds a header, beside what is there under that name.
    ///
    /// # Panics
    ///
    /// When there can be no such header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request.headers_mut().append(
            name.parse::<HeaderName>().expect("a header's name"),
            HeaderValue::from_bytes(value.as_bytes()).expect("a header's value"),
        );
        self
    }

    /// Sends JSON.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sends a form.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let encode = |text: &str| -> String {
            text.bytes().fold(String::new(), |mut encoded, byte| {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                        encoded.push(char::from(byte));
                    }
                    _ => encoded.push_str(&format!("%{byte:02X}")),
                }
                encoded
            })
        };
        let pairs: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        self.body("application/x-www-form-urlencoded", pairs.join("&"))
    }

    /// Names a client and its secret in `Authorization` (RFC 7617).
    pub fn basic(self, id: &str, secret: &str) -> Self {
        let pair = STANDARD.encode(format!("{id}:{secret}"));
        self.header("authorization", &format!("Basic {pair}"))
    }

    /// Sends a body of this kind.
    ///
    /// # Panics
    ///
    /// When the kind is not the value of a header.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let content_type = HeaderValue::from_str(content_type).expect("a content type");
        self.request
            .headers_mut()
            .insert(CONTENT_TYPE, content_type);
        *self.request.body_mut() = Some(body.into().into());
        self
    }

    /// Sends it. An error means that there was no answer, as when the server is gone.
    ///
    /// # Errors
    ///
    /// When the connection breaks before the answer is there.
    ///
    /// # Panics
    ///
    /// When the answer is not one that the server documents.
    pub async fn attempt(self) -> Result<Answer, reqwest::Error> {
        let method = self.request.method().clone();
        let path = self.request.url().path().to_owned();
        let response = self.client.http.execute(self.request).await?;
        let answer = Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await?.to_vec(),
            origin: self.client.origin.clone(),
        };
        self.client.hold_to_contract(&method, &path, &answer).await;
        Ok(answer)
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    /// Sends it; the test fails when there is no answer.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { self.attempt().await.expect("an answer") })
    }
}
