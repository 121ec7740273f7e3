//! Projects and image repositories as GitLab's REST describes them, and what a scan needs of one.

use serde::Deserialize;

use super::api::{Api, Listing, Mark, OBJECT_CAP, lenient, read_object};
use super::errors::explain;
use crate::contract::{Attribute, Failure, Skip, SkipReason};
use crate::session::Session;
use crate::time;

/// Pages of a project's image repositories that one call follows: 5,000 repositories.
pub const REPOSITORY_PAGES: usize = 50;

/// A project, in the form of lists and of `GET /projects/:id`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Project {
    /// Number, stable over renames.
    pub id: u64,
    /// Last part of the path.
    #[serde(default, deserialize_with = "lenient")]
    pub path: String,
    /// Whole path, case preserved.
    #[serde(default)]
    pub path_with_namespace: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) web_url: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) default_branch: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) topics: Vec<String>,
    #[serde(default, deserialize_with = "lenient")]
    tag_list: Vec<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) visibility: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) archived: bool,
    #[serde(default, deserialize_with = "lenient")]
    last_activity_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) namespace: Option<Namespace>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) owner: Option<Owner>,
    #[serde(default, deserialize_with = "lenient")]
    container_registry_enabled: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    container_registry_access_level: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    container_registry_image_prefix: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    repository_access_level: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    marked_for_deletion_on: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    marked_for_deletion_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    permissions: Option<Permissions>,
}

/// What holds a project.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Namespace {
    /// `group` or `user`.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) kind: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) full_path: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) web_url: Option<String>,
}

/// The user whose personal project it is.
#[derive(Clone, Debug, Deserialize)]
pub struct Owner {
    pub(super) id: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Permissions {
    #[serde(default, deserialize_with = "lenient")]
    project_access: Option<Access>,
    #[serde(default, deserialize_with = "lenient")]
    group_access: Option<Access>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Access {
    #[serde(default, deserialize_with = "lenient")]
    access_level: Option<u32>,
}

impl Project {
    /// Host of the registry that its images are in; `None` where the instance has none (or is too old to
    /// say).
    pub fn registry_host(&self) -> Option<&str> {
        host_of(self.container_registry_image_prefix.as_deref()?)
    }

    /// The date on which it will be deleted.
    pub fn deletion(&self) -> Option<&str> {
        self.marked_for_deletion_on
            .as_deref()
            .or(self.marked_for_deletion_at.as_deref())
    }

    /// The highest role that its own answer shows for the token's user; `None` when it does not tell.
    pub fn role(&self) -> Option<u32> {
        let permissions = self.permissions.as_ref()?;
        [&permissions.project_access, &permissions.group_access]
            .into_iter()
            .filter_map(|access| access.as_ref()?.access_level)
            .max()
    }

    /// Why none of its images can be scanned, if so.
    pub fn unscannable(&self) -> Option<Skip> {
        let path = &self.path_with_namespace;
        let skip = |message: String, hint: &str| {
            Some(Skip {
                reason: SkipReason::UnavailableHere,
                why: explain(message, hint),
            })
        };
        if let Some(date) = self.deletion() {
            return skip(
                format!("The project {path} is marked for deletion ({date})."),
                "Restore the project in its settings if its images should be scanned.",
            );
        }
        let level = self.container_registry_access_level.as_deref();
        if level == Some("disabled")
            || (level.is_none() && self.container_registry_enabled == Some(false))
        {
            return skip(
                format!("The container registry of the project {path} is switched off."),
                "Switch it on in the project's settings (General, Visibility) if it has images to scan.",
            );
        }
        // Versions that tell the access level tell the prefix too, unless the instance has no registry.
        if level.is_some() && self.container_registry_image_prefix.is_none() {
            return skip(
                format!("The GitLab of the project {path} has no container registry."),
                "Let its administrator enable the container registry.",
            );
        }
        None
    }

    /// What the host needs for ownership.
    pub fn attributes(&self) -> Vec<Attribute> {
        let mut all = Vec::new();
        let topics = if self.topics.is_empty() {
            &self.tag_list
        } else {
            &self.topics
        };
        all.extend(
            topics
                .iter()
                .map(|topic| ("topics".to_owned(), topic.clone())),
        );
        let mut add = |key: &str, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                all.push((key.to_owned(), value));
            }
        };
        add("visibility", self.visibility.clone());
        add("archived", Some(self.archived.to_string()));
        add("default-branch", self.default_branch.clone());
        add(
            "last-activity",
            self.last_activity_at.as_deref().and_then(time::normal),
        );
        add(
            "registry-access",
            self.container_registry_access_level.clone(),
        );
        add("marked-for-deletion", self.deletion().map(str::to_owned));
        all
    }
}

