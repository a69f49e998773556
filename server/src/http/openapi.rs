//! `/openapi.json`: OpenAPI 3.1, made from the declarations of the operations.

use std::collections::{BTreeMap, BTreeSet};

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::error::{Problem, ProblemBody};
use super::oauth_error::{self, OAuthErrorBody};
use super::operation::{Operation, Token};

/// What every operation may answer beside what it declares.
pub(crate) const ALWAYS: [Problem; 4] = [
    Problem::InvalidHost,
    Problem::InternalError,
    Problem::DatabaseUnavailable,
    Problem::Timeout,
];

/// The API as a whole.
const DESCRIPTION: &str = "Sign-up, sign-in, and JSON Web Tokens for the users of an application.\n\n\
    Every path that answers GET answers HEAD, and every path answers OPTIONS.\n\n\
    Errors have one shape, `application/problem+json` (RFC 9457); `code` is a stable machine word. \
    Those of the endpoints under `/oauth` have that of RFC 6749 section 5.2. \
    Any operation may answer 400 `invalid_host`, 500 `internal_error`, \
    503 `database_unavailable` and 503 `timeout`.";

/// The document that describes these operations, reached under `public_url`.
pub(crate) fn document<'a>(
    operations: impl IntoIterator<Item = &'a Operation>,
    public_url: &str,
) -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .for_serialize()
        .into_generator();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in operations
        .into_iter()
        .filter(|operation| operation.described)
    {
        paths.entry(operation.path).or_default().insert(
            operation.method.as_str().to_ascii_lowercase(),
            describe(operation, &mut generator),
        );
    }
    let mut schemas = generator.take_definitions(true);
    name_codes(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Latchkey",
            "version": "1",
            "description": DESCRIPTION,
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": public_url }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "access_token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The access token of a session (RFC 9068).",
                },
                "refresh_token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The refresh token of a session; each is good once.",
                },
                "client": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "A client that `latchkey client add` made (RFC 6749 \
                        section 2.3.1).",
                },
            },
        },
    })
}

/// Lists every code that there is where the shape of problems is described.
fn name_codes(schemas: &mut Map<String, Value>) {
    if let Some(code) = schemas
        .get_mut("Problem")
        .and_then(|problem| problem.pointer_mut("/properties/code"))
    {
        let codes: Vec<&str> = Problem::ALL.iter().map(|problem| problem.code()).collect();
        code["enum"] = json!(codes);
    }
}

fn describe(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let mut described = Map::new();
    described.insert("operationId".to_owned(), operation.id.into());
    described.insert("summary".to_owned(), operation.summary.into());
    described.insert("security".to_owned(), security(operation.token));
    if let Some(parameter) = path_parameter(operation) {
        described.insert("parameters".to_owned(), json!([parameter]));
    }
    if !operation.body.is_empty() {
        described.insert("requestBody".to_owned(), request_body(operation));
    }
    described.insert("responses".to_owned(), responses(operation, generator));
    Value::Object(described)
}

/// The alternatives: an empty object is a request without a token.
fn security(token: Token) -> Value {
    match token {
        Token::None => json!([]),
        Token::Access => json!([{ "access_token": [] }]),
        Token::RefreshOrBody => json!([{ "refresh_token": [] }, {}]),
        Token::AccessOrRefresh => json!([{ "access_token": [] }, { "refresh_token": [] }]),
        // A client may also put its credentials into the form, for which there is no word.
        Token::Client | Token::AnyClient => json!([{ "client": [] }, {}]),
    }
}

fn path_parameter(operation: &Operation) -> Option<Value> {
    let (_, last) = operation.path.rsplit_once('/')?;
    let name = last.strip_prefix('{')?.strip_suffix('}')?;
    Some(json!({
        "name": name,
        "in": "path",
        "required": true,
        "schema": (operation.parameter)(),
    }))
}

fn request_body(operation: &Operation) -> Value {
    let properties: Map<String, Value> = operation
        .body
        .iter()
        .map(|member| (member.name.to_owned(), (member.schema)()))
        .collect();
    let required: Vec<&str> = operation
        .body
        .iter()
        .filter(|member| member.required)
        .map(|member| member.name)
        .collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    let media_type = if operation.form {
        // What nobody asks for is ignored, but nothing may come twice.
        schema["additionalProperties"] = json!({ "type": "string" });
        "application/x-www-form-urlencoded"
    } else {
        "application/json"
    };
    json!({
        "required": operation.token != Token::RefreshOrBody,
        "content": { media_type: { "schema": schema } },
    })
}

fn responses(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    for answer in &operation.answers {
        let status = answer.status.as_str().to_owned();
        let response = responses
            .entry(status)
            .or_insert_with(|| json!({ "description": answer.description }));
        if let Some(content) = &answer.content {
            let schema = (content.schema)(generator);
            response["content"][content.media_type] = json!({ "schema": schema });
        }
        for link in &answer.links {
            response["links"][link.operation] = (link.given)();
            response["links"][link.operation]["operationId"] = link.operation.into();
        }
    }

    let oauth = oauth_error::is_spoken_at(operation.path);
    let mut by_status: BTreeMap<u16, Vec<Problem>> = BTreeMap::new();
    for problem in operation.problems.iter().chain(&ALWAYS) {
        let status = if oauth {
            problem.oauth_status()
        } else {
            problem.status()
        };
        let problems = by_status.entry(status.as_u16()).or_default();
        if !problems.contains(problem) {
            problems.push(*problem);
        }
    }
    for (status, problems) in by_status {
        let response = responses
            .entry(status.to_string())
            .or_insert_with(|| json!({ "description": explain(&problems, oauth) }));
        let (media_type, schema) = if oauth {
            ("application/json", oauth_schema(&problems, generator))
        } else {
            let schema = problem_schema(status, &problems, generator);
            ("application/problem+json", schema)
        };
        response["content"][media_type] = json!({ "schema": schema });
        if let Some(headers) = headers(status) {
            response["headers"] = headers;
        }
    }
    Value::Object(responses)
}

