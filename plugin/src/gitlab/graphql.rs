//! GraphQL: one query, and what its many ways of saying no mean for the next try.
//!
//! Most refusals come with status 200. A query that names one field too many fails as a whole, so a fault
//! says what to leave out; one that is too much work says so in words only.

use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{Api, lenient};
use super::errors::{explain, from_transport, not_json, quote};
use crate::contract::{Failure, LackOfPermission, RateLimit};
use crate::http::{Client, Fetched, Request, RetryPolicy};

/// Characters of the longest query that GitLab takes.
pub const QUERY_CAP: usize = 10_000;

/// Bytes of the longest answer: 100 findings whose descriptions are as long as a report allows would be
/// longer, but then fewer are asked for.
pub const ANSWER_CAP: usize = 32 * 1024 * 1024;

/// Why a query has no answer.
#[derive(Debug)]
pub enum Fault {
    /// Nothing that another query could change.
    Failure(Failure),
    /// Type and name of fields that this GitLab does not have.
    UndefinedFields(Vec<(String, String)>),
    /// The query asks for more than GitLab's budget, or the answer for more than ours.
    TooComplex(String),
    /// The server gave up after its time.
    TimedOut(String),
    /// The user may not see it (or it is not there).
    Denied(String),
    /// Anything else, in GitLab's words.
    Said(String),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Value,
    #[serde(default, deserialize_with = "lenient")]
    errors: Vec<Message>,
}

