//! What GitLab's GraphQL refuses before it runs a query, in its words.

use super::schema::{FieldDef, Schema, Shape, Ty, named};
use graphql_parser::Pos;
use graphql_parser::query::{
    Field, FragmentDefinition, Selection, SelectionSet, Type, TypeCondition, Value as Literal,
    VariableDefinition,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Fragments in fragments, at most; GraphQL itself only forbids loops.
const MAX_DEPTH: usize = 40;

/// One operation, and the fragments of its document.
pub(super) struct Operation {
    /// `query`, or `query Name`, as error paths begin.
    pub(super) title: String,
    pub(super) variables: Vec<VariableDefinition<'static, String>>,
    pub(super) selections: SelectionSet<'static, String>,
    pub(super) fragments: BTreeMap<String, FragmentDefinition<'static, String>>,
}

pub(super) fn validate(schema: &Schema, operation: &Operation) -> Vec<Value> {
    let mut check = Check {
        schema,
        operation,
        errors: Vec::new(),
        path: vec![operation.title.clone()],
        used_variables: BTreeSet::new(),
        used_fragments: BTreeSet::new(),
    };
    for variable in &operation.variables {
        let name = named(&variable.var_type);
        if !schema.is_leaf(name) {
            let text = format!("{name} isn't a defined input type (on ${})", variable.name);
            check.fault(
                variable.position,
                &text,
                "variableRequiresValidType",
                json!({}),
            );
        }
    }
    check.selections(&operation.selections, "Query", 0);
    for variable in &operation.variables {
        if !check.used_variables.contains(&variable.name) {
            let text = format!(
                "Variable ${} is declared by {} but not used",
                variable.name,
                operation
                    .title
                    .replace("query ", "")
                    .replace("query", "anonymous query")
            );
            check.fault(
                variable.position,
                &text,
                "variableNotUsed",
                json!({ "variableName": variable.name }),
            );
        }
    }
    for (name, fragment) in &operation.fragments {
        if !check.used_fragments.contains(name) {
            let text = format!("Fragment {name} was defined, but not used");
            check.fault(
                fragment.position,
                &text,
                "useAndDefineFragment",
                json!({ "fragmentName": name }),
            );
        }
    }
    check.errors
}

struct Check<'a> {
    schema: &'a Schema,
    operation: &'a Operation,
    errors: Vec<Value>,
    path: Vec<String>,
    used_variables: BTreeSet<String>,
    used_fragments: BTreeSet<String>,
}

