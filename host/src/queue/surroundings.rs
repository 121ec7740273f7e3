//! What an issue stands in: its images, its place, and whose it is.

use std::collections::BTreeMap;

use ox_issue::context::{self, Project};
use ox_issue::facts::{BusinessFacts, ImageFacts, PlaceFacts};
use ox_issue::issue::BusinessContext;

use super::compose::Draft;
use super::judge::{Book, images_of};
use super::{ImageInput, LocationInputs};

/// Ports and labels of an image that rules look at.
const PER_IMAGE: usize = 100;

/// What an issue stands in.
pub(super) struct Surroundings {
    /// Path of the project.
    pub(super) project: String,
    /// The images that have it.
    pub(super) images: Vec<ImageFacts>,
    pub(super) place: PlaceFacts,
    pub(super) context: BusinessContext,
    pub(super) business: BusinessFacts,
}

pub(super) fn of(draft: &Draft<'_>, inputs: &LocationInputs, book: &Book) -> Surroundings {
    let newest = newest(&inputs.images);
    let images: Vec<ImageFacts> = images_of(&draft.places, inputs)
        .into_iter()
        .map(|(index, image)| facts_of(image, newest.contains(&index)))
        .collect();
    // What holds the location comes first: an attribute of the repository does not speak for the project.
    let mut attributes: Vec<(String, String)> = Vec::new();
    if let Some(holder) = &inputs.holder {
        attributes.extend(holder.attributes.iter().cloned());
    }
    attributes.extend(inputs.location.attributes.iter().cloned());
    attributes.extend(inputs.context.iter().cloned());
    let project = inputs
        .holder
        .as_ref()
        .map_or_else(|| inputs.location.path.clone(), |one| one.path.clone());
    let mut place = context::place(&inputs.location.path, &project, &attributes);
    place.images = inputs.images.len();
    place.last_push = inputs
        .images
        .iter()
        .filter_map(|one| one.image.pushed.clone())
        .max();
    let whose = context::resolve(&book.policy, &Project::of(&attributes), &place, &images);
    Surroundings {
        project,
        images,
        place,
        context: whose.context,
        business: whose.facts,
    }
}

/// The image that was pushed last (or made last, where no push is known) of each repository and platform.
fn newest(images: &[ImageInput]) -> Vec<usize> {
    let mut best: BTreeMap<(&str, &str, &str), (usize, &str)> = BTreeMap::new();
    for (index, one) in images.iter().enumerate() {
        let image = &one.image;
        let time = image
            .pushed
            .as_deref()
            .or(image.config.created.as_deref())
            .unwrap_or_default();
        let key = (
            image.repository.as_str(),
            image.platform.os.as_str(),
            image.platform.architecture.as_str(),
        );
        match best.get(&key) {
            Some((_, known)) if *known >= time => {}
            _ => {
                best.insert(key, (index, time));
            }
        }
    }
    best.into_values().map(|(index, _)| index).collect()
}

fn facts_of(one: &ImageInput, newest: bool) -> ImageFacts {
    let image = &one.image;
    ImageFacts {
        digest: image.digest.clone(),
        tags: image.tags.clone(),
        latest: image.tags.iter().any(|tag| tag == "latest"),
        newest,
        created: image.config.created.clone(),
        pushed: image.pushed.clone(),
        user: Some(image.config.user.clone()),
        exposed_ports: image
            .config
            .exposed_ports
            .iter()
            .take(PER_IMAGE)
            .cloned()
            .collect(),
        platform: format!("{}/{}", image.platform.os, image.platform.architecture),
        labels: image
            .config
            .labels
            .iter()
            .take(PER_IMAGE)
            .cloned()
            .collect(),
    }
}
