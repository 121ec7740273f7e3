//! Where the values of fields come from. Objects are JSON with GraphQL's names; what is paged or takes
//! arguments is found when it is asked for, by the marker `#` that its object carries.

use super::super::access::Reading;
use super::super::auth::Caller;
use super::super::http::Reply;
use super::super::modes::Edition;
use super::super::organisation::{Namespace, Project, Repository, stamp};
use super::super::people::level;
use super::super::rest::registry_answers;
use super::super::world::World;
use super::connection::connection;
use super::schema::Schema;
use serde_json::{Map, Value, json};

/// Why a field has no value.
pub(super) enum Failed {
    /// An error beside the data.
    Field(String),
    /// The whole request fails.
    Request(Reply),
}

pub(super) struct Site<'a> {
    pub(super) world: &'a World,
    pub(super) caller: &'a Caller,
    pub(super) schema: &'a Schema,
    pub(super) complexity: (u64, u64),
}

type Arguments = Map<String, Value>;

const UNREACHABLE: &str = "Can't connect to the Container Registry. If this error persists, please review \
                           the troubleshooting documentation.";

fn text<'a>(arguments: &'a Arguments, name: &str) -> Option<&'a str> {
    arguments.get(name).and_then(Value::as_str)
}

/// The number at the end of a global identifier, or a plain number.
fn global_id(text: &str, kind: &str) -> Result<u64, Failed> {
    let bad = || {
        Failed::Field(format!(
            "\"{text}\" does not represent an instance of {kind}"
        ))
    };
    let rest = text.strip_prefix("gid://gitlab/").ok_or_else(bad)?;
    let (own, id) = rest.split_once('/').ok_or_else(bad)?;
    if own != kind {
        return Err(bad());
    }
    id.parse().map_err(|_| bad())
}

pub(super) fn resolve(
    site: &Site<'_>,
    ty: &str,
    parent: &Value,
    field: &str,
    arguments: &Arguments,
) -> Result<Value, Failed> {
    match (ty, field) {
        ("Query", _) => query(site, field, arguments),
        ("Project" | "Group", "vulnerabilities") => findings(site, ty, parent, arguments),
        ("Project" | "Group", "containerRepositories") => {
            let mut rows: Vec<Value> = repositories(site, ty, parent)
                .into_iter()
                .filter(|row| text(arguments, "name").is_none_or(|part| row.name.contains(part)))
                .map(|row| repository(site, row))
                .collect();
            if !matches!(
                text(arguments, "sort"),
                Some("created_asc" | "CREATED_ASC" | "updated_asc")
            ) {
                rows.reverse();
            }
            connection(ty, field, rows, arguments)
        }
        ("Project" | "Group", "containerRepositoriesCount") => {
            Ok(repositories(site, ty, parent).len().into())
        }
        ("Project", "pipelines") => pipelines(site, parent, arguments),
        ("Project", "vulnerabilityStatistic") => Ok(statistic(site, parent)),
        ("ContainerRepository" | "ContainerRepositoryDetails", "tagsCount") => {
            if !registry_answers(site.world) {
                return Err(Failed::Field(UNREACHABLE.to_owned()));
            }
            Ok(tag_rows(site, parent).len().into())
        }
        ("ContainerRepositoryDetails", "tags") => tags(site, parent, arguments),
        ("ContainerRepositoryDetails", "manifest") => manifest(site, parent, arguments),
        _ => Ok(parent.get(field).cloned().unwrap_or(Value::Null)),
    }
}