impl Check<'_> {
    fn fault(&mut self, at: Pos, message: &str, code: &str, more: Value) {
        let mut extensions = json!({ "code": code });
        if let (Some(map), Value::Object(more)) = (extensions.as_object_mut(), more) {
            map.extend(more);
        }
        self.errors.push(json!({
            "message": message, "locations": [{ "line": at.line, "column": at.column }],
            "path": self.path, "extensions": extensions,
        }));
    }

    fn selections(&mut self, set: &SelectionSet<'static, String>, ty: &str, depth: usize) {
        for selection in &set.items {
            match selection {
                Selection::Field(field) => {
                    self.path.push(field.name.clone());
                    self.field(field, ty, depth);
                    self.path.pop();
                }
                Selection::InlineFragment(inline) => {
                    let inner = match &inline.type_condition {
                        Some(TypeCondition::On(name)) => name.as_str(),
                        None => ty,
                    };
                    self.path.push(format!("... on {inner}"));
                    if self.condition(inline.position, ty, inner) {
                        self.selections(&inline.selection_set, inner, depth);
                    }
                    self.path.pop();
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.fragment_name;
                    self.used_fragments.insert(name.clone());
                    let operation = self.operation;
                    let Some(fragment) = operation.fragments.get(name) else {
                        let text = format!("Fragment {name} was used, but not defined");
                        let more = json!({ "fragmentName": name });
                        self.fault(spread.position, &text, "useAndDefineFragment", more);
                        continue;
                    };
                    if depth >= MAX_DEPTH {
                        let text = format!("Fragment {name} contains an infinite loop");
                        self.fault(
                            spread.position,
                            &text,
                            "infiniteLoop",
                            json!({ "fragmentName": name }),
                        );
                        return;
                    }
                    let TypeCondition::On(inner) = &fragment.type_condition;
                    if self.condition(fragment.position, ty, inner) {
                        self.selections(&fragment.selection_set, inner, depth + 1);
                    }
                }
            }
        }
    }

    fn condition(&mut self, at: Pos, ty: &str, inner: &str) -> bool {
        if self.schema.shape(inner).is_none() {
            let text = format!("No such type {inner}, so it can't be a fragment condition");
            self.fault(at, &text, "undefinedType", json!({ "typeName": inner }));
            return false;
        }
        if !self.schema.overlaps(ty, inner) {
            let text = format!("Fragment on {inner} can't be spread inside {ty}");
            self.fault(
                at,
                &text,
                "cannotSpreadFragment",
                json!({ "typeName": inner, "parentName": ty }),
            );
            return false;
        }
        true
    }

    fn field(&mut self, field: &Field<'static, String>, ty: &str, depth: usize) {
        if field.name == "__typename" {
            return;
        }
        let Some(def) = self.schema.field(ty, &field.name) else {
            let text = format!("Field '{}' doesn't exist on type '{ty}'", field.name);
            let more = json!({ "typeName": ty, "fieldName": field.name });
            return self.fault(field.position, &text, "undefinedField", more);
        };
        self.arguments(field, def);
        let inner = named(&def.ty).to_owned();
        let leaf = self.schema.is_leaf(&inner);
        let empty = field.selection_set.items.is_empty();
        if leaf && !empty {
            let text = format!(
                "Selections can't be made on scalars (field '{}' returns {inner} but has selections)",
                field.name
            );
            let more = json!({ "nodeName": format!("field '{}'", field.name), "typeName": inner });
            return self.fault(field.position, &text, "selectionMismatch", more);
        }
        if !leaf && empty {
            let text = format!(
                "Field must have selections (field '{0}' returns {inner} but has no selections. Did you mean \
                 '{0} {{ ... }}'?)",
                field.name
            );
            let more = json!({ "nodeName": format!("field '{}'", field.name), "typeName": inner });
            return self.fault(field.position, &text, "selectionMismatch", more);
        }
        self.selections(&field.selection_set, &inner, depth);
    }

    fn arguments(&mut self, field: &Field<'static, String>, def: &FieldDef) {
        for directive in &field.directives {
            for (_, value) in &directive.arguments {
                self.note_variables(value);
            }
        }
        for (name, value) in &field.arguments {
            self.note_variables(value);
            let Some(argument) = def.argument(name) else {
                let text = format!("Field '{}' doesn't accept argument '{name}'", field.name);
                let more = json!({ "name": field.name, "typeName": "Field", "argumentName": name });
                self.fault(field.position, &text, "argumentNotAccepted", more);
                continue;
            };
            if let Literal::Variable(variable) = value {
                self.variable(field, name, variable, &argument.ty);
            } else if !fits(self.schema, value, &argument.ty) {
                let text = format!(
                    "Argument '{name}' on Field '{}' has an invalid value ({value}). Expected type '{}'.",
                    field.name, argument.ty
                );
                let more = json!({ "typeName": "Field", "argumentName": name });
                self.fault(field.position, &text, "argumentLiteralsIncompatible", more);
            }
        }
        let missing: Vec<&str> = def
            .arguments
            .iter()
            .filter(|argument| matches!(argument.ty, Type::NonNullType(_)))
            .filter(|argument| {
                !field
                    .arguments
                    .iter()
                    .any(|(name, _)| *name == argument.name)
            })
            .map(|argument| argument.name.as_str())
            .collect();
        if !missing.is_empty() {
            let list = missing.join(", ");
            let text = format!(
                "Field '{}' is missing required arguments: {list}",
                field.name
            );
            let more = json!({ "className": "Field", "name": field.name, "arguments": list });
            self.fault(field.position, &text, "missingRequiredArguments", more);
        }
    }

    fn note_variables(&mut self, value: &Literal<'static, String>) {
        match value {
            Literal::Variable(name) => {
                self.used_variables.insert(name.clone());
            }
            Literal::List(items) => items.iter().for_each(|item| self.note_variables(item)),
            Literal::Object(map) => map.values().for_each(|item| self.note_variables(item)),
            _ => {}
        }
    }

    fn variable(
        &mut self,
        field: &Field<'static, String>,
        argument: &str,
        name: &str,
        wanted: &Ty,
    ) {
        let operation = self.operation;
        let Some(declared) = operation
            .variables
            .iter()
            .find(|variable| variable.name == name)
        else {
            let text = format!(
                "Variable ${name} is used by {} but not declared",
                operation.title
            );
            let more = json!({ "variableName": name });
            return self.fault(field.position, &text, "variableNotDefined", more);
        };
        if !goes_into(&declared.var_type, wanted, declared.default_value.is_some()) {
            let text = format!(
                "Type mismatch on variable ${name} and argument {argument} ({} / {wanted})",
                declared.var_type
            );
            let more = json!({ "variableName": name, "typeName": declared.var_type.to_string(),
                               "argumentName": argument, "errorMessage": "Type mismatch" });
            self.fault(field.position, &text, "variableMismatch", more);
        }
    }
}