#[derive(Default, Deserialize)]
struct Message {
    #[serde(default, deserialize_with = "lenient")]
    message: String,
    #[serde(default, deserialize_with = "lenient")]
    extensions: Extensions,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Extensions {
    #[serde(deserialize_with = "lenient")]
    code: String,
    #[serde(deserialize_with = "lenient")]
    type_name: String,
    #[serde(deserialize_with = "lenient")]
    field_name: String,
}

/// Asks, and answers the `data`.
pub fn query(api: &Api<'_, '_>, text: &str, variables: &Value) -> Result<Value, Fault> {
    let url = format!("{}/api/graphql", api.base());
    if text.chars().count() > QUERY_CAP {
        return Err(Fault::Said(format!(
            "the query is longer than {QUERY_CAP} characters"
        )));
    }
    let body = json!({ "query": text, "variables": variables })
        .to_string()
        .into_bytes();
    let request = api.authorize(Request::post_json(&url, body));
    let answer = send(api, &request)?;
    if answer.status == 200 {
        return read(&url, &answer);
    }
    let message = first_message(&answer);
    match answer.status {
        // REST took the token, so it is not the token: it lacks the scope that GraphQL wants.
        401 if api.accepted() => {
            let why = explain(
                format!(
                    "GitLab's GraphQL does not accept the token ({url}: {}), though its REST does.",
                    quote(&message)
                ),
                "Use a token with the scope read_api.",
            );
            Err(Failure::Forbidden(LackOfPermission {
                missing_scopes: vec!["read_api".to_owned()],
                why,
            })
            .into())
        }
        422 if message.contains("too large") => Err(Fault::TooComplex(message)),
        422 => Err(Fault::Said(message)),
        503 if timed_out(&message) => Err(Fault::TimedOut(message)),
        _ => Err(api.failure(&url, &answer).into()),
    }
}

/// A query that timed out would time out again, so it is tried once; everything else that may pass gets
/// the usual patience.
fn send(api: &Api<'_, '_>, request: &Request) -> Result<Fetched, Fault> {
    if let Some(failure) = api.refusal() {
        return Err(failure.into());
    }
    let hasty = RetryPolicy {
        attempts: 1,
        ..RetryPolicy::default()
    };
    let hasty = Client::new(api.session().client.transport(), hasty);
    match hasty.fetch(request, ANSWER_CAP) {
        Ok(answer) if answer.status < 429 => Ok(answer),
        Ok(answer) if answer.status == 503 && timed_out(&first_message(&answer)) => Ok(answer),
        Err(error) if error.kind == crate::http::TroubleKind::OverLimit => {
            Err(Fault::TooComplex(error.message))
        }
        Err(error) if !error.is_passing() => Err(from_transport(error).into()),
        _ => Ok(api.raw(request, ANSWER_CAP)?),
    }
}

fn first_message(answer: &Fetched) -> String {
    let answer = serde_json::from_slice::<Answer>(&answer.body).ok();
    answer
        .and_then(|answer| answer.errors.into_iter().next())
        .map(|e| e.message)
        .unwrap_or_default()
}

fn timed_out(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("timed out") || message.starts_with("timeout on")
}

fn read(url: &str, answer: &Fetched) -> Result<Value, Fault> {
    let Ok(Answer { data, errors }) = serde_json::from_slice::<Answer>(&answer.body) else {
        return Err(not_json(url, answer).into());
    };
    let Some(first) = errors.first() else {
        return Ok(data);
    };
    let undefined: Vec<(String, String)> = errors.iter().filter_map(undefined_field).collect();
    if !undefined.is_empty() {
        return Err(Fault::UndefinedFields(undefined));
    }
    let message = quote(&first.message);
    let lower = message.to_lowercase();
    Err(if lower.contains("complexity") {
        Fault::TooComplex(message)
    } else if timed_out(&message) {
        Fault::TimedOut(message)
    } else if lower.contains("requested too many times") {
        let why = explain(
            format!("GitLab's limit for GraphQL is reached ({url}: {message})."),
            "The scan goes on after a wait.",
        );
        Fault::Failure(Failure::RateLimited(RateLimit {
            retry_after: None,
            why,
        }))
    } else if lower.contains("permission") {
        Fault::Denied(message)
    } else {
        Fault::Said(message)
    })
}

/// Type and name, from the extensions or, where those are missing, from the sentence.
fn undefined_field(error: &Message) -> Option<(String, String)> {
    let Extensions {
        code,
        type_name,
        field_name,
    } = &error.extensions;
    if code == "undefinedField" && !field_name.is_empty() {
        return Some((type_name.clone(), field_name.clone()));
    }
    if !error.message.contains("doesn't exist on type") {
        return None;
    }
    let mut words = error.message.split('\'').skip(1).step_by(2);
    // "Field 'a' doesn't exist on type 'B'": the apostrophe of "doesn't" is a quote too.
    let field = words.next()?.to_owned();
    let kind = error
        .message
        .trim_end_matches(['\'', '.'])
        .rsplit('\'')
        .next()?
        .to_owned();
    Some((kind, field))
}

/// Names of the fields of a type, or of the values of an enum; empty when GitLab does not tell.
pub fn introspect(api: &Api<'_, '_>, kind: &str, what: Introspect) -> Result<Vec<String>, Failure> {
    let list = match what {
        Introspect::Fields => "fields",
        Introspect::EnumValues => "enumValues",
    };
    let text = format!("{{__type(name:\"{kind}\"){{{list}{{name}}}}}}");
    let data = match query(api, &text, &json!({})) {
        Ok(data) => data,
        Err(Fault::Failure(failure)) => return Err(failure),
        Err(_) => return Ok(Vec::new()),
    };
    let names = data
        .pointer(&format!("/__type/{list}"))
        .and_then(Value::as_array);
    let name = |entry: &Value| Some(entry.get("name")?.as_str()?.to_owned());
    Ok(names
        .map(|all| all.iter().filter_map(name).collect())
        .unwrap_or_default())
}

/// What of a type is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Introspect {
    /// Fields of an object.
    Fields,
    /// Values of an enum.
    EnumValues,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::gitlab::testing::session;
    use crate::http::Method::{Get, Post};
    use crate::http::script::{Reply, Script};

    const URL: &str = "https://gitlab.example/gitlab/api/graphql";
    const BASE: &str = "https://gitlab.example/gitlab/";

    fn fault(reply: Reply) -> Fault {
        let script = Script::new().on(Post, URL, reply);
        let session = session(&script, BASE);
        match query(&Api::new(&session), "{a}", &json!({})) {
            Err(fault) => fault,
            Ok(data) => panic!("{data}"),
        }
    }

    fn error(message: &str) -> String {
        json!({"data": null, "errors": [{"message": message}]}).to_string()
    }

