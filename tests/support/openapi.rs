//! Holds every answer against what the server says of itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::Answer;

/// The server's own `/openapi.json`, and the rules that hold for every answer.
#[derive(Debug)]
pub(crate) struct Contract {
    document: Value,
    /// By path, method, status and media type; a compiled schema is used many times.
    validators: Mutex<HashMap<[String; 4], Validator>>,
}

impl Contract {
    pub(crate) async fn fetch(http: &reqwest::Client, origin: &str) -> Self {
        let response = http
            .get(format!("{origin}/openapi.json"))
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status().as_u16(), 200, "/openapi.json");
        Self {
            document: response.json().await.expect("/openapi.json is JSON"),
            validators: Mutex::default(),
        }
    }

    /// # Panics
    ///
    /// When the answer is not documented, or not of the documented shape.
    pub(crate) fn hold(&self, method: &Method, path: &str, answer: &Answer) {
        hold_to_general_rules(method, path, answer);
        if method == Method::OPTIONS {
            return;
        }
        let what = format!("{method} {path}: {}", answer.shown());
        // What a page is made of is nobody's interface.
        if is_of_a_page(path) {
            return;
        }
        let Some((template, operations)) = self.path(path) else {
            assert_eq!(answer.status, 404, "an undocumented path: {what}");
            return;
        };
        let documented = match *method {
            Method::HEAD => "get".to_owned(),
            _ => method.as_str().to_lowercase(),
        };
        let Some(operation) = operations.get(&documented) else {
            assert_eq!(answer.status, 405, "an undocumented method: {what}");
            return;
        };
        let response = &operation["responses"][answer.status.to_string()];
        assert!(response.is_object(), "an undocumented status: {what}");
        let response = self.resolve(response);
        if method == Method::HEAD || answer.status == 304 {
            assert!(answer.body.is_empty(), "a body after {what}");
            return;
        }
        let content = &response["content"];
        if answer.body.is_empty() {
            assert!(content.is_null(), "an empty body: {what}");
            return;
        }
        let media_type = media_type(answer);
        let documented_type = &content[&media_type];
        assert!(
            documented_type.is_object(),
            "an undocumented content type: {what}"
        );
        if media_type.ends_with("json") {
            let key = [
                template.to_owned(),
                documented,
                answer.status.to_string(),
                media_type,
            ];
            self.validate(key, &documented_type["schema"], answer, &what);
        }
    }

    /// The template that fits a path, and what can be done there.
    fn path(&self, path: &str) -> Option<(&str, &Value)> {
        let paths = self.document["paths"].as_object().expect("paths");
        // A path without a parameter stands before one with.
        paths
            .iter()
            .filter(|(template, _)| fits(template, path))
            .min_by_key(|(template, _)| template.matches('{').count())
            .map(|(template, operations)| (template.as_str(), operations))
    }

    /// What a reference within the document stands for.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self
                .document
                .pointer(reference.trim_start_matches('#'))
                .unwrap_or_else(|| panic!("{reference} leads nowhere")),
            None => value,
        }
    }

    fn validate(&self, key: [String; 4], schema: &Value, answer: &Answer, what: &str) {
        let mut validators = self
            .validators
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let validator = validators
            .entry(key)
            .or_insert_with(|| self.compile(schema));
        let body = answer.json();
        let errors: Vec<_> = validator
            .iter_errors(&body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(
            errors.is_empty(),
            "not the documented shape ({}): {what}",
            errors.join("; ")
        );
    }

    fn compile(&self, schema: &Value) -> Validator {
        // References count from the root of the document, so the root comes along.
        let whole = json!({
            "allOf": [schema],
            "components": self.document["components"],
        });
        jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&whole)
            .expect("a schema that is one")
    }
}

fn fits(template: &str, path: &str) -> bool {
    let mut pattern = template.split('/');
    let mut segments = path.split('/');
    loop {
        match (pattern.next(), segments.next()) {
            (None, None) => return true,
            (Some(expected), Some(segment))
                if expected == segment || (expected.starts_with('{') && !segment.is_empty()) => {}
            _ => return false,
        }
    }
}