fn goes_into(given: &Ty, wanted: &Ty, has_default: bool) -> bool {
    match (given, wanted) {
        (Type::NonNullType(given), Type::NonNullType(wanted)) => goes_into(given, wanted, false),
        (Type::NonNullType(given), wanted) => goes_into(given, wanted, false),
        (given, Type::NonNullType(wanted)) => has_default && goes_into(given, wanted, false),
        (Type::ListType(given), Type::ListType(wanted)) => goes_into(given, wanted, false),
        (Type::NamedType(given), Type::NamedType(wanted)) => given == wanted,
        _ => false,
    }
}

fn fits(schema: &Schema, value: &Literal<'static, String>, ty: &Ty) -> bool {
    match (ty, value) {
        (Type::NonNullType(_), Literal::Null) => false,
        (Type::NonNullType(inner), value) => fits(schema, value, inner),
        (_, Literal::Null | Literal::Variable(_)) => true,
        (Type::ListType(inner), Literal::List(items)) => {
            items.iter().all(|item| fits(schema, item, inner))
        }
        // A single value stands for a list of one.
        (Type::ListType(inner), value) => fits(schema, value, inner),
        (Type::NamedType(name), value) => match (schema.shape(name), value) {
            (Some(Shape::Enum(words)), Literal::Enum(word)) => words.contains(word),
            (Some(Shape::Enum(_)), _) => false,
            (_, Literal::Int(_)) => matches!(name.as_str(), "Int" | "Float" | "ID"),
            (_, Literal::Float(_)) => name == "Float",
            (_, Literal::Boolean(_)) => name == "Boolean",
            (_, Literal::String(_)) => !matches!(name.as_str(), "Int" | "Float" | "Boolean"),
            _ => false,
        },
    }
}

/// The same for the value of a variable.
pub(super) fn value_fits(schema: &Schema, value: &Value, ty: &Ty) -> bool {
    match (ty, value) {
        (Type::NonNullType(_), Value::Null) => false,
        (Type::NonNullType(inner), value) => value_fits(schema, value, inner),
        (_, Value::Null) => true,
        (Type::ListType(inner), Value::Array(items)) => {
            items.iter().all(|item| value_fits(schema, item, inner))
        }
        (Type::ListType(inner), value) => value_fits(schema, value, inner),
        (Type::NamedType(name), value) => match (schema.shape(name), value) {
            (Some(Shape::Enum(words)), Value::String(word)) => words.contains(word),
            (Some(Shape::Enum(_)), _) => false,
            (_, Value::Number(number)) => match name.as_str() {
                "Int" => number.is_i64(),
                "Float" | "ID" => true,
                _ => false,
            },
            (_, Value::Bool(_)) => name == "Boolean",
            (_, Value::String(_)) => !matches!(name.as_str(), "Int" | "Float" | "Boolean"),
            _ => false,
        },
    }
}
