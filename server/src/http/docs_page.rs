//! `/docs`: the OpenAPI document as one page of HTML, written here, so that it needs
//! neither a script nor the network.

use std::fmt::Write;

use askama::Template;
use serde_json::{Map, Value};

use super::openapi::ALWAYS;

/// The page: two texts, and parts that are HTML already.
#[derive(Template)]
#[template(path = "docs.html")]
struct DocsPage<'a> {
    title: &'a str,
    server: &'a str,
    description: String,
    contents: String,
    operations: String,
    schemas: String,
}

/// The page for a document that [`super::openapi::document`] made.
pub(crate) fn render(document: &Value) -> String {
    let mut description = String::new();
    paragraphs(&mut description, &document["info"]["description"]);
    let mut contents = String::new();
    let mut operations = String::new();
    for (path, methods) in members(&document["paths"]) {
        for (method, operation) in members(methods) {
            let id = text(&operation["operationId"]);
            let method = method.to_ascii_uppercase();
            push(
                &mut contents,
                format_args!(
                    "<li><a href=\"#{id}\"><b>{method}</b> <code>{}</code></a></li>\n",
                    escape(path)
                ),
            );
            operation_section(&mut operations, path, &method, operation);
        }
    }
    let mut schemas = String::new();
    for (name, schema) in members(&document["components"]["schemas"]) {
        push(
            &mut schemas,
            format_args!("<section id=\"schema-{0}\"><h3>{0}</h3>\n", escape(name)),
        );
        paragraphs(&mut schemas, &schema["description"]);
        member_table(&mut schemas, schema);
        schemas.push_str("</section>\n");
    }
    let page = DocsPage {
        title: text(&document["info"]["title"]),
        server: text(&document["servers"][0]["url"]),
        description,
        contents,
        operations,
        schemas,
    };
    // Writing to a String does not fail.
    page.render().unwrap_or_default()
}

fn operation_section(page: &mut String, path: &str, method: &str, operation: &Value) {
    push(
        page,
        format_args!(
            "<section id=\"{}\"><h3><b>{method}</b> <code>{}</code></h3>\n<p>{}.</p>\n",
            text(&operation["operationId"]),
            escape(path),
            prose(text(&operation["summary"])),
        ),
    );
    if let Some(wanted) = wanted_token(&operation["security"]) {
        push(page, format_args!("<p class=\"token\">{wanted}</p>\n"));
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if body.is_object() {
        page.push_str("<h4>Request body, JSON</h4>\n");
        member_table(page, body);
    }
    page.push_str("<h4>Answers</h4>\n<dl>\n");
    for (status, response) in
        members(&operation["responses"]).filter(|(_, response)| !is_always_possible(response))
    {
        push(page, format_args!("<dt>{}</dt><dd>", escape(status)));
        paragraphs(page, &response["description"]);
        // Problems have one shape, and the description above lists their codes.
        for (media_type, content) in members(&response["content"])
            .filter(|(media_type, _)| *media_type != "application/problem+json")
        {
            push(
                page,
                format_args!(
                    "<p class=\"type\"><code>{}</code> {}</p>\n",
                    escape(media_type),
                    type_of(&content["schema"])
                ),
            );
        }
        page.push_str("</dd>\n");
    }
    page.push_str("</dl></section>\n");
}

/// Whether a response holds nothing but the problems that every operation may have, of
/// which the page speaks once.
fn is_always_possible(response: &Value) -> bool {
    let content = members(&response["content"]);
    let problems = &response["content"]["application/problem+json"];
    let codes = problems["schema"]["properties"]["code"]["enum"].as_array();
    content.count() == 1
        && codes.is_some_and(|codes| {
            codes
                .iter()
                .all(|code| ALWAYS.iter().any(|problem| problem.code() == code))
        })
}

/// Which tokens an operation takes, in words; none when it takes none.
fn wanted_token(security: &Value) -> Option<String> {
    let alternatives: Vec<&str> = security
        .as_array()?
        .iter()
        .map(|alternative| match members(alternative).next() {
            Some((name, _)) if name == "access_token" => "an access token",
            Some(_) => "a refresh token",
            None => "nothing",
        })
        .collect();
    (!alternatives.is_empty()).then(|| {
        let wanted = alternatives.join(" or ");
        format!("<code>Authorization: Bearer</code> with {wanted}")
    })
}

/// The members of an object schema, one row each.
fn member_table(page: &mut String, schema: &Value) {
    let required = schema["required"].as_array();
    page.push_str("<div class=\"table\"><table><tbody>\n");
    for (name, member) in members(&schema["properties"]) {
        let is_required =
            required.is_some_and(|names| names.iter().any(|required| required == name));
        push(
            page,
            format_args!(
                "<tr><th scope=\"row\"><code>{}</code></th><td>{}{}</td><td>{}</td></tr>\n",
                escape(name),
                type_of(member),
                if is_required { "" } else { ", optional" },
                prose(text(&member["description"])),
            ),
        );
    }
    page.push_str("</tbody></table></div>\n");
}

/// A schema in a few words, as HTML.
fn type_of(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = escape(reference.rsplit('/').next().unwrap_or(reference));
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values
            .iter()
            .map(|value| format!("<code>{}</code>", escape(&value.to_string())))
            .collect();
        return values.join(" or ");
    }
    for (combined, separator) in [("allOf", " and "), ("anyOf", " or "), ("oneOf", " or ")] {
        if let Some(parts) = schema[combined].as_array() {
            let parts: Vec<String> = parts.iter().map(type_of).collect();
            return parts.join(separator);
        }
    }
    let kind = match &schema["type"] {
        Value::String(kind) => escape(kind),
        Value::Array(kinds) => {
            let kinds: Vec<String> = kinds.iter().map(|kind| escape(text(kind))).collect();
            kinds.join(" or ")
        }
        _ => "anything".to_owned(),
    };
    let kind = match &schema["items"] {
        Value::Null => kind,
        items => format!("{kind} of {}", type_of(items)),
    };
    let format = schema["format"].as_str().map(escape);
    let range = range(schema);
    let notes: Vec<String> = [format, range].into_iter().flatten().collect();
    if notes.is_empty() {
        kind
    } else {
        format!("{kind} ({})", notes.join(", "))
    }
}

