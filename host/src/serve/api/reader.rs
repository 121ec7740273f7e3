//! `/api/docs`: the description of the API as a page. It is made from the description itself, needs no script,
//! and everything in it is escaped.

use std::fmt::Write as _;

use axum::response::Html;
use serde_json::{Map, Value};

use crate::serve::auth::Viewer;
use crate::serve::console::Frame;

/// How deep a schema is followed in its short form.
const DEPTH: usize = 3;

/// The page.
pub(super) async fn page(_: Viewer, _frame: Frame) -> Html<String> {
    let api = serde_json::to_value(super::openapi()).unwrap_or_default();
    Html(html(&api))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn object<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value
        .get(key)
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
}

fn array<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The page of a description.
fn html(api: &Value) -> String {
    let mut out = String::new();
    let sheet = ox_console::assets::all()
        .iter()
        .find(|asset| asset.path.ends_with(".css"))
        .map_or("", |asset| asset.path.as_str());
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>API - ox-host</title><link rel=\"stylesheet\" href=\"{}\"></head><body>\n\
         <main id=\"main\"><h1>API</h1>\n<p>{}</p>\n\
         <p><a href=\"/api/v1/openapi.json\">The description for programs (OpenAPI 3.1)</a>. \
         <a href=\"/\">The console</a>.</p>\n<nav aria-label=\"Parts\"><ul>\n",
        escaped(sheet),
        escaped(text(&api["info"], "description"))
    );
    for tag in array(api, "tags") {
        let name = escaped(text(tag, "name"));
        let _ = writeln!(out, "<li><a href=\"#{name}\">{name}</a></li>");
    }
    out.push_str("<li><a href=\"#schemas\">schemas</a></li></ul></nav>\n");
    for tag in array(api, "tags") {
        let name = text(tag, "name");
        let _ = write!(
            out,
            "<section aria-labelledby=\"{0}\"><h2 id=\"{0}\">{0}</h2>\n<p>{1}</p>\n",
            escaped(name),
            escaped(text(tag, "description"))
        );
        for (path, item) in object(api, "paths") {
            for (method, operation) in item.as_object().into_iter().flatten() {
                if array(operation, "tags").any(|one| one.as_str() == Some(name)) {
                    one(&mut out, path, method, operation);
                }
            }
        }
        out.push_str("</section>\n");
    }
    out.push_str("<section aria-labelledby=\"schemas\"><h2 id=\"schemas\">schemas</h2>\n");
    for (name, schema) in object(&api["components"], "schemas") {
        let _ = write!(
            out,
            "<h3 id=\"schema-{0}\">{0}</h3>\n<p>{1}</p>\n",
            escaped(name),
            escaped(text(schema, "description"))
        );
        fields(&mut out, name, schema);
    }
    out.push_str("</section></main></body></html>\n");
    out
}

