//! What there is: users, tokens, groups, projects, repositories and the images in them.
//!
//! Identifiers are handed out in order, times follow from them, so the same calls make the same
//! organisation.

use super::people::{Token, TokenKind, User};
use super::store::Store;
use crate::image::Artefact;
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;

/// Who sees a group or a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Members.
    Private,
    /// Everyone who is signed in.
    Internal,
    /// Everyone.
    Public,
}

impl Visibility {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Internal => "internal",
            Self::Public => "public",
        }
    }
}

/// Who may use a feature of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureAccess {
    /// Everyone who sees the project.
    Enabled,
    /// Reporters and above.
    Private,
    /// Nobody.
    Disabled,
}

impl FeatureAccess {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Private => "private",
            Self::Disabled => "disabled",
        }
    }
}

/// Where a project lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// In a group.
    Group(u64),
    /// In a user's own namespace.
    User(u64),
}

impl From<u64> for Namespace {
    fn from(group: u64) -> Self {
        Self::Group(group)
    }
}

/// A group or subgroup.
#[derive(Clone, Debug)]
pub struct Group {
    /// Identifier.
    pub id: u64,
    /// Name for people.
    pub name: String,
    /// Last part of the path.
    pub path: String,
    /// Whole path.
    pub full_path: String,
    /// The group that holds it.
    pub parent: Option<u64>,
    /// Who sees it.
    pub visibility: Visibility,
    /// Users and their roles.
    pub members: Vec<(u64, u8)>,
    /// Text.
    pub description: String,
    /// Refuses addresses that are not on its list: REST 404, `/jwt/auth` 500.
    pub ip_restricted: bool,
    /// `YYYY-MM-DD` when it is about to be deleted.
    pub marked_for_deletion_on: Option<String>,
}

/// A CI job with its artifacts.
#[derive(Clone, Debug)]
pub struct Job {
    /// Identifier; its pipeline's is the same plus 10,000.
    pub id: u64,
    /// Name (`container_scanning`).
    pub name: String,
    /// `success`, `failed`, …
    pub status: String,
    /// Branch.
    pub git_ref: String,
    /// Files in the archive (`artifacts:paths`): these can be downloaded.
    pub files: BTreeMap<String, Bytes>,
    /// Reports (`artifacts:reports`): type and file name. Not downloadable unless in `files` too.
    pub reports: Vec<(String, String)>,
    /// True when the artifacts are gone.
    pub expired: bool,
}

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    /// Identifier.
    pub id: u64,
    /// Name for people.
    pub name: String,
    /// Last part of the path, with its capitals.
    pub path: String,
    /// Whole path, with its capitals.
    pub full_path: String,
    /// Where it lives.
    pub namespace: Namespace,
    /// Who sees it.
    pub visibility: Visibility,
    /// Archived: listed, pulled, not pushed.
    pub archived: bool,
    /// Who may use its registry.
    pub registry: FeatureAccess,
    /// Who may read its files.
    pub repository: FeatureAccess,
    /// Topics, sorted.
    pub topics: Vec<String>,
    /// Text.
    pub description: Option<String>,
    /// None for an empty repository.
    pub default_branch: Option<String>,
    /// Direct members and their roles.
    pub members: Vec<(u64, u8)>,
    /// Groups it is shared with, and the role they get.
    pub shared_with: Vec<(u64, u8)>,
    /// Paths it had before.
    pub former_paths: Vec<String>,
    /// Files of the default branch.
    pub files: BTreeMap<String, Bytes>,
    /// CI jobs, oldest first.
    pub jobs: Vec<Job>,
    /// Findings of the vulnerability report, as GraphQL objects (see [`Organisation::vulnerability`]).
    pub vulnerabilities: Vec<Value>,
    /// `YYYY-MM-DD` when it is about to be deleted.
    pub marked_for_deletion_on: Option<String>,
    /// When something last happened.
    pub last_activity_at: String,
}

/// An image repository, as GitLab's database has it.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Identifier.
    pub id: u64,
    /// The project's.
    pub project: u64,
    /// Path below the project; empty for the project's own image.
    pub name: String,
    /// Path in the registry, lower case.
    pub path: String,
    /// `delete_scheduled`, `delete_ongoing`, `delete_failed`.
    pub status: Option<String>,
    /// When a cleanup policy last started.
    pub cleanup_policy_started_at: Option<String>,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Organisation {
    /// Users.
    pub users: Vec<User>,
    /// Tokens.
    pub tokens: Vec<Token>,
    /// Groups.
    pub groups: Vec<Group>,
    /// Projects.
    pub projects: Vec<Project>,
    /// Image repositories.
    pub repositories: Vec<Repository>,
    /// What the registry holds.
    pub store: Store,
    next_id: u64,
}

