//! The schema of one edition and version, read from `schema.graphql`.

use super::super::modes::{Modes, Version};
use graphql_parser::schema::{Definition, Directive, Type, TypeDefinition, Value as Literal};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SOURCE: &str = include_str!("schema.graphql");

pub(super) type Ty = Type<'static, String>;

pub(super) struct Argument {
    pub(super) name: String,
    pub(super) ty: Ty,
}

pub(super) struct FieldDef {
    pub(super) name: String,
    pub(super) ty: Ty,
    pub(super) arguments: Vec<Argument>,
}

impl FieldDef {
    pub(super) fn argument(&self, name: &str) -> Option<&Argument> {
        self.arguments.iter().find(|argument| argument.name == name)
    }

    /// True for what is paged.
    pub(super) fn is_connection(&self) -> bool {
        self.argument("first").is_some()
    }
}

pub(super) enum Shape {
    Scalar,
    Enum(Vec<String>),
    Object(Vec<FieldDef>),
    Union(Vec<String>),
}

pub(super) struct Schema {
    types: BTreeMap<String, Shape>,
}

/// The name inside all lists and non-nulls.
pub(super) fn named(ty: &Ty) -> &str {
    match ty {
        Type::NamedType(name) => name,
        Type::ListType(inner) | Type::NonNullType(inner) => named(inner),
    }
}

fn present(directives: &[Directive<'_, String>], modes: &Modes) -> bool {
    directives
        .iter()
        .all(|directive| match directive.name.as_str() {
            "ee" => modes.edition.enterprise(),
            "since" => {
                let since = directive
                    .arguments
                    .iter()
                    .find_map(|(_, value)| match value {
                        Literal::String(text) => Some(text.as_str()),
                        _ => None,
                    });
                let mut numbers = since
                    .unwrap_or("")
                    .split('.')
                    .map(|n| n.parse().unwrap_or(0));
                let Version(major, minor, _) = modes.version;
                (major, minor) >= (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
            }
            _ => true,
        })
}

impl Schema {
    pub(super) fn new(modes: &Modes) -> Self {
        let mut types = BTreeMap::new();
        let document = graphql_parser::parse_schema::<String>(SOURCE).map(|d| d.into_static());
        let definitions = document
            .map(|document| document.definitions)
            .unwrap_or_default();
        for definition in definitions {
            let Definition::TypeDefinition(definition) = definition else {
                continue;
            };
            let (name, directives, shape) = match definition {
                TypeDefinition::Scalar(scalar) => (scalar.name, scalar.directives, Shape::Scalar),
                TypeDefinition::Enum(words) => {
                    let values = words.values.into_iter();
                    let values = values.filter(|value| present(&value.directives, modes));
                    (
                        words.name,
                        words.directives,
                        Shape::Enum(values.map(|v| v.name).collect()),
                    )
                }
                TypeDefinition::Union(union) => {
                    (union.name, union.directives, Shape::Union(union.types))
                }
                TypeDefinition::Object(object) => {
                    let fields = object.fields.into_iter();
                    let fields = fields.filter(|field| present(&field.directives, modes));
                    let fields = fields.map(|field| FieldDef {
                        name: field.name,
                        ty: field.field_type,
                        arguments: field
                            .arguments
                            .into_iter()
                            .filter(|argument| present(&argument.directives, modes))
                            .map(|argument| Argument {
                                name: argument.name,
                                ty: argument.value_type,
                            })
                            .collect(),
                    });
                    (
                        object.name,
                        object.directives,
                        Shape::Object(fields.collect()),
                    )
                }
                TypeDefinition::Interface(_) | TypeDefinition::InputObject(_) => continue,
            };
            if present(&directives, modes) {
                types.insert(name, shape);
            }
        }
        Self { types }
    }

    pub(super) fn shape(&self, name: &str) -> Option<&Shape> {
        self.types.get(name)
    }

    pub(super) fn field(&self, ty: &str, field: &str) -> Option<&FieldDef> {
        match self.shape(ty)? {
            Shape::Object(fields) => fields.iter().find(|def| def.name == field),
            _ => None,
        }
    }

    pub(super) fn is_leaf(&self, name: &str) -> bool {
        matches!(self.shape(name), Some(Shape::Scalar | Shape::Enum(_)))
    }

    /// True when a fragment on `condition` can match something of type `ty`.
    pub(super) fn overlaps(&self, ty: &str, condition: &str) -> bool {
        let members = |name: &str| match self.shape(name) {
            Some(Shape::Union(members)) => members.clone(),
            _ => vec![name.to_owned()],
        };
        let wanted = members(condition);
        members(ty).iter().any(|member| wanted.contains(member))
    }

    /// All of it, for `__schema`.
    pub(super) fn describe_all(&self) -> Value {
        let all: Vec<Value> = self
            .types
            .keys()
            .filter_map(|name| self.describe(name))
            .collect();
        json!({ "queryType": self.describe("Query"), "mutationType": null, "types": all })
    }

    /// One type, for `__type`.
    pub(super) fn describe(&self, name: &str) -> Option<Value> {
        let shape = self.shape(name)?;
        let mut value = json!({ "name": name, "description": null, "fields": null,
                                "enumValues": null, "inputFields": null, "possibleTypes": null,
                                "ofType": null });
        let map = value.as_object_mut()?;
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        match shape {
            Shape::Scalar => put("kind", "SCALAR".into()),
            Shape::Enum(values) => {
                let rows = values.iter().map(|value| {
                    json!({ "name": value, "description": null, "isDeprecated": false,
                            "deprecationReason": null })
                });
                put("enumValues", rows.collect());
                put("kind", "ENUM".into())
            }
            Shape::Union(members) => {
                let rows = members
                    .iter()
                    .map(|member| json!({ "kind": "OBJECT", "name": member }));
                put("possibleTypes", rows.collect());
                put("kind", "UNION".into())
            }
            Shape::Object(fields) => {
                let rows = fields.iter().filter(|field| !field.name.starts_with("__"));
                let rows = rows.map(|field| {
                    let arguments = field.arguments.iter().map(|argument| {
                        json!({ "name": argument.name, "description": null,
                                "type": self.reference(&argument.ty), "defaultValue": null })
                    });
                    json!({ "name": field.name, "description": null, "isDeprecated": false,
                            "deprecationReason": null, "type": self.reference(&field.ty),
                            "args": arguments.collect::<Vec<_>>() })
                });
                put("fields", rows.collect());
                put("kind", "OBJECT".into())
            }
        };
        Some(value)
    }

    fn reference(&self, ty: &Ty) -> Value {
        match ty {
            Type::NamedType(name) => {
                let kind = match self.shape(name) {
                    Some(Shape::Enum(_)) => "ENUM",
                    Some(Shape::Object(_)) => "OBJECT",
                    Some(Shape::Union(_)) => "UNION",
                    Some(Shape::Scalar) | None => "SCALAR",
                };
                json!({ "kind": kind, "name": name, "ofType": null })
            }
            Type::ListType(inner) => {
                json!({ "kind": "LIST", "name": null, "ofType": self.reference(inner) })
            }
            Type::NonNullType(inner) => {
                json!({ "kind": "NON_NULL", "name": null, "ofType": self.reference(inner) })
            }
        }
    }
}
