//! Whose an issue is, and what it means to the business.
//!
//! From the policy, from what the connector tells of a project (topics, visibility, CODEOWNERS,
//! maintainers), and from the labels of images. What the policy says counts before all else; without it a
//! project is an application, and what a repository is called below its project is the service.
//!
//! Labels come with base images and are written by whoever builds: they name a team, a service and owners
//! where nobody else does, and never what a severity depends on (application, priority, data), unless a
//! table of the policy asks for a label.

pub mod codeowners;
mod glob;
mod owners;

use crate::facts::{BusinessFacts, ImageFacts, PlaceFacts};
use crate::issue::BusinessContext;
use crate::policy::{Policy, Subject};
use crate::remediation::is_hidden;
use codeowners::CodeOwners;

/// Attribute of a location: one topic each.
const TOPICS: &str = "topics";
/// Attribute of a connector's `context`: the file, in one or several pieces.
const CODEOWNERS: &str = "codeowners";
/// Where the file is.
const CODEOWNERS_PATH: &str = "codeowners-path";
/// One name each, or several with commas between.
const MAINTAINERS: &str = "maintainers";
/// Topics that are kept.
const MAX_TOPICS: usize = 100;
/// Maintainers that are kept.
const MAX_MAINTAINERS: usize = 20;
/// Characters of a name that a label gives.
const MAX_NAME: usize = 100;

/// What a connector tells of a project, read once for all its locations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    /// Its CODEOWNERS.
    pub codeowners: Option<CodeOwners>,
    /// Where that file is.
    pub codeowners_path: Option<String>,
    /// Its maintainers.
    pub maintainers: Vec<String>,
    /// Its default branch.
    pub default_branch: Option<String>,
}

impl Project {
    /// From the attributes of the project's location and of the connector's `context`.
    pub fn of(attributes: &[(String, String)]) -> Self {
        let values = |key: &'static str| {
            attributes
                .iter()
                .filter(move |(name, _)| name == key)
                .map(|(_, value)| value.as_str())
        };
        // One that is cut here is read up to there, and says so.
        let mut file = String::new();
        for piece in values(CODEOWNERS) {
            if file.len() <= codeowners::MAX_BYTES {
                file.push_str(piece);
                file.push('\n');
            }
        }
        let mut maintainers: Vec<String> = Vec::new();
        let names = values(MAINTAINERS).flat_map(|value| value.split([',', '\n']));
        for name in names.filter_map(clean).map(mention) {
            if maintainers.len() < MAX_MAINTAINERS && !maintainers.contains(&name) {
                maintainers.push(name);
            }
        }
        Self {
            codeowners: (!file.trim().is_empty()).then(|| CodeOwners::parse(&file)),
            codeowners_path: values(CODEOWNERS_PATH).find_map(clean),
            maintainers,
            default_branch: values("default-branch").find_map(clean),
        }
    }
}

/// `mira` is `@mira`; addresses and names with spaces stay.
fn mention(name: String) -> String {
    match name.contains(['@', ' ']) {
        true => name,
        false => format!("@{name}"),
    }
}

/// What is known of a place, from the attributes of the location and its project. Pushes and images are not
/// among them; the store knows those.
pub fn place(location: &str, project: &str, attributes: &[(String, String)]) -> PlaceFacts {
    let first = |key: &str| {
        attributes
            .iter()
            .find(|(name, value)| name == key && !value.is_empty())
            .map(|(_, value)| value.clone())
    };
    let mut topics: Vec<String> = Vec::new();
    for (_, topic) in attributes.iter().filter(|(name, _)| name == TOPICS) {
        if topics.len() < MAX_TOPICS && !topics.contains(topic) {
            topics.push(topic.clone());
        }
    }
    PlaceFacts {
        location: location.to_owned(),
        project: project.to_owned(),
        visibility: first("visibility"),
        archived: first("archived").and_then(|value| value.parse().ok()),
        last_activity: first("last-activity"),
        topics,
        ..PlaceFacts::default()
    }
}

/// What is known of whose it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolved {
    /// As issues show it.
    pub context: BusinessContext,
    /// As severity rules read it.
    pub facts: BusinessFacts,
    /// How each is known, a sentence each ("The application is shop: the policy's application 2, by project
    /// acme/shop/*.").
    pub notes: Vec<String>,
}

