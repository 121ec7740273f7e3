//! Groups, projects and image repositories as locations.

use serde::Deserialize;

use super::stream::Entry;
use super::{KIND_GROUP, KIND_PROJECT, KIND_REPOSITORY, Place};
use crate::contract::{Attribute, Location};
use crate::gitlab::api::{Api, lenient};
use crate::gitlab::project::{Project, Repository, repository_page};

/// A group, as REST describes it.
#[derive(Debug, Deserialize)]
pub(super) struct Group {
    id: u64,
    #[serde(default, deserialize_with = "lenient")]
    name: String,
    pub(super) full_path: String,
    #[serde(default, deserialize_with = "lenient")]
    web_url: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    visibility: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) parent_id: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    marked_for_deletion_on: Option<String>,
}

impl Group {
    pub(super) fn location(self, parent: Option<Place>) -> Location {
        let mut attributes: Vec<Attribute> = Vec::new();
        attributes.extend(
            self.visibility
                .map(|value| ("visibility".to_owned(), value)),
        );
        attributes.extend(
            self.marked_for_deletion_on
                .map(|value| ("marked-for-deletion".to_owned(), value)),
        );
        Location {
            id: Place::Group(self.id).to_string(),
            kind: KIND_GROUP.to_owned(),
            name: if self.name.is_empty() {
                last(&self.full_path)
            } else {
                self.name
            },
            path: self.full_path,
            parent: parent.map(|parent| parent.to_string()),
            scannable: false,
            has_children: true,
            unscannable: None,
            web_url: self.web_url,
            attributes,
        }
    }
}

fn last(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

impl Entry for Group {
    fn id(&self) -> u64 {
        self.id
    }
}

impl Entry for Project {
    fn id(&self) -> u64 {
        self.id
    }
}

/// A project, below `parent` or at the top.
pub(super) fn project_location(project: Project, parent: Option<Place>) -> Location {
    let unscannable = project.unscannable();
    Location {
        id: Place::Project(project.id).to_string(),
        kind: KIND_PROJECT.to_owned(),
        name: last(&project.path_with_namespace),
        parent: parent.map(|parent| parent.to_string()),
        scannable: false,
        has_children: unscannable.is_none(),
        unscannable,
        attributes: project.attributes(),
        web_url: project.web_url,
        path: project.path_with_namespace,
    }
}

/// An image repository, below its project.
pub(super) fn repository_location(
    api: &Api<'_, '_>,
    project: u64,
    repository: &Repository,
) -> Location {
    let unscannable = repository.unscannable();
    Location {
        id: Place::Repository(project, repository.id).to_string(),
        kind: KIND_REPOSITORY.to_owned(),
        name: repository.label(),
        path: repository.image_path(),
        parent: Some(Place::Project(project).to_string()),
        scannable: unscannable.is_none(),
        has_children: false,
        unscannable,
        web_url: repository_page(api, &repository.project_path(), repository.id),
        attributes: repository.attributes(),
    }
}
