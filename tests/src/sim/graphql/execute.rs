//! Runs a query that was found valid.

use super::super::auth::Caller;
use super::super::http::Reply;
use super::super::world::World;
use super::connection::page_limit;
use super::resolve::{Site, resolve};
use super::schema::{Schema, named};
use super::validate::Operation;
use graphql_parser::query::{
    Directive, Field, Selection, SelectionSet, TypeCondition, Value as Literal,
};
use serde_json::{Map, Value, json};

type Set = SelectionSet<'static, String>;

/// The JSON value of a literal.
pub(super) fn literal(value: &Literal<'static, String>, variables: &Map<String, Value>) -> Value {
    match value {
        Literal::Variable(name) => variables.get(name).cloned().unwrap_or(Value::Null),
        Literal::Int(number) => number.as_i64().into(),
        Literal::Float(number) => (*number).into(),
        Literal::String(text) | Literal::Enum(text) => text.as_str().into(),
        Literal::Boolean(flag) => (*flag).into(),
        Literal::Null => Value::Null,
        Literal::List(items) => items.iter().map(|item| literal(item, variables)).collect(),
        Literal::Object(map) => {
            let pairs = map
                .iter()
                .map(|(key, value)| (key.clone(), literal(value, variables)));
            Value::Object(pairs.collect())
        }
    }
}

fn arguments(field: &Field<'static, String>, variables: &Map<String, Value>) -> Map<String, Value> {
    let pairs = field.arguments.iter();
    let pairs = pairs.map(|(name, value)| (name.clone(), literal(value, variables)));
    pairs.filter(|(_, value)| !value.is_null()).collect()
}

/// The complexity of a query: one a field, and a connection weighs what is below it again by its page.
pub(super) fn complexity(
    schema: &Schema,
    operation: &Operation,
    variables: &Map<String, Value>,
) -> u64 {
    set_complexity(schema, operation, variables, &operation.selections, "Query")
}

fn set_complexity(
    schema: &Schema,
    operation: &Operation,
    variables: &Map<String, Value>,
    set: &Set,
    ty: &str,
) -> u64 {
    let weigh = |set: &Set, ty: &str| set_complexity(schema, operation, variables, set, ty);
    set.items
        .iter()
        .map(|selection| match selection {
            Selection::Field(field) => {
                let Some(def) = schema.field(ty, &field.name) else {
                    return 0;
                };
                let own = 1 + weigh(&field.selection_set, named(&def.ty));
                if !def.is_connection() {
                    return own;
                }
                let page = page_limit(ty, &field.name, &arguments(field, variables));
                own + own * page / 100
            }
            Selection::InlineFragment(inline) => match &inline.type_condition {
                Some(TypeCondition::On(inner)) => weigh(&inline.selection_set, inner),
                None => weigh(&inline.selection_set, ty),
            },
            Selection::FragmentSpread(spread) => operation
                .fragments
                .get(&spread.fragment_name)
                .map_or(0, |fragment| {
                    let TypeCondition::On(inner) = &fragment.type_condition;
                    weigh(&fragment.selection_set, inner)
                }),
        })
        .sum()
}

struct Run<'a> {
    site: Site<'a>,
    schema: &'a Schema,
    operation: &'a Operation,
    variables: &'a Map<String, Value>,
    errors: Vec<Value>,
    path: Vec<Value>,
}

pub(super) fn execute(
    world: &World,
    caller: &Caller,
    schema: &Schema,
    operation: &Operation,
    variables: &Map<String, Value>,
    complexity: (u64, u64),
) -> Result<Value, Reply> {
    let site = Site {
        world,
        caller,
        schema,
        complexity,
    };
    let mut run = Run {
        site,
        schema,
        operation,
        variables,
        errors: Vec::new(),
        path: Vec::new(),
    };
    let data = run.object(&operation.selections, "Query", &Value::Null)?;
    let mut answer = json!({ "data": data });
    if let (false, Some(map)) = (run.errors.is_empty(), answer.as_object_mut()) {
        map.insert("errors".to_owned(), run.errors.into());
    }
    Ok(answer)
}

