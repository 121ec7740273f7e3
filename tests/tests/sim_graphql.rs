//! The simulated GraphQL endpoint refuses what GitLab's schema and limits refuse.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use ox_harness::sim::client::{Answer, send};
use ox_harness::sim::{Edition, Finding, Modes, Running, Version, acme};
use serde_json::{Value, json};

const STORE: &str = "northwind/Shop/Web-Store";

fn post(gitlab: &Running, token: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("content-type", "application/json")];
    if !token.is_empty() {
        headers.push(("authorization", &bearer));
    }
    send(
        "POST",
        &format!("{}/api/graphql", gitlab.base_url()),
        &headers,
        body.to_string().as_bytes(),
    )
    .unwrap()
}

fn ask(gitlab: &Running, query: &str) -> Value {
    let answer = post(gitlab, acme::TOKEN, &json!({ "query": query }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn first_error(answer: &Value) -> &str {
    answer["errors"][0]["message"]
        .as_str()
        .unwrap_or_else(|| panic!("no error in {answer}"))
}

/// The query that works down to 15.x.
const PORTABLE: &str = "query($path: ID!, $after: String) { project(fullPath: $path) { vulnerabilities(\
    reportType: [CONTAINER_SCANNING], first: 4, after: $after) { nodes { id uuid title description severity \
    state reportType detectedAt dismissedAt resolvedAt resolvedOnDefaultBranch presentOnDefaultBranch \
    vulnerabilityPath scanner { externalId name vendor } identifiers { externalType externalId name url } \
    primaryIdentifier { name } links { name url } solution project { fullPath } location { __typename \
    ... on VulnerabilityLocationContainerScanning { image operatingSystem dependency { version package { name \
    } } } } } pageInfo { hasNextPage endCursor } } } }";

#[test]
fn the_portable_query_pages_through_findings_worst_first() {
    for version in [Version::V15_11, Version::V18_5] {
        let gitlab = acme::start(Modes::version(version)).unwrap();
        let (mut after, mut rows) = (Value::Null, Vec::new());
        for _ in 0..5 {
            let body = json!({ "query": PORTABLE, "variables": { "path": STORE, "after": after } });
            let answer = post(&gitlab, acme::TOKEN, &body).json();
            let page = &answer["data"]["project"]["vulnerabilities"];
            rows.extend(
                page["nodes"]
                    .as_array()
                    .unwrap_or_else(|| panic!("{answer}"))
                    .clone(),
            );
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        let severities: Vec<&str> = rows
            .iter()
            .map(|row| row["severity"].as_str().unwrap())
            .collect();
        assert_eq!(
            severities,
            ["CRITICAL", "HIGH", "HIGH", "MEDIUM", "LOW", "INFO"]
        );
        let location = &rows[0]["location"];
        assert_eq!(
            location["__typename"],
            "VulnerabilityLocationContainerScanning"
        );
        assert_eq!(
            location["image"],
            format!("{}/northwind/shop/web-store:4.2.0", gitlab.registry_host())
        );
        assert_eq!(location["dependency"]["package"]["name"], "zlib1g");
    }
}

#[test]
fn the_community_edition_does_not_know_vulnerabilities() {
    let gitlab = acme::start(Modes::edition(Edition::Community)).unwrap();
    let query = "query { project(fullPath: \"a/b\") { vulnerabilities { nodes { id } } } }";
    let answer = ask(&gitlab, query);
    let error = &answer["errors"][0];
    assert_eq!(
        error["message"],
        "Field 'vulnerabilities' doesn't exist on type 'Project'"
    );
    assert_eq!(
        error["path"],
        json!(["query", "project", "vulnerabilities"])
    );
    assert_eq!(error["extensions"]["code"], "undefinedField");
    assert_eq!(error["extensions"]["typeName"], "Project");
    assert_eq!(error["locations"][0], json!({ "line": 1, "column": 36 }));
    assert!(answer.get("data").is_none());
    let probe = ask(&gitlab, "{__type(name:\"Vulnerability\"){fields{name}}}");
    assert_eq!(probe, json!({ "data": { "__type": null } }));
}

#[test]
fn versions_add_fields_and_enum_values() {
    let gitlab = acme::start(Modes::version(Version::V15_11)).unwrap();
    let fields = |gitlab: &Running| -> Vec<String> {
        let answer = ask(gitlab, "{__type(name:\"Vulnerability\"){fields{name}}}");
        let rows = answer["data"]["__type"]["fields"]
            .as_array()
            .unwrap()
            .clone();
        rows.iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let old = fields(&gitlab);
    assert!(old.contains(&"identifiers".to_owned()) && !old.contains(&"cvss".to_owned()));
    let registry = "{ project(fullPath: \"northwind/Shop/Web-Store\") { vulnerabilities(reportType: \
                    [CONTAINER_SCANNING_FOR_REGISTRY]) { nodes { id } } } }";
    assert!(first_error(&ask(&gitlab, registry)).contains("has an invalid value"));
    gitlab.modes(|modes| modes.version = Version::V18_5);
    assert!(fields(&gitlab).contains(&"cveEnrichment".to_owned()));
    assert!(ask(&gitlab, registry).get("errors").is_none());
    let values = ask(
        &gitlab,
        "{__type(name:\"VulnerabilityReportType\"){enumValues{name}}}",
    );
    assert!(
        values
            .to_string()
            .contains("CONTAINER_SCANNING_FOR_REGISTRY")
    );
}

#[test]
fn every_mistake_in_a_query_is_named() {
    let gitlab = acme::start(Modes::default()).unwrap();
    for (query, message) in [
        (
            "{ project { id } }",
            "Field 'project' is missing required arguments: fullPath",
        ),
        (
            "{ project(fullPath: \"a\", size: 1) { id } }",
            "Field 'project' doesn't accept argument 'size'",
        ),
        (
            "{ project(fullPath: \"a\") }",
            "Field must have selections (field 'project' returns Project",
        ),
        (
            "{ project(fullPath: \"a\") { id { x } } }",
            "Selections can't be made on scalars",
        ),
        (
            "query($a: String!) { project(fullPath: $a) { id } }",
            "Type mismatch on variable $a",
        ),
        (
            "{ project(fullPath: $a) { id } }",
            "Variable $a is used by query but not declared",
        ),
        (
            "query($a: ID!) { metadata { version } }",
            "Variable $a is declared by",
        ),
        (
            "query($a: Nothing) { project(fullPath: $a) { id } }",
            "Nothing isn't a defined input type",
        ),
        (
            "{ project(fullPath: \"a\") { ...f } }",
            "Fragment f was used, but not defined",
        ),
        (
            "{ metadata { ... on Project { id } } }",
            "Fragment on Project can't be spread inside Metadata",
        ),
        (
            "{ metadata { ... on Nothing { id } } }",
            "No such type Nothing",
        ),
        ("{ metadata { version }", "Parse error"),
        ("", "No query string was present"),
    ] {
        let answer = ask(&gitlab, query);
        assert!(
            first_error(&answer).starts_with(message),
            "{query}: {answer}"
        );
        assert!(answer.get("data").is_none(), "{query}");
    }
    let wrong = json!({ "query": "query($s: [VulnerabilityState!], $p: ID!) { project(fullPath: $p) { \
        vulnerabilities(state: $s) { nodes { id } } } }", "variables": { "s": ["OPEN"], "p": STORE } });
    let answer = post(&gitlab, acme::TOKEN, &wrong).json();
    assert!(first_error(&answer).contains("was provided invalid value"));
}

#[test]
fn size_complexity_and_pages_are_limited() {
    let gitlab = acme::start(Modes::default()).unwrap();
    let large = format!("{{ metadata {{ version }} }} # {}", "x".repeat(10_000));
    let answer = post(&gitlab, acme::TOKEN, &json!({ "query": large }));
    assert_eq!(
        (answer.status, first_error(&answer.json())),
        (422, "Query too large")
    );
    let half = format!("{{ metadata {{ version }} }} # {}", "x".repeat(5_000));
    let batch = json!([{ "query": half }, { "query": half }]);
    assert_eq!(post(&gitlab, acme::TOKEN, &batch).status, 422);
    let aliases: String = (0..130).map(|n| format!(" a{n}: title")).collect();
    let query = |first: u32| {
        format!(
            "{{ project(fullPath: \"{STORE}\") {{ vulnerabilities(first: {first}) {{ nodes {{{aliases} }} }} \
             }} }}"
        )
    };
    let heavy = ask(&gitlab, &query(100));
    assert_eq!(
        first_error(&heavy),
        "Query has complexity of 265, which exceeds max complexity of 250"
    );
    assert!(ask(&gitlab, &query(20)).get("errors").is_none());
    let score = ask(&gitlab, "{ queryComplexity { score limit } }");
    assert_eq!(
        score["data"]["queryComplexity"],
        json!({ "score": 3, "limit": 250 })
    );
    let row = gitlab.world(|world| {
        let rows = &world.organisation.repositories;
        rows.iter()
            .find(|row| row.path == "northwind/platform/ci-runner")
            .unwrap()
            .id
    });
    let tags = ask(
        &gitlab,
        &format!(
            "{{ containerRepository(id: \"gid://gitlab/ContainerRepository/{row}\") {{ tagsCount tags(first: 100) \
         {{ nodes {{ name digest }} pageInfo {{ hasNextPage }} }} }} }}"
        ),
    );
    let tags = &tags["data"]["containerRepository"];
    assert_eq!(tags["tagsCount"], acme::MANY_TAGS);
    assert_eq!(tags["tags"]["nodes"].as_array().unwrap().len(), 20);
    gitlab.modes(|modes| modes.graphql_page_limit = Some(50));
    let slow = post(
        &gitlab,
        acme::TOKEN,
        &json!({ "query": query(60).replace(&aliases, " id") }),
    );
    assert_eq!(slow.status, 503);
    assert!(first_error(&slow.json()).starts_with("Request timed out."));
}

#[test]
fn who_may_not_see_gets_null_or_nothing() {
    let gitlab = acme::start(Modes::default()).unwrap();
    let query = json!({ "query": PORTABLE, "variables": { "path": STORE } });
    for token in [
        acme::TOKEN_EXPIRED,
        acme::TOKEN_REVOKED,
        acme::TOKEN_READ_USER,
        "none",
    ] {
        let answer = post(&gitlab, token, &query);
        assert_eq!(
            (answer.status, first_error(&answer.json())),
            (401, "Invalid token")
        );
    }
    let blocked = post(&gitlab, acme::TOKEN_BLOCKED, &query);
    assert_eq!(
        (blocked.status, first_error(&blocked.json())),
        (403, "API not accessible for user")
    );
    let reporter = post(&gitlab, acme::TOKEN_REPORTER, &query).json();
    assert_eq!(
        reporter["data"]["project"]["vulnerabilities"]["nodes"],
        json!([])
    );
    let hidden = post(&gitlab, "", &query).json();
    assert_eq!(hidden, json!({ "data": { "project": null } }));
    gitlab.modes(|modes| modes.edition = Edition::Free);
    let free = post(&gitlab, acme::TOKEN, &query).json();
    assert_eq!(
        free["data"]["project"]["vulnerabilities"]["nodes"],
        json!([])
    );
    let statistic =
        format!("{{ project(fullPath: \"{STORE}\") {{ vulnerabilityStatistic {{ total }} }} }}");
    assert_eq!(
        ask(&gitlab, &statistic)["data"]["project"]["vulnerabilityStatistic"],
        Value::Null
    );
    gitlab.modes(|modes| modes.unlicensed_is_null = true);
    let free = post(&gitlab, acme::TOKEN, &query).json();
    assert_eq!(free["data"]["project"]["vulnerabilities"], Value::Null);
}

#[test]
fn filters_choose_and_cluster_findings_come_only_when_asked_for() {
    let mut org = acme::organisation();
    let project = org
        .projects
        .iter()
        .find(|p| p.full_path == STORE)
        .unwrap()
        .id;
    let mut cluster = Finding::new("CVE-2020-1", "curl", "7", "image");
    "CLUSTER_IMAGE_SCANNING".clone_into(&mut cluster.report_type);
    org.vulnerability(project, &cluster);
    let gitlab = ox_harness::sim::GitLab::start(org, Modes::default()).unwrap();
    let count = |filter: &str| {
        let query = format!(
            "{{ project(fullPath: \"{STORE}\") {{ vulnerabilities{filter} {{ nodes {{ id title }} }} }} }}"
        );
        ask(&gitlab, &query)["data"]["project"]["vulnerabilities"]["nodes"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count(""), 6);
    assert_eq!(count("(reportType: [CLUSTER_IMAGE_SCANNING])"), 1);
    assert_eq!(count("(state: [DETECTED, CONFIRMED])"), 4);
    assert_eq!(count("(severity: CRITICAL)"), 1);
    assert_eq!(count("(dismissalReason: [ACCEPTABLE_RISK])"), 1);
    assert_eq!(count("(identifierName: \"CVE-2023-4911\")"), 1);
    assert_eq!(count("(image: [\"other\"])"), 0);
}