    #[test]
    fn data_is_answered_and_the_token_is_in_its_header() {
        let script = Script::new().on(Post, URL, Reply::json(200, r#"{"data":{"a":1}}"#));
        let session = session(&script, BASE);
        let data = query(&Api::new(&session), "query($b: Int){a}", &json!({"b": 2})).unwrap();
        assert_eq!(data, json!({"a": 1}));
        let request = script.requests().remove(0);
        assert!(
            request
                .headers
                .iter()
                .any(|(name, value)| name == "private-token" && value.contains("stand-in"))
        );
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            body,
            json!({"query": "query($b: Int){a}", "variables": {"b": 2}})
        );
    }

    #[test]
    fn a_field_that_is_missing_is_named_with_its_type() {
        let body = r#"{"errors":[{"message":"Field 'vulnerabilities' doesn't exist on type 'Project'","locations":[{"line":1,"column":33}],"path":["query"],"extensions":{"code":"undefinedField","typeName":"Project","fieldName":"vulnerabilities"}}]}"#;
        let expected = vec![("Project".to_owned(), "vulnerabilities".to_owned())];
        assert!(
            matches!(fault(Reply::json(200, body)), Fault::UndefinedFields(f) if f == expected)
        );
        let plain = error("Field 'vulnerabilities' doesn't exist on type 'Project'");
        assert!(
            matches!(fault(Reply::json(200, plain)), Fault::UndefinedFields(f) if f == expected)
        );
    }

    #[test]
    fn every_refusal_says_what_to_change() {
        let complex = error("Query has complexity of 301, which exceeds max complexity of 250");
        assert!(matches!(
            fault(Reply::json(200, complex)),
            Fault::TooComplex(_)
        ));
        assert!(matches!(
            fault(Reply::json(422, error("Query too large"))),
            Fault::TooComplex(_)
        ));
        assert!(matches!(
            fault(Reply::json(200, error("Timeout on Vulnerability.location"))),
            Fault::TimedOut(_)
        ));
        let denied = "The resource that you are attempting to access does not exist or you don't have permission to perform this action";
        assert!(matches!(
            fault(Reply::json(200, error(denied))),
            Fault::Denied(_)
        ));
        assert!(matches!(
            fault(Reply::json(200, error("No such enum"))),
            Fault::Said(_)
        ));
        let many = "This endpoint has been requested too many times. Try again later.";
        assert!(matches!(
            fault(Reply::json(200, error(many))),
            Fault::Failure(Failure::RateLimited(_))
        ));
        assert!(matches!(
            fault(Reply::json(403, error("API not accessible for user"))),
            Fault::Failure(Failure::Forbidden(_))
        ));
        assert!(matches!(
            fault(Reply::json(404, r#"{"error":"404 Not Found"}"#)),
            Fault::Failure(Failure::NotFound(_))
        ));
        assert!(matches!(
            fault(Reply::text(200, "<html>maintenance</html>")),
            Fault::Failure(Failure::Unavailable(_))
        ));
        assert!(matches!(
            fault(Reply::json(500, error("Internal server error"))),
            Fault::Failure(Failure::Unavailable(_))
        ));
    }

    #[test]
    fn a_query_that_timed_out_is_not_sent_again() {
        let message =
            "Request timed out. Please try a less complex query or a smaller set of records.";
        let script = Script::new().on(Post, URL, Reply::json(503, error(message)));
        let session = session(&script, BASE);
        assert!(matches!(
            query(&Api::new(&session), "{a}", &json!({})),
            Err(Fault::TimedOut(_))
        ));
        assert_eq!(script.count(URL), 1);
    }

    #[test]
    fn an_invalid_token_is_one_that_rest_refuses_too_and_otherwise_a_missing_scope() {
        let reply = || Reply::json(401, error("Invalid token"));
        assert!(matches!(
            fault(reply()),
            Fault::Failure(Failure::Unauthenticated(_))
        ));
        let script = Script::new()
            .on(
                Get,
                "https://gitlab.example/gitlab/api/v4/user",
                Reply::json(200, "{}"),
            )
            .on(Post, URL, reply());
        let session = session(&script, BASE);
        let api = Api::new(&session);
        let _: Value = api.json("user").unwrap();
        let Err(Fault::Failure(Failure::Forbidden(lack))) = query(&api, "{a}", &json!({})) else {
            panic!()
        };
        assert_eq!(lack.missing_scopes, ["read_api"]);
    }

    #[test]
    fn introspection_that_is_refused_is_no_names() {
        let script = Script::new()
            .on(
                Post,
                URL,
                Reply::json(
                    200,
                    r#"{"data":{"__type":{"fields":[{"name":"id"},{"name":7}]}}}"#,
                ),
            )
            .on(Post, URL, Reply::json(200, r#"{"data":{"__type":null}}"#))
            .on(Post, URL, Reply::json(200, error("introspection is off")));
        let session = session(&script, BASE);
        let api = Api::new(&session);
        let names = || introspect(&api, "Vulnerability", Introspect::Fields).unwrap();
        assert_eq!(names(), ["id"]);
        assert!(names().is_empty());
        assert!(names().is_empty());
    }
}