impl Run<'_> {
    fn object(&mut self, set: &Set, ty: &str, value: &Value) -> Result<Value, Reply> {
        let mut out = Map::new();
        self.fill(&mut out, set, ty, value)?;
        Ok(Value::Object(out))
    }

    fn wanted(&self, directives: &[Directive<'static, String>]) -> bool {
        directives.iter().all(|directive| {
            let condition = directive.arguments.iter().find(|(name, _)| name == "if");
            let condition = condition.map(|(_, value)| literal(value, self.variables));
            let condition = condition.and_then(|value| value.as_bool()).unwrap_or(true);
            match directive.name.as_str() {
                "include" => condition,
                "skip" => !condition,
                _ => true,
            }
        })
    }

    fn fill(
        &mut self,
        out: &mut Map<String, Value>,
        set: &Set,
        ty: &str,
        value: &Value,
    ) -> Result<(), Reply> {
        for selection in &set.items {
            match selection {
                Selection::Field(field) if self.wanted(&field.directives) => {
                    let key = field.alias.as_ref().unwrap_or(&field.name);
                    self.path.push(key.as_str().into());
                    let found = self.field(field, ty, value)?;
                    self.path.pop();
                    merge(out.entry(key.clone()).or_insert(Value::Null), found);
                }
                Selection::InlineFragment(inline) if self.wanted(&inline.directives) => {
                    let inner = match &inline.type_condition {
                        Some(TypeCondition::On(inner)) => inner,
                        None => ty,
                    };
                    if self.schema.overlaps(ty, inner) {
                        self.fill(out, &inline.selection_set, ty, value)?;
                    }
                }
                Selection::FragmentSpread(spread) if self.wanted(&spread.directives) => {
                    let operation = self.operation;
                    if let Some(fragment) = operation.fragments.get(&spread.fragment_name) {
                        let TypeCondition::On(inner) = &fragment.type_condition;
                        if self.schema.overlaps(ty, inner) {
                            self.fill(out, &fragment.selection_set, ty, value)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        field: &Field<'static, String>,
        ty: &str,
        parent: &Value,
    ) -> Result<Value, Reply> {
        if field.name == "__typename" {
            return Ok(ty.into());
        }
        let Some(def) = self.schema.field(ty, &field.name) else {
            return Ok(Value::Null);
        };
        let arguments = arguments(field, self.variables);
        let found = match resolve(&self.site, ty, parent, &field.name, &arguments) {
            Ok(found) => found,
            Err(super::resolve::Failed::Field(message)) => {
                self.errors.push(json!({
                    "message": message, "path": self.path,
                    "locations": [{ "line": field.position.line, "column": field.position.column }],
                }));
                Value::Null
            }
            Err(super::resolve::Failed::Request(reply)) => return Err(reply),
        };
        self.complete(&field.selection_set, named(&def.ty), found)
    }

    fn complete(&mut self, set: &Set, ty: &str, found: Value) -> Result<Value, Reply> {
        match found {
            Value::Null => Ok(Value::Null),
            Value::Array(items) => {
                let mut out = Vec::new();
                for (number, item) in items.into_iter().enumerate() {
                    self.path.push(number.into());
                    out.push(self.complete(set, ty, item)?);
                    self.path.pop();
                }
                Ok(out.into())
            }
            leaf if self.schema.is_leaf(ty) => Ok(leaf),
            object => {
                // Members of a union say which they are.
                let own = object
                    .get("__typename")
                    .and_then(Value::as_str)
                    .unwrap_or(ty)
                    .to_owned();
                self.object(set, &own, &object)
            }
        }
    }
}

/// The same key twice: their selections come together.
fn merge(old: &mut Value, new: Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in new {
                merge(old.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (old, new) in old.iter_mut().zip(new) {
                merge(old, new);
            }
        }
        (old, new) => *old = new,
    }
}