/// An image repository, as REST describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Repository {
    /// Number of the row.
    pub id: u64,
    /// What follows the project's path; empty for the image at the root.
    #[serde(default, deserialize_with = "lenient")]
    pub name: String,
    /// Path in the registry.
    pub path: String,
    /// The project that holds it.
    #[serde(default, deserialize_with = "lenient")]
    pub project_id: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    location: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    created_at: Option<String>,
    /// `delete_scheduled`, …; `None` for one that is in use.
    #[serde(default, deserialize_with = "lenient")]
    pub status: Option<String>,
}

impl Repository {
    /// Host of the registry, with its port.
    pub fn registry_host(&self) -> Option<&str> {
        host_of(self.location.as_deref()?)
    }

    /// Path in the registry, where everything is lower case.
    pub fn image_path(&self) -> String {
        self.path.to_lowercase()
    }

    /// Path of its project, in lower case.
    pub fn project_path(&self) -> String {
        let path = self.image_path();
        let name = self.name.to_lowercase();
        match path
            .strip_suffix(&name)
            .and_then(|rest| rest.strip_suffix('/'))
        {
            Some(project) if !name.is_empty() => project.to_owned(),
            _ => path,
        }
    }

    /// Its last part for a tree: the name, or for the root image that of the project.
    pub fn label(&self) -> String {
        if self.name.is_empty() {
            let path = self.image_path();
            path.rsplit('/').next().unwrap_or(&path).to_owned()
        } else {
            self.name.clone()
        }
    }

    /// Why it can't be scanned, if so.
    pub fn unscannable(&self) -> Option<Skip> {
        let status = self
            .status
            .as_deref()
            .filter(|status| status.starts_with("delete"))?;
        Some(Skip {
            reason: SkipReason::UnavailableHere,
            why: explain(
                format!(
                    "The image repository {} is being deleted (status {status}).",
                    self.path
                ),
                if status == "delete_failed" {
                    "Let a maintainer delete it again, or ask the administrator why it failed."
                } else {
                    ""
                },
            ),
        })
    }

    /// Where it is, since when, and its state.
    pub fn attributes(&self) -> Vec<Attribute> {
        let mut all = vec![
            ("project".to_owned(), self.project_path()),
            ("image-path".to_owned(), self.image_path()),
        ];
        let mut add = |key: &str, value: Option<String>| {
            all.extend(value.map(|value| (key.to_owned(), value)));
        };
        add("registry", self.registry_host().map(str::to_owned));
        add("created", self.created_at.as_deref().and_then(time::normal));
        add("status", self.status.clone());
        all
    }
}

/// What stands before the first slash of `host[:port]/path`.
fn host_of(location: &str) -> Option<&str> {
    let location = location
        .split_once("://")
        .map_or(location, |(_, rest)| rest);
    let host = location.split('/').next()?.trim();
    let fits =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    (!host.is_empty() && host.bytes().all(fits)).then_some(host)
}

/// What a scan needs to know of one image repository.
#[derive(Clone, Debug)]
pub struct RepositoryFacts {
    /// Number of the project.
    pub project_id: u64,
    /// Number of the repository.
    pub repository_id: u64,
    /// Whole path of the project, case preserved.
    pub project_path: String,
    /// Name within the project; empty for the image at the root.
    pub name: String,
    /// Path in the registry, lower case.
    pub path: String,
    /// Host of the registry, with its port where one is written.
    pub registry_host: String,
    /// `delete_scheduled`, …; `None` for one that is in use.
    pub status: Option<String>,
    /// Branch whose reports count; `None` for an empty project, or where the role hides it.
    pub default_branch: Option<String>,
    /// Role of the token's user (20 reporter, 30 developer, …), where GitLab tells.
    pub role: Option<u32>,
    /// The project is read-only.
    pub archived: bool,
    /// False where the project's Git repository is switched off.
    pub has_code: bool,
    /// Why it can't be scanned, if so.
    pub unscannable: Option<Skip>,
    /// Attributes of the project, for ownership.
    pub project_attributes: Vec<Attribute>,
    /// Attributes of the repository.
    pub attributes: Vec<Attribute>,
    /// Where a person can look at it.
    pub web_url: Option<String>,
}