/// The bounds of a number or of a string's length.
fn range(schema: &Value) -> Option<String> {
    let (low, high, unit) = if schema["type"] == "string" {
        (&schema["minLength"], &schema["maxLength"], " characters")
    } else {
        (&schema["minimum"], &schema["maximum"], "")
    };
    match (low, high) {
        (Value::Null, Value::Null) => None,
        (low, Value::Null) => Some(format!("{low} or more{unit}")),
        (Value::Null, high) => Some(format!("up to {high}{unit}")),
        (low, high) => Some(format!("{low} to {high}{unit}")),
    }
}

/// Text in paragraphs, as HTML.
fn paragraphs(page: &mut String, value: &Value) {
    for paragraph in text(value).split("\n\n").filter(|text| !text.is_empty()) {
        push(page, format_args!("<p>{}</p>\n", prose(paragraph)));
    }
}

/// Text with code between back ticks, as HTML.
fn prose(text: &str) -> String {
    text.split('`')
        .enumerate()
        .map(|(index, part)| {
            if index % 2 == 1 {
                format!("<code>{}</code>", escape(part))
            } else {
                escape(part)
            }
        })
        .collect()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn push(page: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = page.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(
            escape("<a href=\"x\">&"),
            "&lt;a href=&quot;x&quot;&gt;&amp;"
        );
        assert_eq!(
            prose("say `<b>` & go"),
            "say <code>&lt;b&gt;</code> &amp; go"
        );
    }

    #[test]
    fn types_read_like_a_sentence() {
        let name = json!({ "type": "string", "minLength": 5, "maxLength": 100 });
        assert_eq!(type_of(&name), "string (5 to 100 characters)");
        let age = json!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "null" }] });
        assert_eq!(type_of(&age), "integer (1 or more) or null");
        let list = json!({ "type": "array", "items": { "$ref": "#/components/schemas/Session" } });
        assert_eq!(
            type_of(&list),
            "array of <a href=\"#schema-Session\">Session</a>"
        );
    }
}