impl Organisation {
    /// Nobody and nothing.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Adds a user.
    pub fn user(&mut self, username: &str) -> u64 {
        self.user_with(username, |_| {})
    }

    /// Adds a user and changes the defaults.
    pub fn user_with(&mut self, username: &str, change: impl FnOnce(&mut User)) -> u64 {
        let id = self.id();
        let mut user = User {
            id,
            username: username.to_owned(),
            name: capitalised(username),
            admin: false,
            bot: false,
            blocked: false,
        };
        change(&mut user);
        self.users.push(user);
        id
    }

    /// Adds a personal access token that does not expire.
    pub fn token(&mut self, user: u64, value: &str, scopes: &[&str]) {
        self.token_with(user, value, scopes, |_| {});
    }

    /// Adds a token and changes the defaults.
    pub fn token_with(
        &mut self,
        user: u64,
        value: &str,
        scopes: &[&str],
        change: impl FnOnce(&mut Token),
    ) {
        let mut token = Token {
            id: self.id(),
            value: value.to_owned(),
            name: "connector".to_owned(),
            user: Some(user),
            kind: TokenKind::Personal,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            expires_at: None,
            revoked: false,
            granular: false,
        };
        change(&mut token);
        self.tokens.push(token);
    }

    /// Adds a deploy token of a project.
    pub fn deploy_token(&mut self, project: u64, username: &str, value: &str, scopes: &[&str]) {
        self.token_with(0, value, scopes, |token| {
            token.user = None;
            token.kind = TokenKind::Deploy {
                username: username.to_owned(),
                project,
            };
        });
    }

    /// Adds a group, or a subgroup of `parent`. Private, unless changed.
    pub fn group(
        &mut self,
        parent: Option<u64>,
        path: &str,
        change: impl FnOnce(&mut Group),
    ) -> u64 {
        let id = self.id();
        let above = parent.and_then(|parent| self.groups.iter().find(|g| g.id == parent));
        let full_path = match above {
            Some(above) => format!("{}/{path}", above.full_path),
            None => path.to_owned(),
        };
        let mut group = Group {
            id,
            name: capitalised(path),
            path: path.to_owned(),
            full_path,
            parent,
            visibility: Visibility::Private,
            members: Vec::new(),
            description: String::new(),
            ip_restricted: false,
            marked_for_deletion_on: None,
        };
        change(&mut group);
        self.groups.push(group);
        id
    }

    /// Adds a project. Private, with its registry on, unless changed.
    pub fn project(
        &mut self,
        namespace: impl Into<Namespace>,
        path: &str,
        change: impl FnOnce(&mut Project),
    ) -> u64 {
        let id = self.id();
        let namespace = namespace.into();
        let above = match namespace {
            Namespace::Group(group) => self
                .groups
                .iter()
                .find(|g| g.id == group)
                .map(|g| g.full_path.clone()),
            Namespace::User(user) => self
                .users
                .iter()
                .find(|u| u.id == user)
                .map(|u| u.username.clone()),
        };
        let mut project = Project {
            id,
            name: path.to_owned(),
            path: path.to_owned(),
            full_path: format!("{}/{path}", above.unwrap_or_default()),
            namespace,
            visibility: Visibility::Private,
            archived: false,
            registry: FeatureAccess::Enabled,
            repository: FeatureAccess::Enabled,
            topics: Vec::new(),
            description: None,
            default_branch: Some("main".to_owned()),
            members: Vec::new(),
            shared_with: Vec::new(),
            former_paths: Vec::new(),
            files: BTreeMap::new(),
            jobs: Vec::new(),
            vulnerabilities: Vec::new(),
            marked_for_deletion_on: None,
            last_activity_at: stamp(id + 500_000),
        };
        change(&mut project);
        project.topics.sort();
        self.projects.push(project);
        id
    }