fn one(out: &mut String, path: &str, method: &str, operation: &Value) {
    let id = text(operation, "operationId");
    let _ = write!(
        out,
        "<article aria-labelledby=\"{id}\"><h3 id=\"{id}\">{summary}</h3>\n\
         <p><code>{method} /api/v1{path}</code></p>\n",
        id = escaped(id),
        summary = escaped(text(operation, "summary")),
        method = escaped(&method.to_uppercase()),
        path = escaped(path),
    );
    let about = text(operation, "description");
    if !about.is_empty() {
        let _ = writeln!(out, "<p>{}</p>", escaped(about));
    }
    if array(operation, "parameters").next().is_some() {
        let _ = writeln!(
            out,
            "<table><caption>Parameters of {}</caption><thead><tr><th scope=\"col\">Name</th>\
             <th scope=\"col\">In</th><th scope=\"col\">Value</th><th scope=\"col\">What it is</th></tr></thead><tbody>",
            escaped(text(operation, "summary"))
        );
        for parameter in array(operation, "parameters") {
            let _ = writeln!(
                out,
                "<tr><th scope=\"row\"><code>{}</code></th><td>{}</td><td>{}</td><td>{}</td></tr>",
                escaped(text(parameter, "name")),
                escaped(text(parameter, "in")),
                shape(&parameter["schema"], 0),
                escaped(text(parameter, "description"))
            );
        }
        out.push_str("</tbody></table>\n");
    }
    let body = object(&operation["requestBody"], "content").next();
    if let Some((media_type, content)) = body {
        let _ = writeln!(
            out,
            "<p>Body: {} ({})</p>",
            shape(&content["schema"], 0),
            escaped(media_type)
        );
    }
    let _ = writeln!(
        out,
        "<table><caption>Answers of {}</caption><thead><tr><th scope=\"col\">Status</th>\
         <th scope=\"col\">What it says</th><th scope=\"col\">Body</th></tr></thead><tbody>",
        escaped(text(operation, "summary"))
    );
    for (status, response) in object(operation, "responses") {
        let body = object(response, "content")
            .map(|(media_type, content)| {
                format!("{} ({})", shape(&content["schema"], 0), escaped(media_type))
            })
            .collect::<Vec<_>>()
            .join(", ");
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{body}</td></tr>",
            escaped(status),
            escaped(text(response, "description"))
        );
    }
    out.push_str("</tbody></table>\n");
    let mut line = "curl -H \"Authorization: Bearer $OX_HOST_TOKEN\"".to_owned();
    if method != "get" {
        let _ = write!(line, " -X {}", method.to_uppercase());
    }
    for parameter in array(operation, "parameters") {
        if text(parameter, "description").ends_with("required") {
            let _ = write!(line, " -H '{}: …'", text(parameter, "name"));
        }
    }
    if let Some((media_type, _)) = body {
        let _ = write!(line, " -H 'Content-Type: {media_type}' --data-binary @body");
    }
    let _ = write!(line, " \"$OX_HOST_SERVER/api/v1{path}\"");
    let _ = writeln!(
        out,
        "<pre><code>{}</code></pre>\n</article>",
        escaped(&line)
    );
}

/// A schema in a few words, with links to those that have a name.
fn shape(schema: &Value, depth: usize) -> String {
    if depth > DEPTH {
        return "…".to_owned();
    }
    if let Some(name) = text(schema, "$ref").strip_prefix("#/components/schemas/") {
        let name = escaped(name);
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    let words: Vec<String> = array(schema, "enum")
        .filter_map(Value::as_str)
        .map(|word| format!("<code>{}</code>", escaped(word)))
        .collect();
    if !words.is_empty() {
        return words.join(", ");
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        let parts: Vec<_> = array(schema, key)
            .map(|one| shape(one, depth + 1))
            .collect();
        if !parts.is_empty() {
            return parts.join(" or ");
        }
    }
    if schema.get("items").is_some_and(Value::is_object) {
        return format!("list of {}", shape(&schema["items"], depth + 1));
    }
    let kind = match &schema["type"] {
        Value::String(one) => one.clone(),
        Value::Array(several) => several
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "anything".to_owned(),
    };
    escaped(&kind)
}

fn fields(out: &mut String, name: &str, schema: &Value) {
    if object(schema, "properties").next().is_none() {
        let _ = writeln!(out, "<p>{}</p>", shape(schema, 0));
        return;
    }
    let required: Vec<_> = array(schema, "required")
        .filter_map(Value::as_str)
        .collect();
    let _ = writeln!(
        out,
        "<table><caption>Fields of {}</caption><thead><tr><th scope=\"col\">Field</th>\
         <th scope=\"col\">Value</th><th scope=\"col\">What it is</th></tr></thead><tbody>",
        escaped(name)
    );
    for (key, field) in object(schema, "properties") {
        let optional = if required.contains(&key.as_str()) {
            ""
        } else {
            " (may be missing)"
        };
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\"><code>{}</code></th><td>{}{optional}</td><td>{}</td></tr>",
            escaped(key),
            shape(field, 0),
            escaped(text(field, "description"))
        );
    }
    out.push_str("</tbody></table>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_on_the_page_and_nothing_is_markup() {
        let api = serde_json::to_value(crate::serve::api::openapi()).unwrap_or_default();
        let page = html(&api);
        for (path, item) in object(&api, "paths") {
            for (_, operation) in item.as_object().into_iter().flatten() {
                let id = format!("id=\"{}\"", text(operation, "operationId"));
                assert!(page.contains(&id), "{path} {id}");
            }
        }
        let mut evil = api;
        let description = evil.pointer_mut("/info/description");
        *description.unwrap_or(&mut Value::Null) = Value::String("<script>x</script>".to_owned());
        assert!(!html(&evil).contains("<script"));
    }
}