fn query(site: &Site<'_>, field: &str, arguments: &Arguments) -> Result<Value, Failed> {
    let world = site.world;
    let organisation = &world.organisation;
    let user = site.caller.user();
    Ok(match field {
        "project" => organisation
            .project_by_path(text(arguments, "fullPath").unwrap_or(""))
            .filter(|project| organisation.sees_project(user, project))
            .map_or(Value::Null, |project| project_value(world, project)),
        "group" => organisation
            .group_by_path(text(arguments, "fullPath").unwrap_or(""))
            .filter(|group| organisation.sees_group(user, group))
            .map_or(Value::Null, |group| {
                json!({ "#": group.id, "id": format!("gid://gitlab/Group/{}", group.id),
                        "name": group.name, "path": group.path, "fullPath": group.full_path,
                        "webUrl": format!("{}/groups/{}", world.url(), group.full_path) })
            }),
        "currentUser" => user.map_or(Value::Null, |user| {
            json!({ "id": format!("gid://gitlab/User/{}", user.id), "username": user.username,
                    "name": user.name })
        }),
        "metadata" if user.is_some() => {
            let enterprise = world.modes.edition.enterprise();
            let suffix = if enterprise { "-ee" } else { "" };
            json!({ "version": format!("{}{suffix}", world.modes.version), "revision": "ceb07b24cb0",
                    "enterprise": enterprise })
        }
        "queryComplexity" => json!({ "score": site.complexity.0, "limit": site.complexity.1 }),
        "containerRepository" => {
            let id = global_id(text(arguments, "id").unwrap_or(""), "ContainerRepository")?;
            let row = organisation.repositories.iter().find(|row| row.id == id);
            let row = row.filter(|row| {
                organisation
                    .find_project(row.project)
                    .is_some_and(|p| organisation.reads_registry(user, p) == Reading::Allowed)
            });
            row.map_or(Value::Null, |row| repository(site, row))
        }
        "vulnerability" => {
            let id = text(arguments, "id").unwrap_or("");
            global_id(id, "Vulnerability")?;
            let visible = organisation
                .projects
                .iter()
                .filter(|project| sees_findings(site, project));
            let mut all = visible.flat_map(|project| project_findings(site, project));
            all.find(|row| row.get("id").and_then(Value::as_str) == Some(id))
                .unwrap_or(Value::Null)
        }
        // Only what somebody added to the security centre, and here nobody did.
        "vulnerabilities" => connection("Query", field, Vec::new(), arguments)?,
        "__type" => site
            .schema
            .describe(text(arguments, "name").unwrap_or(""))
            .unwrap_or(Value::Null),
        "__schema" => site.schema.describe_all(),
        _ => Value::Null,
    })
}

fn marked<'a>(site: &Site<'a>, parent: &Value) -> Option<&'a Project> {
    site.world
        .organisation
        .find_project(parent.get("#")?.as_u64()?)
}

fn project_value(world: &World, project: &Project) -> Value {
    json!({
        "#": project.id, "id": format!("gid://gitlab/Project/{}", project.id), "name": project.name,
        "path": project.path, "fullPath": project.full_path, "description": project.description,
        "archived": project.archived, "visibility": project.visibility.as_str(),
        "webUrl": format!("{}/{}", world.url(), project.full_path), "topics": project.topics,
        "lastActivityAt": project.last_activity_at,
        "repository": { "rootRef": project.default_branch, "empty": project.default_branch.is_none() },
        "containerRegistryEnabled": project.registry.as_str() != "disabled",
        "securityScanners": { "available": ["CONTAINER_SCANNING", "DEPENDENCY_SCANNING"],
                              "enabled": [], "pipelineRun": [] },
    })
}

/// The projects that a project or group field speaks of.
fn projects<'a>(site: &Site<'a>, ty: &str, parent: &Value) -> Vec<&'a Project> {
    let organisation = &site.world.organisation;
    if ty == "Project" {
        return marked(site, parent).into_iter().collect();
    }
    let group = parent.get("#").and_then(Value::as_u64).unwrap_or(0);
    let within = |project: &&Project| matches!(project.namespace, Namespace::Group(own) if organisation.is_within(own, group));
    organisation.projects.iter().filter(within).collect()
}

// ---- Findings -----------------------------------------------------------------------------------------

fn sees_findings(site: &Site<'_>, project: &Project) -> bool {
    let user = site.caller.user();
    site.world.modes.edition == Edition::Ultimate
        && site.world.organisation.project_level(user, project) >= level::DEVELOPER
}

fn project_findings(site: &Site<'_>, project: &Project) -> Vec<Value> {
    let rows = project.vulnerabilities.iter().cloned().map(|mut row| {
        if let Some(map) = row.as_object_mut() {
            map.insert("project".to_owned(), project_value(site.world, project));
            let path = format!(
                "/{}/-/security/vulnerabilities/{}",
                project.full_path,
                map.get("id")
                    .and_then(Value::as_str)
                    .and_then(|id| id.rsplit('/').next())
                    .unwrap_or("")
            );
            map.insert(
                "webUrl".to_owned(),
                format!("{}{path}", site.world.url()).into(),
            );
            map.insert("vulnerabilityPath".to_owned(), path.into());
        }
        row
    });
    rows.collect()
}

fn findings(
    site: &Site<'_>,
    ty: &str,
    parent: &Value,
    arguments: &Arguments,
) -> Result<Value, Failed> {
    let modes = &site.world.modes;
    if modes.edition != Edition::Ultimate && modes.unlicensed_is_null {
        return Ok(Value::Null);
    }
    let first = arguments
        .get("first")
        .and_then(Value::as_i64)
        .unwrap_or(100);
    if modes.graphql_page_limit.is_some_and(|limit| first > limit) {
        let text =
            "Request timed out. Please try a less complex query or a smaller set of records.";
        let body = json!({ "errors": [{ "message": text }] });
        return Err(Failed::Request(Reply::json(503, &body)));
    }
    let mut rows: Vec<Value> = projects(site, ty, parent)
        .into_iter()
        .filter(|project| sees_findings(site, project))
        .flat_map(|project| project_findings(site, project))
        .filter(|row| chosen(row, arguments))
        .collect();
    sort(
        &mut rows,
        text(arguments, "sort").unwrap_or("severity_desc"),
    );
    connection(ty, "vulnerabilities", rows, arguments)
}