/// Looks up one image repository and its project, in two requests that overlap.
pub fn repository(
    session: &Session<'_>,
    project_id: u64,
    repository_id: u64,
) -> Result<RepositoryFacts, Failure> {
    let api = Api::new(session);
    let requests = vec![
        api.request(&format!("projects/{project_id}")),
        api.request(&format!("registry/repositories/{repository_id}")),
    ];
    let mut answers = api.fetch_all(requests, OBJECT_CAP).into_iter();
    let (Some(project), Some(row)) = (answers.next(), answers.next()) else {
        return Err(Failure::UnexpectedAnswer(explain(
            "GitLab answered fewer requests than were sent.",
            "",
        )));
    };
    let project: Project = read_object(&api.url("projects"), &project?)?;
    let row: Repository = match row {
        Ok(answer) => read_object(&api.url("registry/repositories"), &answer)?,
        // Before 13.6 there is no such endpoint; some roles may list but not look up.
        Err(Failure::NotFound(_) | Failure::Forbidden(_)) => {
            listed(&api, project_id, repository_id)?
        }
        Err(failure) => return Err(failure),
    };
    if row.project_id.is_some_and(|found| found != project_id) {
        return Err(gone(&project.path_with_namespace, repository_id));
    }
    let Some(registry_host) = row.registry_host().or(project.registry_host()) else {
        return Err(Failure::UnexpectedAnswer(explain(
            format!(
                "GitLab does not say in which registry the images of {} are.",
                row.path
            ),
            "Let its administrator check the external address of the container registry.",
        )));
    };
    Ok(RepositoryFacts {
        project_id,
        repository_id,
        name: row.name.clone(),
        path: row.image_path(),
        registry_host: registry_host.to_owned(),
        status: row.status.clone(),
        default_branch: project
            .default_branch
            .clone()
            .filter(|branch| !branch.is_empty()),
        role: project.role(),
        archived: project.archived,
        has_code: project.repository_access_level.as_deref() != Some("disabled"),
        unscannable: row.unscannable().or_else(|| project.unscannable()),
        project_attributes: project.attributes(),
        attributes: row.attributes(),
        web_url: repository_page(&api, &project.path_with_namespace, repository_id),
        project_path: project.path_with_namespace,
    })
}

/// The page of an image repository in GitLab.
pub fn repository_page(
    api: &Api<'_, '_>,
    project_path: &str,
    repository_id: u64,
) -> Option<String> {
    (!project_path.is_empty()).then(|| {
        format!(
            "{}/{project_path}/container_registry/{repository_id}",
            api.base()
        )
    })
}

/// The list of a project's image repositories.
pub fn repositories(project_id: u64) -> Listing {
    Listing::new(format!("projects/{project_id}/registry/repositories"), "")
}

fn listed(api: &Api<'_, '_>, project_id: u64, repository_id: u64) -> Result<Repository, Failure> {
    let (listing, mut mark) = (repositories(project_id), Mark::Page(1));
    for _ in 0..REPOSITORY_PAGES {
        let page = api.page::<Repository>(&listing, &mark)?;
        if let Some(found) = page.items.into_iter().find(|row| row.id == repository_id) {
            return Ok(found);
        }
        let Some(next) = page.next else { break };
        mark = next;
    }
    Err(gone(&format!("project {project_id}"), repository_id))
}

fn gone(project: &str, repository_id: u64) -> Failure {
    Failure::NotFound(explain(
        format!("The image repository {repository_id} is no longer in {project}."),
        "It was deleted or moved; the next listing shows where the images are now.",
    ))
}

#[cfg(test)]
#[path = "project_tests.rs"]
mod tests;