/// Tells whose the images of a place are. `images` are those that have the issue, in the connector's order.
pub fn resolve(
    policy: &Policy,
    project: &Project,
    place: &PlaceFacts,
    images: &[ImageFacts],
) -> Resolved {
    let subject = Subject {
        place,
        branch_labels: &policy.labels.branch,
        default_branch: project.default_branch.as_deref(),
    };
    let mut notes = Vec::new();
    let label = |keys: &[String]| {
        keys.iter().find_map(|key| {
            images.iter().find_map(|image| {
                let (_, value) = image.labels.iter().find(|(name, _)| name == key)?;
                Some((key.clone(), clean(value)?))
            })
        })
    };

    let mapped = (1..)
        .zip(&policy.applications)
        .find_map(|(number, one)| Some((number, one, one.matches.of_place(subject, images)?)));
    let (application, name) = match &mapped {
        Some((number, one, why)) => {
            notes.push(format!(
                "The application is {}: the policy's application {number}, by {why}.",
                one.name
            ));
            (Some(*one), one.name.clone())
        }
        None => {
            let name = match place.project.as_str() {
                "" => place.location.clone(),
                project => project.to_owned(),
            };
            notes.push(format!(
                "The application is {name}: the project, because no application of the policy matches."
            ));
            (None, name)
        }
    };

    let mut service = application.and_then(|one| one.service.clone());
    if service.is_none()
        && let Some((key, value)) = label(&policy.labels.service)
    {
        notes.push(format!("The service is {value}: the image's label {key}."));
        service = Some(value);
    }
    let service = service.or_else(|| {
        let rest = below(&place.location, &place.project);
        (!rest.is_empty()).then(|| rest.to_owned())
    });

    let mut team = application.and_then(|one| one.team.clone());
    if team.is_none() {
        let by_pattern = policy
            .teams
            .iter()
            .filter(|one| !one.matches.is_empty())
            .find_map(|one| Some((one, one.matches.of_place(subject, images)?)));
        if let Some((one, why)) = by_pattern {
            notes.push(format!(
                "The team is {}: the policy's team, by {why}.",
                one.name
            ));
            team = Some(one.name.clone());
        } else if let Some((key, value)) = label(&policy.labels.team) {
            notes.push(format!("The team is {value}: the image's label {key}."));
            team = Some(value);
        }
    }

    let mut environment = application.and_then(|one| one.environment.clone());
    let by_rule = policy.environments.iter().find_map(|rule| {
        let by_place = || rule.matches.of_place(subject, images);
        let why = images
            .iter()
            .find_map(|image| rule.matches.of_image(subject, image))
            .or_else(by_place)?;
        Some((rule, why))
    });
    if let Some((rule, why)) = by_rule {
        notes.push(format!(
            "The environment is {}: the policy's environment, by {why}.",
            rule.name
        ));
        environment = Some(rule.name.clone());
    }

    let mut found = owners::Owners::default();
    found.of_policy(policy, application, team.as_deref(), subject, images);
    found.of_codeowners(project, place);
    found.of_labels(&policy.labels.owner, images);
    found.of_maintainers(project);
    notes.extend(found.notes);

    let priority = application.and_then(|one| one.priority.clone());
    Resolved {
        facts: BusinessFacts {
            application: name.clone(),
            priority: priority.clone(),
            environment: environment.clone(),
            internet_facing: application.and_then(|one| one.internet_facing),
            data: application.map(|one| one.data.clone()).unwrap_or_default(),
        },
        context: BusinessContext {
            application: name,
            service,
            team,
            priority,
            environment,
            owners: found.all,
        },
        notes,
    }
}

/// What follows the project's path in a location's (`api/worker`); empty for the image at the root.
fn below<'l>(location: &'l str, project: &str) -> &'l str {
    let is_below = location
        .get(..project.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(project));
    match (is_below, location.get(project.len()..)) {
        (true, Some(rest)) if rest.starts_with('/') => rest.trim_matches('/'),
        _ => "",
    }
}

/// A name from outside that can be shown: nothing that a terminal acts on, not long, not empty.
fn clean(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = !text.is_empty()
        && text.chars().count() <= MAX_NAME
        && !text
            .chars()
            .any(|letter| letter.is_control() || is_hidden(letter));
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
