//! Owners, the nearest first, each with where it is known from.

use super::codeowners::{CodeOwners, Owned, TooMuchWork, floor, is_address};
use super::{Project, below, clean};
use crate::facts::{ImageFacts, PlaceFacts};
use crate::issue::Owner;
use crate::policy::{Application, Policy, Subject};

/// Owners that an issue shows.
pub(super) const MAX_OWNERS: usize = 20;
/// Of them, those that labels give.
const MAX_LABEL_OWNERS: usize = 5;
/// Bytes of a label that are looked at.
const MAX_LABEL: usize = 1_024;

/// The owners found so far.
#[derive(Debug, Default)]
pub(super) struct Owners {
    pub(super) all: Vec<Owner>,
    pub(super) notes: Vec<String>,
}

impl Owners {
    fn add(&mut self, name: &str, from: &str) -> bool {
        let lower = name.to_lowercase();
        let is_new = self.all.iter().all(|one| one.name.to_lowercase() != lower);
        if is_new && self.all.len() < MAX_OWNERS {
            self.all.push(Owner {
                name: name.to_owned(),
                from: from.to_owned(),
            });
        }
        is_new
    }

    pub(super) fn of_policy(
        &mut self,
        policy: &Policy,
        application: Option<&Application>,
        team: Option<&str>,
        subject: Subject<'_>,
        images: &[ImageFacts],
    ) {
        for name in application.iter().flat_map(|one| &one.owners) {
            self.add(name, "policy");
        }
        let by_pattern = policy
            .owners
            .iter()
            .find_map(|one| Some((one, one.matches.of_place(subject, images)?)));
        if let Some((rule, why)) = by_pattern {
            for name in &rule.owners {
                self.add(name, "policy");
            }
            let names = rule.owners.join(", ");
            self.notes
                .push(format!("{names}: the policy's owners, by {why}."));
        }
        let of_team = policy
            .teams
            .iter()
            .find(|one| team.is_some_and(|team| team == one.name));
        for name in of_team.iter().flat_map(|one| &one.owners) {
            self.add(name, "policy");
        }
    }

    pub(super) fn of_codeowners(&mut self, project: &Project, place: &PlaceFacts) {
        let Some(file) = &project.codeowners else {
            return;
        };
        let path = project.codeowners_path.as_deref().unwrap_or("CODEOWNERS");
        self.notes.extend(file.cut.clone());
        let (asked, owned) = match nearest(file, &place.location, &place.project) {
            Ok(Some(found)) => found,
            Ok(None) => return,
            Err(error) => {
                self.notes.push(format!("{error}."));
                return;
            }
        };
        for one in owned {
            let section = match one.section {
                "" => String::new(),
                name => format!(", section {name}"),
            };
            let what = match one.is_general {
                true => "everything".to_owned(),
                false => asked.clone(),
            };
            let names = one.owners.join(", ");
            self.notes.push(format!(
                "{names}: line {} of {path}{section}, which is about {what}.",
                one.line
            ));
            for name in one.owners {
                self.add(name, "codeowners");
            }
        }
    }

    pub(super) fn of_labels(&mut self, keys: &[String], images: &[ImageFacts]) {
        let mut added = 0;
        for key in keys {
            let values = images
                .iter()
                .flat_map(|image| &image.labels)
                .filter(|(name, _)| name == key)
                .map(|(_, value)| floor(value, MAX_LABEL));
            for name in values.flat_map(|value| value.split(',')).filter_map(person) {
                if added == MAX_LABEL_OWNERS {
                    return;
                }
                if self.add(&name, "label") {
                    added += 1;
                    self.notes.push(format!(
                        "{name}: the image's label {key} (it may be the base image's)."
                    ));
                }
            }
        }
    }

    pub(super) fn of_maintainers(&mut self, project: &Project) {
        for name in &project.maintainers {
            self.add(name, "maintainer");
        }
    }
}

/// `Mira <mira@example.com>` is known by the address; an address of the web is nobody.
fn person(text: &str) -> Option<String> {
    let text = clean(text)?;
    let address = text
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map(|(address, _)| address.trim())
        .filter(|address| is_address(address));
    match address {
        Some(address) => Some(address.to_owned()),
        None if text.contains("://") => None,
        None => Some(text),
    }
}

/// The entries that are about the image: of the first file that an image of this name may be built from and
/// that an entry names in particular; else those about everything.
fn nearest<'c>(
    file: &'c CodeOwners,
    location: &str,
    project: &str,
) -> Result<Option<(String, Vec<Owned<'c>>)>, TooMuchWork> {
    let mut general = None;
    for path in built_from(location, project) {
        let owned = file.of_path(&path)?;
        if owned.iter().any(|one| !one.is_general) {
            return Ok(Some((path, nearest_first(owned))));
        }
        if general.is_none() && !owned.is_empty() {
            general = Some((path, owned));
        }
    }
    Ok(general)
}

/// Entries about this path in particular before those about everything; else the order of the file.
fn nearest_first(mut owned: Vec<Owned<'_>>) -> Vec<Owned<'_>> {
    owned.sort_by_key(|one| one.is_general);
    owned
}

/// Files that an image may be built from, the likeliest first: in the folder that is called like the image,
/// in one of that name below `docker`, with the image's name as ending, and at the root.
fn built_from(location: &str, project: &str) -> Vec<String> {
    let rest = below(location, project);
    let mut paths = Vec::new();
    if !rest.is_empty() {
        let last = rest.rsplit('/').next().unwrap_or(rest);
        paths.push(format!("{rest}/Dockerfile"));
        paths.push(format!("{rest}/Containerfile"));
        paths.push(format!("docker/{rest}/Dockerfile"));
        if last != rest {
            paths.push(format!("{last}/Dockerfile"));
            paths.push(format!("docker/{last}/Dockerfile"));
        }
        paths.push(format!("Dockerfile.{last}"));
        paths.push(format!("docker/Dockerfile.{last}"));
    }
    paths.push("Dockerfile".to_owned());
    paths.push("Containerfile".to_owned());
    paths.push("docker/Dockerfile".to_owned());
    paths
}