fn chosen(row: &Value, arguments: &Arguments) -> bool {
    let one_of = |argument: &str, value: Option<&Value>| match arguments.get(argument) {
        None => true,
        Some(Value::Array(wanted)) => value.is_some_and(|value| wanted.contains(value)),
        Some(wanted) => value == Some(wanted),
    };
    let at = |path: &str| row.pointer(path);
    // Rows of clusters come only where they are asked for.
    let cluster = at("/reportType").and_then(Value::as_str) == Some("CLUSTER_IMAGE_SCANNING");
    let flag = |argument: &str, holds: bool| {
        arguments
            .get(argument)
            .and_then(Value::as_bool)
            .is_none_or(|wanted| wanted == holds)
    };
    let identifier = |name: &str| {
        let list = at("/identifiers").and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .any(|i| i.get("name").and_then(Value::as_str) == Some(name))
    };
    (!cluster || arguments.contains_key("reportType"))
        && one_of("reportType", at("/reportType"))
        && one_of("severity", at("/severity"))
        && one_of("state", at("/state"))
        && one_of("scanner", at("/scanner/externalId"))
        && one_of("scannerId", at("/scanner/id"))
        && one_of("image", at("/location/image"))
        && one_of("dismissalReason", at("/dismissalReason"))
        && one_of("projectId", at("/project/id"))
        && !arguments.contains_key("clusterId")
        && !arguments.contains_key("clusterAgentId")
        && !arguments.contains_key("owaspTopTen")
        && text(arguments, "identifierName").is_none_or(identifier)
        && flag(
            "hasResolution",
            at("/resolvedOnDefaultBranch") == Some(&Value::Bool(true)),
        )
        && flag("hasIssues", false)
        && flag("hasMergeRequest", false)
        && flag("hasAiResolution", false)
        && flag(
            "hasRemediations",
            at("/hasRemediations") == Some(&Value::Bool(true)),
        )
}

fn sort(rows: &mut [Value], order: &str) {
    const SEVERITIES: [&str; 6] = ["INFO", "UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"];
    let (by, direction) = order.rsplit_once('_').unwrap_or((order, "desc"));
    let word = |row: &Value, key: &str| {
        row.get(key)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    rows.sort_by_cached_key(|row| {
        let severity = word(row, "severity");
        let rank = SEVERITIES
            .iter()
            .position(|known| *known == severity)
            .unwrap_or(0);
        let id = row
            .get("id")
            .and_then(Value::as_str)
            .and_then(|id| id.rsplit('/').next());
        let id: u64 = id.and_then(|id| id.parse().ok()).unwrap_or(0);
        match by {
            "title" => (word(row, "title"), 0, id),
            "detected" => (word(row, "detectedAt"), 0, id),
            "report_type" => (word(row, "reportType"), 0, id),
            "state" => (word(row, "state"), 0, id),
            _ => (String::new(), rank, id),
        }
    });
    if direction == "desc" {
        rows.reverse();
    }
}

fn statistic(site: &Site<'_>, parent: &Value) -> Value {
    let Some(project) = marked(site, parent).filter(|project| sees_findings(site, project)) else {
        return Value::Null;
    };
    let open = project.vulnerabilities.iter().filter(|row| {
        matches!(
            row.get("state").and_then(Value::as_str),
            Some("DETECTED" | "CONFIRMED")
        )
    });
    let mut counts = json!({ "total": 0, "critical": 0, "high": 0, "medium": 0, "low": 0, "info": 0,
                             "unknown": 0 });
    for row in open {
        let severity = row
            .get("severity")
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_lowercase();
        for key in ["total", severity.as_str()] {
            if let Some(count) = counts.get_mut(key) {
                *count = (count.as_u64().unwrap_or(0) + 1).into();
            }
        }
    }
    counts
}

fn pipelines(site: &Site<'_>, parent: &Value, arguments: &Arguments) -> Result<Value, Failed> {
    let jobs = marked(site, parent)
        .map(|project| project.jobs.as_slice())
        .unwrap_or_default();
    let branch = text(arguments, "ref");
    let rows = jobs
        .iter()
        .rev()
        .filter(|job| branch.is_none_or(|branch| job.git_ref == branch));
    let rows = rows.map(|job| {
        json!({ "id": format!("gid://gitlab/Ci::Pipeline/{}", job.id + 10_000),
                "iid": job.id.to_string(), "sha": format!("{:040x}", job.id), "ref": job.git_ref,
                "status": "SUCCESS", "createdAt": stamp(job.id) })
    });
    connection("Project", "pipelines", rows.collect(), arguments)
}

// ---- Repositories -------------------------------------------------------------------------------------

fn repositories<'a>(site: &Site<'a>, ty: &str, parent: &Value) -> Vec<&'a Repository> {
    let organisation = &site.world.organisation;
    let user = site.caller.user();
    let readable: Vec<u64> = projects(site, ty, parent)
        .into_iter()
        .filter(|project| organisation.reads_registry(user, project) == Reading::Allowed)
        .map(|project| project.id)
        .collect();
    organisation
        .repositories
        .iter()
        .filter(|row| readable.contains(&row.project))
        .collect()
}