    /// Adds an image repository to a project. An empty name is the project's own image.
    pub fn repository(&mut self, project: u64, name: &str) -> u64 {
        let id = self.id();
        let above = self
            .projects
            .iter()
            .find(|p| p.id == project)
            .map(|p| p.full_path.to_lowercase());
        let above = above.unwrap_or_default();
        let path = if name.is_empty() {
            above
        } else {
            format!("{above}/{name}")
        };
        self.repositories.push(Repository {
            id,
            project,
            name: name.to_owned(),
            path,
            status: None,
            cleanup_policy_started_at: None,
        });
        id
    }

    /// Pushes an image under a tag. The registry knows the repository from then on.
    pub fn push(&mut self, repository: u64, tag: &str, artefact: &Artefact) {
        let moment = stamp(self.id() + 900_000);
        if let Some(path) = self
            .repositories
            .iter()
            .find(|r| r.id == repository)
            .map(|r| &r.path)
        {
            self.store.push(path, tag, artefact, &moment);
        }
    }

    /// Makes the registry know a repository that has no tags.
    pub fn empty_repository(&mut self, repository: u64) {
        let moment = stamp(self.id() + 900_000);
        if let Some(path) = self
            .repositories
            .iter()
            .find(|r| r.id == repository)
            .map(|r| &r.path)
        {
            self.store.create(path, &moment);
        }
    }

    /// Changes a repository's row.
    pub fn change_repository(&mut self, id: u64, change: impl FnOnce(&mut Repository)) {
        if let Some(repository) = self.repositories.iter_mut().find(|r| r.id == id) {
            change(repository);
        }
    }

    /// Changes a project.
    pub fn change_project(&mut self, id: u64, change: impl FnOnce(&mut Project)) {
        if let Some(project) = self.projects.iter_mut().find(|p| p.id == id) {
            change(project);
        }
    }

    /// Takes a token back.
    pub fn revoke(&mut self, value: &str) {
        for token in self.tokens.iter_mut().filter(|token| token.value == value) {
            token.revoked = true;
        }
    }

    /// Adds a CI job to a project; answers its identifier.
    pub fn job(&mut self, project: u64, name: &str, change: impl FnOnce(&mut Job)) -> u64 {
        let id = self.id();
        let mut job = Job {
            id,
            name: name.to_owned(),
            status: "success".to_owned(),
            git_ref: "main".to_owned(),
            files: BTreeMap::new(),
            reports: Vec::new(),
            expired: false,
        };
        change(&mut job);
        self.change_project(project, |p| p.jobs.push(job));
        id
    }

    /// Adds the job of GitLab's template: the report is an artifact of both kinds.
    pub fn scan_job(&mut self, project: u64, report: &Value) -> u64 {
        const FILE: &str = "gl-container-scanning-report.json";
        let bytes = Bytes::from(report.to_string());
        self.job(project, "container_scanning", |job| {
            job.files.insert(FILE.to_owned(), bytes);
            job.reports
                .push(("container_scanning".to_owned(), FILE.to_owned()));
        })
    }

    pub(crate) fn find_user(&self, id: u64) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub(crate) fn find_group(&self, id: u64) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    pub(crate) fn find_project(&self, id: u64) -> Option<&Project> {
        self.projects.iter().find(|project| project.id == id)
    }

    /// Projects by path are found whatever the case, as in GitLab.
    pub(crate) fn project_by_path(&self, path: &str) -> Option<&Project> {
        self.projects
            .iter()
            .find(|project| project.full_path.eq_ignore_ascii_case(path))
    }

    pub(crate) fn group_by_path(&self, path: &str) -> Option<&Group> {
        self.groups
            .iter()
            .find(|group| group.full_path.eq_ignore_ascii_case(path))
    }

    /// The project that a registry path belongs to: lower case only, the longest path wins.
    pub(crate) fn project_of_image(&self, path: &str) -> Option<&Project> {
        let fits = |project: &&Project| {
            let above = project.full_path.to_lowercase();
            path == above
                || path
                    .strip_prefix(&above)
                    .is_some_and(|rest| rest.starts_with('/'))
        };
        self.projects
            .iter()
            .filter(fits)
            .max_by_key(|project| project.full_path.len())
    }
}

/// The `number`th minute of the simulated calendar.
pub(crate) fn stamp(number: u64) -> String {
    let seconds = 1_704_067_200_i64 + i64::try_from(number).unwrap_or(0) * 60;
    moment(seconds)
}

/// ISO 8601 with milliseconds, as Rails writes it.
pub(crate) fn moment(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string(),
        Err(_) => "1970-01-01T00:00:00.000Z".to_owned(),
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}
