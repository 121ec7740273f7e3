//! Who may see and do what.

use super::organisation::{FeatureAccess, Group, Namespace, Organisation, Project, Visibility};
use super::people::{User, level};

/// Whether somebody may read a project's registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Yes.
    Allowed,
    /// The project is visible, its registry is not.
    Forbidden,
    /// The project itself is hidden.
    Hidden,
}

impl Organisation {
    /// The group and those above it.
    pub(crate) fn lineage(&self, group: u64) -> Vec<&Group> {
        let mut found = Vec::new();
        let mut next = Some(group);
        while let Some(group) = next.and_then(|id| self.find_group(id)) {
            found.push(group);
            next = group.parent;
        }
        found
    }

    /// True when `group` is `above`, or below it.
    pub(crate) fn is_within(&self, group: u64, above: u64) -> bool {
        self.lineage(group).iter().any(|group| group.id == above)
    }

    fn ip_restricted(&self, group: u64) -> bool {
        self.lineage(group).iter().any(|group| group.ip_restricted)
    }

    /// True when the project's group refuses this machine's address.
    pub(crate) fn project_ip_restricted(&self, project: &Project) -> bool {
        matches!(project.namespace, Namespace::Group(group) if self.ip_restricted(group))
    }

    /// Role in a group, inherited ones included; 0 when none.
    pub(crate) fn group_level(&self, user: Option<&User>, group: u64) -> u8 {
        let Some(user) = user else { return 0 };
        if user.admin {
            return level::ADMIN;
        }
        let members = self
            .lineage(group)
            .into_iter()
            .flat_map(|group| &group.members);
        members
            .filter(|(member, _)| *member == user.id)
            .map(|(_, level)| *level)
            .max()
            .unwrap_or(0)
    }

    /// Role in a project as a member: direct, inherited, or through a group it is shared with.
    pub(crate) fn member_level(&self, user: Option<&User>, project: &Project) -> u8 {
        let Some(user) = user else { return 0 };
        let direct = project
            .members
            .iter()
            .filter(|(member, _)| *member == user.id);
        let direct = direct.map(|(_, level)| *level).max().unwrap_or(0);
        let plain = User {
            admin: false,
            ..user.clone()
        };
        let inherited = match project.namespace {
            Namespace::Group(group) => self.group_level(Some(&plain), group),
            Namespace::User(owner) if owner == user.id => level::OWNER,
            Namespace::User(_) => 0,
        };
        let shared = project.shared_with.iter();
        let shared = shared.map(|(group, most)| self.group_level(Some(&plain), *group).min(*most));
        direct.max(inherited).max(shared.max().unwrap_or(0))
    }

    /// Role in a project, administrators included.
    pub(crate) fn project_level(&self, user: Option<&User>, project: &Project) -> u8 {
        if user.is_some_and(|user| user.admin) {
            return level::ADMIN;
        }
        self.member_level(user, project)
    }

    /// True when the user may know that the project exists.
    pub(crate) fn sees_project(&self, user: Option<&User>, project: &Project) -> bool {
        !self.project_ip_restricted(project)
            && match project.visibility {
                Visibility::Public => true,
                Visibility::Internal => user.is_some(),
                Visibility::Private => self.project_level(user, project) > 0,
            }
    }

    /// True when the user is a member of the group, of one above it, or of something below it.
    pub(crate) fn belongs_to_group(&self, user: Option<&User>, group: &Group) -> bool {
        if self.group_level(user, group.id) > 0 {
            return true;
        }
        let Some(user) = user else { return false };
        let member = |members: &[(u64, u8)]| members.iter().any(|(id, _)| *id == user.id);
        self.groups.iter().any(|below| member(&below.members) && self.is_within(below.id, group.id))
            || self.projects.iter().any(|project| {
                member(&project.members)
                    && matches!(project.namespace, Namespace::Group(g) if self.is_within(g, group.id))
            })
    }

    /// True when the user may know that the group exists.
    pub(crate) fn sees_group(&self, user: Option<&User>, group: &Group) -> bool {
        !self.ip_restricted(group.id)
            && match group.visibility {
                Visibility::Public => true,
                Visibility::Internal => user.is_some(),
                Visibility::Private => self.belongs_to_group(user, group),
            }
    }

    /// True when the user may read the project's files. In a private project that takes a reporter; where
    /// only the repository is private, any member.
    pub(crate) fn reads_code(&self, user: Option<&User>, project: &Project) -> bool {
        let role = self.project_level(user, project);
        let private = project.visibility == Visibility::Private;
        self.sees_project(user, project)
            && match project.repository {
                FeatureAccess::Disabled => false,
                _ if private => role >= level::REPORTER,
                FeatureAccess::Private => role > 0,
                FeatureAccess::Enabled => true,
            }
    }

    /// Whether the user may read the project's registry.
    pub(crate) fn reads_registry(&self, user: Option<&User>, project: &Project) -> Reading {
        if !self.sees_project(user, project) {
            return Reading::Hidden;
        }
        let reporter = self.project_level(user, project) >= level::REPORTER;
        let allowed = match project.registry {
            FeatureAccess::Disabled => false,
            FeatureAccess::Private => reporter,
            FeatureAccess::Enabled => reporter || project.visibility != Visibility::Private,
        };
        if allowed {
            Reading::Allowed
        } else {
            Reading::Forbidden
        }
    }
}