/// What a problem with this status says in its headers.
fn headers(status: u16) -> Option<Value> {
    let text = |description: &str| {
        json!({
            "required": true,
            "description": description,
            "schema": { "type": "string" },
        })
    };
    let retry_after = json!({
        "required": true,
        "description": "Seconds after which to try again.",
        "schema": { "type": "integer", "minimum": 1 },
    });
    match status {
        401 => Some(json!({
            "WWW-Authenticate": text("How to say who asks (RFC 9110 section 11.6.1)."),
        })),
        429 => Some(json!({
            "Retry-After": retry_after,
            "RateLimit": text("What is left (draft-ietf-httpapi-ratelimit-headers)."),
            "RateLimit-Policy": text("What there is of it, and in which time."),
        })),
        503 => Some(json!({ "Retry-After": retry_after })),
        _ => None,
    }
}

/// `code`: what it means, one per line.
fn explain(problems: &[Problem], oauth: bool) -> String {
    let word = |problem: &Problem| {
        if oauth {
            problem.oauth_word()
        } else {
            problem.code()
        }
    };
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("`{}`: {}", word(problem), problem.message()))
        .collect();
    lines.join("\n\n")
}

fn oauth_schema(problems: &[Problem], generator: &mut SchemaGenerator) -> Value {
    let words: BTreeSet<&str> = problems.iter().map(|one| one.oauth_word()).collect();
    json!({
        "allOf": [generator.subschema_for::<OAuthErrorBody<'static>>()],
        "properties": { "error": { "enum": words } },
    })
}

fn problem_schema(status: u16, problems: &[Problem], generator: &mut SchemaGenerator) -> Value {
    let codes: Vec<&str> = problems.iter().map(|problem| problem.code()).collect();
    json!({
        "allOf": [generator.subschema_for::<ProblemBody<'static>>()],
        "properties": {
            "status": { "const": status },
            "code": { "enum": codes },
        },
    })
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use warp::http::{Method, StatusCode};

    use super::*;
    use crate::http::fields::{AGE, NAME};

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Thing {
        name: String,
    }

    fn described() -> Value {
        let operation = Operation::new(Method::PATCH, "/things/{thing_id}")
            .named("change_thing", "Change a thing")
            .token(Token::Access)
            .parameter(|| json!({ "type": "string", "format": "uuid" }))
            .body(const { &[NAME.required(), AGE.optional()] })
            .answer::<Thing>(StatusCode::OK, "The thing.")
            .link(
                "read_thing",
                || json!({ "parameters": { "thing_id": "$response.body#/thing_id" } }),
            );
        document([&operation], "https://auth.example.com")
    }

    #[test]
    fn says_what_was_declared() {
        let document = described();
        assert_eq!(document["servers"][0]["url"], "https://auth.example.com");
        let operation = &document["paths"]["/things/{thing_id}"]["patch"];
        assert_eq!(operation["operationId"], "change_thing");
        assert_eq!(operation["security"], json!([{ "access_token": [] }]));
        assert_eq!(operation["parameters"][0]["name"], "thing_id");
        assert_eq!(operation["parameters"][0]["schema"]["format"], "uuid");
        assert_eq!(
            operation["responses"]["200"]["links"]["read_thing"],
            json!({
                "operationId": "read_thing",
                "parameters": { "thing_id": "$response.body#/thing_id" },
            })
        );
        let refused = &operation["responses"]["401"]["headers"];
        assert_eq!(refused["WWW-Authenticate"]["required"], true);
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(body["required"], json!(["name"]));
        assert_eq!(body["properties"]["name"]["minLength"], 5);
        assert_eq!(
            operation["responses"]["200"]["content"]["application/json"]["schema"],
            json!({ "$ref": "#/components/schemas/Thing" })
        );
    }

    #[test]
    fn problems_are_listed_by_status() {
        let document = described();
        let responses = &document["paths"]["/things/{thing_id}"]["patch"]["responses"];
        let codes = |status: &str| {
            let content = &responses[status]["content"]["application/problem+json"];
            content["schema"]["properties"]["code"]["enum"].clone()
        };
        assert_eq!(
            codes("400"),
            json!(["invalid_request", "invalid_json", "invalid_host"])
        );
        assert_eq!(codes("503"), json!(["database_unavailable", "timeout"]));
        let all = &document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"];
        assert_eq!(all.as_array().map(Vec::len), Some(Problem::ALL.len()));
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = described();
        let text = document.to_string();
        let references: Vec<&str> = text
            .split("\"$ref\":\"#")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(references.len() > 3, "{references:?}");
        for reference in references {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
    }
}
