//! CycloneDX 1.6 as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::licence::Licence;
use super::{Item, Source, TOOL, VERSION, facts, properties, technique};

const SCHEMA: &str = "http://cyclonedx.org/schema/bom-1.6.schema.json";
/// Reference of the operating system in the document.
const SYSTEM: &str = "operating-system";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bom<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    bom_format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    metadata: Metadata<'a>,
    components: Vec<Component<'a>>,
    dependencies: Vec<Dependency>,
    compositions: Vec<Composition>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    timestamp: &'a str,
    lifecycles: [Phase; 1],
    tools: Tools<'a>,
    component: Component<'a>,
}

#[derive(Serialize)]
struct Phase {
    phase: &'static str,
}

#[derive(Serialize)]
struct Tools<'a> {
    components: [Component<'a>; 1],
}

#[derive(Default, Serialize)]
struct Component<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    bom_ref: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<LicenceChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Hash<'a> {
    alg: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum LicenceChoice<'a> {
    Licence {
        license: LicenceName<'a>,
    },
    Expression {
        expression: String,
        acknowledgement: &'static str,
    },
}

#[derive(Serialize)]
struct LicenceName<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    acknowledgement: &'static str,
}

#[derive(Serialize)]
struct Evidence<'a> {
    identity: Vec<Identity<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    occurrences: Vec<Occurrence<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    field: &'static str,
    confidence: f32,
    #[serde(skip_serializing_if = "str::is_empty")]
    concluded_value: &'a str,
    methods: [Method<'a>; 1],
}

#[derive(Serialize)]
struct Method<'a> {
    technique: &'static str,
    confidence: f32,
    value: &'a str,
}

#[derive(Serialize)]
struct Occurrence<'a> {
    location: &'a str,
}

#[derive(Serialize)]
struct Property {
    name: String,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    depends_on: Vec<String>,
}

#[derive(Serialize)]
struct Composition {
    aggregate: &'static str,
    assemblies: [String; 1],
}

pub(super) fn document<'a>(source: &'a Source<'a>) -> Bom<'a> {
    let image = &source.detail.row.image;
    let purl = source.purl();
    let container = Component {
        kind: "container",
        bom_ref: Some(purl.clone()),
        name: source.name(),
        version: &image.digest,
        hashes: source
            .sha256()
            .map(|content| Hash {
                alg: "SHA-256",
                content,
            })
            .into_iter()
            .collect(),
        purl: Some(purl.clone()),
        properties: named(facts(source.detail)),
        ..Component::default()
    };
    let system = image.operating_system.as_ref().map(|system| Component {
        kind: "operating-system",
        bom_ref: Some(SYSTEM.to_owned()),
        name: system.id.clone(),
        version: system.version_id.as_deref().unwrap_or_default(),
        description: system.pretty_name.as_deref(),
        properties: system
            .attributes
            .iter()
            .map(|(key, value)| Property {
                name: format!("ox:os:{key}"),
                value: value.clone(),
            })
            .collect(),
        ..Component::default()
    });
    let mut components: Vec<Component<'a>> = system.into_iter().collect();
    components.extend(source.items.iter().map(|item| component(source, item)));
    Bom {
        schema: SCHEMA,
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: format!("urn:uuid:{}", source.uuid("cyclonedx")),
        version: 1,
        metadata: Metadata {
            timestamp: source.made,
            lifecycles: [Phase {
                phase: "post-build",
            }],
            tools: Tools {
                components: [Component {
                    kind: "application",
                    name: TOOL.to_owned(),
                    version: VERSION,
                    ..Component::default()
                }],
            },
            component: container,
        },
        components,
        dependencies: dependencies(source, &purl),
        compositions: vec![Composition {
            // All that our formats read is there; that nothing else is in the image nobody can say.
            aggregate: if image.complete && source.detail.packages.is_some() {
                "unknown"
            } else {
                "incomplete"
            },
            assemblies: [purl],
        }],
    }
}

/// The reference of a package: its package URL, and what tells it from the same package elsewhere.
fn reference(item: &Item<'_>) -> String {
    match item.purl {
        Some(purl) => format!("{purl}#{}", item.key),
        None => format!("package-{}", item.key),
    }
}

fn component<'a>(source: &Source<'a>, item: &Item<'a>) -> Component<'a> {
    let package = item.package;
    let (technique, confidence) = technique(package);
    Component {
        kind: "library",
        bom_ref: Some(reference(item)),
        name: package.name.clone(),
        version: &package.version,
        licenses: licences(&package.licences),
        purl: item.purl.map(str::to_owned),
        evidence: Some(Evidence {
            identity: vec![Identity {
                field: if item.purl.is_some() { "purl" } else { "name" },
                confidence,
                concluded_value: item.purl.unwrap_or(&package.name),
                methods: [Method {
                    technique,
                    confidence,
                    value: &package.path,
                }],
            }],
            occurrences: Some(package.path.as_str())
                .filter(|path| !path.is_empty())
                .map(|location| Occurrence { location })
                .into_iter()
                .collect(),
        }),
        properties: named(properties(source, item)),
        ..Component::default()
    }
}

/// One expression stands alone; several licences stand beside each other, an expression among them as a name.
fn licences(stated: &[String]) -> Vec<LicenceChoice<'_>> {
    let acknowledgement = "declared";
    let named = |id, name| LicenceChoice::Licence {
        license: LicenceName {
            id,
            name,
            acknowledgement,
        },
    };
    if let [only] = stated
        && let Licence::Expression { text, .. } = Licence::of(only)
    {
        return vec![LicenceChoice::Expression {
            expression: text,
            acknowledgement,
        }];
    }
    stated
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| match Licence::of(text) {
            Licence::Id(id) => named(Some(id), None),
            Licence::Expression { .. } | Licence::Words(_) => named(None, Some(text.as_str())),
        })
        .collect()
}

/// The image holds the system and the packages; a package of the system holds those whose files it owns.
fn dependencies(source: &Source<'_>, image: &str) -> Vec<Dependency> {
    let references: Vec<String> = source.items.iter().map(reference).collect();
    let mut top = Vec::new();
    if source.detail.row.image.operating_system.is_some() {
        top.push(SYSTEM.to_owned());
    }
    let mut owned: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (item, reference) in source.items.iter().zip(&references) {
        match item.owner {
            Some(owner) => owned.entry(owner).or_default().push(reference.clone()),
            None => top.push(reference.clone()),
        }
    }
    let mut all = vec![Dependency {
        reference: image.to_owned(),
        depends_on: top,
    }];
    all.extend(owned.into_iter().filter_map(|(owner, depends_on)| {
        Some(Dependency {
            reference: references.get(owner)?.clone(),
            depends_on,
        })
    }));
    all
}

fn named(facts: Vec<(String, String)>) -> Vec<Property> {
    facts
        .into_iter()
        .map(|(name, value)| Property { name, value })
        .collect()
}