fn media_type(answer: &Answer) -> String {
    let (media_type, _) = answer
        .header("content-type")
        .split_once(';')
        .unwrap_or((answer.header("content-type"), ""));
    media_type.trim().to_owned()
}

/// Whether a path is for browsers alone.
fn is_of_a_page(path: &str) -> bool {
    ["/signup", "/signin", "/signout", "/account"].contains(&path)
        || path.starts_with("/account/")
        || path.starts_with("/assets/")
}

/// What holds for every answer, documented or not.
fn hold_to_general_rules(method: &Method, path: &str, answer: &Answer) {
    let what = format!("{method} {path}: {}", answer.shown());
    assert!(!answer.header("x-request-id").is_empty(), "no id: {what}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    let holds_tokens = serde_json::from_slice::<Value>(&answer.body)
        .is_ok_and(|body| body.get("access_token").is_some());
    if holds_tokens {
        assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    }
    if answer.status < 400 || path == "/health" || path.starts_with("/health/") {
        return;
    }
    let scheme = if ["/oauth/token", "/oauth/revoke", "/oauth/introspect"].contains(&path) {
        if method != Method::HEAD {
            hold_oauth_error(answer, &what);
        }
        "Basic"
    } else {
        // Whoever asks for a page at a path that has none gets one that says so.
        let may_be_page = is_of_a_page(path) || [404, 405].contains(&answer.status);
        let is_page = may_be_page && media_type(answer) == "text/html";
        if !is_page {
            assert_eq!(media_type(answer), "application/problem+json", "{what}");
        }
        if method != Method::HEAD && !is_page {
            hold_problem(&answer.json(), answer.status, &what);
        }
        "Bearer"
    };
    if answer.status == 401 {
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with(scheme), "{what}");
    }
    if answer.status == 429 || answer.status == 503 {
        let seconds: u64 = answer.header("retry-after").parse().expect("Retry-After");
        assert!(seconds > 0, "{what}");
    }
}

/// RFC 6749 section 5.2.
fn hold_oauth_error(answer: &Answer, what: &str) {
    assert_eq!(media_type(answer), "application/json", "{what}");
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    let body = answer.json();
    let members = body.as_object().expect("an object");
    assert_eq!(members.len(), 2, "{what}");
    for name in ["error", "error_description"] {
        let text = members[name].as_str().unwrap_or_default();
        let allowed = |b: u8| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(!text.is_empty() && text.bytes().all(allowed), "{what}");
    }
}

/// RFC 9457 and the members that the predecessor sent.
fn hold_problem(problem: &Value, status: u16, what: &str) {
    let text = |name: &str| {
        problem[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name}: {what}"))
    };
    assert_eq!(problem["status"], status, "{what}");
    assert_eq!(text("msg"), text("detail"), "{what}");
    assert!(
        !text("title").is_empty() && !text("msg").is_empty(),
        "{what}"
    );
    let last = text("type").rsplit(['/', ':', '#']).next();
    assert_eq!(last, Some(text("code")), "{what}");
    if status == 422 {
        let errors = problem["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("no errors: {what}"));
        let joined = errors
            .iter()
            .map(|error| {
                let word = |name: &str| error[name].as_str().unwrap_or("?");
                assert!(!word("code").is_empty(), "{what}");
                // What joins the messages is in none of them.
                assert!(!word("message").contains("; "), "{what}");
                format!("{}: {}", word("field"), word("message"))
            })
            .collect::<Vec<_>>()
            .join("; ");
        assert_eq!(text("msg"), joined, "{what}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_fit_segment_by_segment() {
        assert!(fits("/users/me", "/users/me"));
        assert!(fits("/sessions/{session_id}", "/sessions/1"));
        assert!(!fits("/sessions/{session_id}", "/sessions/"));
        assert!(!fits("/sessions/{session_id}", "/sessions/1/2"));
        assert!(!fits("/sessions/{session_id}", "/sessions"));
    }
}