fn repository(site: &Site<'_>, row: &Repository) -> Value {
    let world = site.world;
    let host = world.registry_host().unwrap_or_default();
    let project = world.organisation.find_project(row.project);
    let stored = world.organisation.store.repositories.get(&row.path);
    let size: Option<u64> = stored.filter(|_| world.modes.has_database()).map(|stored| {
        let all = stored
            .tags
            .values()
            .filter_map(|tag| stored.manifests.get(&tag.digest));
        all.map(|manifest| manifest.size).sum()
    });
    json!({
        "#repository": row.path, "id": format!("gid://gitlab/ContainerRepository/{}", row.id),
        "name": row.name, "path": row.path, "location": format!("{host}/{}", row.path),
        "createdAt": stamp(row.id), "updatedAt": stamp(row.id),
        "status": row.status.as_ref().map(|status| status.to_uppercase()),
        "expirationPolicyCleanupStatus": "UNSCHEDULED",
        "expirationPolicyStartedAt": row.cleanup_policy_started_at, "lastCleanupDeletedTagsCount": null,
        "protectionRuleExists": false, "userPermissions": { "destroyContainerRepository": false },
        "project": project.map(|project| project_value(world, project)), "size": size,
        "lastPublishedAt": null,
    })
}

fn tag_rows(site: &Site<'_>, parent: &Value) -> Vec<Value> {
    let world = site.world;
    let path = parent
        .get("#repository")
        .and_then(Value::as_str)
        .unwrap_or("");
    let host = world.registry_host().unwrap_or_default();
    let Some(stored) = world.organisation.store.repositories.get(path) else {
        return Vec::new();
    };
    let rows = stored.tags.iter().map(|(name, tag)| {
        let manifest = stored.manifests.get(&tag.digest);
        let config = manifest.and_then(|manifest| manifest.config_digest.as_deref());
        let revision = config.unwrap_or("").trim_start_matches("sha256:");
        json!({
            "name": name, "path": format!("{path}:{name}"), "location": format!("{host}/{path}:{name}"),
            "digest": tag.digest, "revision": revision,
            "shortRevision": revision.get(..9).unwrap_or(revision),
            "totalSize": manifest.map(|manifest| manifest.size.to_string()),
            "createdAt": tag.created_at,
            "publishedAt": tag.updated_at.as_ref().unwrap_or(&tag.created_at),
            "mediaType": manifest.map(|manifest| manifest.media_type.as_str()), "referrers": [],
            "protection": null,
        })
    });
    rows.collect()
}

fn tags(site: &Site<'_>, parent: &Value, arguments: &Arguments) -> Result<Value, Failed> {
    if !registry_answers(site.world) {
        return Err(Failed::Field(UNREACHABLE.to_owned()));
    }
    let part = text(arguments, "name").unwrap_or("");
    let mut rows = tag_rows(site, parent);
    rows.retain(|row| {
        row.get("name")
            .and_then(Value::as_str)
            .is_some_and(|name| name.contains(part))
    });
    if text(arguments, "sort").is_some_and(|sort| sort.ends_with("DESC")) {
        rows.reverse();
    }
    connection("ContainerRepositoryDetails", "tags", rows, arguments)
}

fn manifest(site: &Site<'_>, parent: &Value, arguments: &Arguments) -> Result<Value, Failed> {
    if !registry_answers(site.world) {
        return Err(Failed::Field(UNREACHABLE.to_owned()));
    }
    let path = parent
        .get("#repository")
        .and_then(Value::as_str)
        .unwrap_or("");
    let reference = text(arguments, "reference").unwrap_or("");
    let stored = site.world.organisation.store.repositories.get(path);
    let found = stored.and_then(|stored| {
        let digest = stored
            .tags
            .get(reference)
            .map_or(reference, |tag| tag.digest.as_str());
        stored.manifests.get(digest)
    });
    Ok(found.map_or(Value::Null, |m| {
        String::from_utf8_lossy(&m.bytes).into_owned().into()
    }))
}
