//! GraphQL: one endpoint, with GitLab's limits, its schema of this edition and version, its validation, its
//! complexity and its way of telling what is wrong.

mod connection;
mod execute;
mod resolve;
mod schema;
mod validate;

use super::auth::{Caller, graphql_caller};
use super::http::{Incoming, Reply};
use super::world::World;
use graphql_parser::query::{Definition, OperationDefinition};
use schema::Schema;
use serde_json::{Map, Value, json};
use validate::Operation;

/// Characters of all queries of one request.
const MAX_CHARACTERS: usize = 10_000;
/// Complexity for anonymous callers; [`super::Modes::max_complexity`] for others.
const ANONYMOUS_COMPLEXITY: u64 = 200;

pub(crate) fn answer(world: &World, request: &Incoming) -> Reply {
    if request.method != http::Method::POST {
        return Reply::of(
            404,
            "text/html",
            "<html><body>404 Page Not Found</body></html>",
        );
    }
    let caller = match graphql_caller(world, request) {
        Ok(caller) => caller,
        Err(reply) => return reply,
    };
    let json_body = request
        .header("content-type")
        .is_some_and(|t| t.starts_with("application/json"));
    let body: Value = match serde_json::from_slice(&request.body) {
        Ok(body) if json_body => body,
        _ if json_body => return refusal(400, "Error occurred while parsing request parameters"),
        // Without the type, Rails sees no parameters.
        _ => json!({}),
    };
    let many = body.is_array();
    let queries: Vec<Value> = match body {
        Value::Array(queries) => queries,
        one => vec![one],
    };
    let text = |query: &Value| {
        query
            .get("query")
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let characters: usize = queries
        .iter()
        .map(|query| text(query).chars().count())
        .sum();
    if characters > MAX_CHARACTERS {
        return refusal(422, "Query too large");
    }
    let schema = Schema::new(&world.modes);
    let mut answers = Vec::new();
    for query in &queries {
        let variables = match query.get("variables") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(map)) => map.clone(),
            Some(Value::String(text)) if text.is_empty() => Map::new(),
            Some(Value::String(text)) => match serde_json::from_str(text) {
                Ok(Value::Object(map)) => map,
                _ => return refusal(422, "Unexpected parameter: variables"),
            },
            Some(_) => return refusal(422, "Unexpected parameter: variables"),
        };
        let name = query.get("operationName").and_then(Value::as_str);
        match run(world, &caller, &schema, &text(query), name, variables) {
            Ok(answer) => answers.push(answer),
            Err(reply) => return reply,
        }
    }
    match answers.pop() {
        Some(only) if !many => Reply::json(200, &only),
        last => {
            answers.extend(last);
            Reply::json(200, &answers.into())
        }
    }
}

fn refusal(status: u16, message: &str) -> Reply {
    Reply::json(status, &errors(vec![json!({ "message": message })]))
}

fn errors(list: Vec<Value>) -> Value {
    json!({ "errors": list })
}

/// Runs one query: an answer that goes out with 200, or a refusal of the whole request.
fn run(
    world: &World,
    caller: &Caller,
    schema: &Schema,
    text: &str,
    name: Option<&str>,
    mut variables: Map<String, Value>,
) -> Result<Value, Reply> {
    if text.trim().is_empty() {
        return Ok(errors(vec![
            json!({ "message": "No query string was present" }),
        ]));
    }
    let operation = match parse(text, name) {
        Ok(operation) => operation,
        Err(message) => return Ok(errors(vec![json!({ "message": message })])),
    };
    let faults = validate::validate(schema, &operation);
    if !faults.is_empty() {
        return Ok(errors(faults));
    }
    let mut faults = Vec::new();
    for variable in &operation.variables {
        if !variables.contains_key(&variable.name)
            && let Some(default) = &variable.default_value
        {
            variables.insert(
                variable.name.clone(),
                execute::literal(default, &Map::new()),
            );
        }
        let given = variables.get(&variable.name).unwrap_or(&Value::Null);
        if !validate::value_fits(schema, given, &variable.var_type) {
            faults.push(json!({
                "message": format!("Variable ${} of type {} was provided invalid value", variable.name,
                                   variable.var_type),
                "locations": [{ "line": variable.position.line, "column": variable.position.column }],
                "extensions": { "value": given, "problems": [{ "path": [],
                                "explanation": "Expected value to match the type" }] },
            }));
        }
    }
    if !faults.is_empty() {
        return Ok(errors(faults));
    }
    let score = execute::complexity(schema, &operation, &variables);
    let limit = match caller.user() {
        Some(_) => world.modes.max_complexity,
        None => ANONYMOUS_COMPLEXITY,
    };
    if score > limit {
        let text =
            format!("Query has complexity of {score}, which exceeds max complexity of {limit}");
        return Ok(errors(vec![json!({ "message": text })]));
    }
    execute::execute(
        world,
        caller,
        schema,
        &operation,
        &variables,
        (score, limit),
    )
}

fn parse(text: &str, name: Option<&str>) -> Result<Operation, String> {
    let document = graphql_parser::parse_query::<String>(text)
        .map_err(|error| format!("Parse error on {}", error.to_string().replace('\n', " ")))?
        .into_static();
    let mut operations = Vec::new();
    let mut fragments = std::collections::BTreeMap::new();
    for definition in document.definitions {
        match definition {
            Definition::Fragment(fragment) => {
                fragments.insert(fragment.name.clone(), fragment);
            }
            Definition::Operation(OperationDefinition::SelectionSet(set)) => {
                operations.push((None, Vec::new(), set));
            }
            Definition::Operation(OperationDefinition::Query(query)) => {
                operations.push((query.name, query.variable_definitions, query.selection_set));
            }
            Definition::Operation(OperationDefinition::Mutation(_)) => {
                return Err("Schema is not configured for mutations".to_owned());
            }
            Definition::Operation(OperationDefinition::Subscription(_)) => {
                return Err("Schema is not configured for subscriptions".to_owned());
            }
        }
    }
    if operations.len() > 1 && name.is_none() {
        return Err("An operation name is required".to_owned());
    }
    let found = operations
        .into_iter()
        .find(|(own, ..)| name.is_none() || own.as_deref() == name);
    let (own, variables, selections) =
        found.ok_or_else(|| format!("No operation named {:?}", name.unwrap_or("")))?;
    let title = match own {
        Some(own) => format!("query {own}"),
        None => "query".to_owned(),
    };
    Ok(Operation {
        title,
        variables,
        selections,
        fragments,
    })
}
