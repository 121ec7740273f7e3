//! What becomes of an issue that is no longer there.
//!
//! Nothing is closed on a guess: an image that could not be read whole keeps its issues open. What is closed
//! says by what: a newer image of the same tag that has another version (resolved), or that what had it is
//! gone, or that the advisories no longer say so (removed).

/// What is known about an issue that should no longer be there.
#[derive(Clone, Debug, Default)]
pub struct Closing {
    /// What the issue is about, in words ("zlib1g", "the secret").
    pub what: String,
    /// Why the whole location is gone, when it is.
    pub location_gone: Option<String>,
    /// The issue that says the same under another name (`OX-7`).
    pub same_as: Option<String>,
    /// An advisory of it that was withdrawn, when all that said so were.
    pub withdrawn: Option<String>,
    /// What the tool says that reported it, when only a tool did.
    pub tool: Option<String>,
    /// Its images, and what became of them.
    pub places: Vec<Successor>,
}

/// What became of an image that had an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Successor {
    /// The image itself is still there.
    Itself(Seen),
    /// One of its tags leads to another image now.
    Tagged(Seen),
    /// Its tags are gone, and so is it.
    Gone {
        /// Its name.
        name: String,
    },
}

/// What is seen in an image of now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its name (`web-store:1.4`).
    pub name: String,
    /// All of it was read.
    pub complete: bool,
    /// The version of the package in it; `None` when it is not in it.
    pub version: Option<String>,
    /// The version that had the issue.
    pub before: String,
}

impl Seen {
    /// The package is there as it was: whatever was not read, that can be told.
    fn is_as_before(&self) -> bool {
        self.version.as_ref() == Some(&self.before)
    }
}

/// What becomes of an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays open, and why.
    Kept(String),
    /// Its cause is mended.
    Resolved(String),
    /// What had it is gone, or it was none.
    Removed(String),
}

/// Decides. The same facts give the same fate and sentence.
pub fn fate(closing: &Closing) -> Fate {
    let Closing { what, places, .. } = closing;
    if let Some(why) = &closing.location_gone {
        return Fate::Removed(why.clone());
    }
    if let Some(other) = &closing.same_as {
        return Fate::Removed(format!("It is the same as {other}, which stays."));
    }
    if let Some(id) = &closing.withdrawn {
        return Fate::Removed(format!("{id} was withdrawn by those who published it."));
    }
    // What a tool alone said ends with its word; what this host could read of an image does not matter.
    if let Some(said) = &closing.tool {
        let gone = |place: &Successor| matches!(place, Successor::Gone { .. });
        return match places.is_empty() || !places.iter().all(gone) {
            true => Fate::Resolved(said.clone()),
            false => gone_images(what, places),
        };
    }
    let seen = || {
        places.iter().filter_map(|place| match place {
            Successor::Itself(seen) | Successor::Tagged(seen) => Some(seen),
            Successor::Gone { .. } => None,
        })
    };
    if let Some(unread) = seen().find(|seen| !seen.complete && !seen.is_as_before()) {
        return Fate::Kept(format!(
            "{} could not be read whole, so nobody knows whether {what} is in it still.",
            unread.name
        ));
    }
    if let Some(seen) = seen().find(|seen| seen.is_as_before()) {
        return Fate::Removed(format!(
            "The advisories no longer say that {what} {} in {} is affected.",
            seen.before, seen.name
        ));
    }
    for place in places {
        if let Successor::Tagged(seen) = place {
            let name = &seen.name;
            return Fate::Resolved(match &seen.version {
                Some(version) => format!("{name} has {what} {version} now."),
                None => format!("{name} no longer has {what}."),
            });
        }
    }
    for place in places {
        if let Successor::Itself(seen) = place {
            return Fate::Removed(format!(
                "{what} is no longer found in {}, which is the same image: how it is read has changed.",
                seen.name
            ));
        }
    }
    gone_images(what, places)
}

fn gone_images(what: &str, places: &[Successor]) -> Fate {
    let names: Vec<&str> = places
        .iter()
        .filter_map(|place| match place {
            Successor::Gone { name } => Some(name.as_str()),
            _ => None,
        })
        .take(3)
        .collect();
    match names.as_slice() {
        [] => Fate::Removed(format!("{what} is no longer found.")),
        names => Fate::Removed(format!(
            "The images that had it were deleted from the registry: {}.",
            names.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "a test fails by panicking")]

    use super::*;

    fn seen(complete: bool, version: Option<&str>) -> Seen {
        Seen {
            name: "api:1".to_owned(),
            complete,
            version: version.map(str::to_owned),
            before: "1.2".to_owned(),
        }
    }

    fn tagged(complete: bool, version: Option<&str>) -> Successor {
        Successor::Tagged(seen(complete, version))
    }

    fn itself(complete: bool, version: Option<&str>) -> Successor {
        Successor::Itself(seen(complete, version))
    }

    fn gone() -> Successor {
        Successor::Gone {
            name: "api:1".to_owned(),
        }
    }

    fn closing(places: Vec<Successor>) -> Closing {
        Closing {
            what: "zlib1g".to_owned(),
            places,
            ..Closing::default()
        }
    }

    #[test]
    fn a_newer_image_of_the_tag_with_another_version_resolves() {
        let fate = fate(&closing(vec![tagged(true, Some("1.3")), gone()]));
        assert_eq!(fate, Fate::Resolved("api:1 has zlib1g 1.3 now.".to_owned()));
    }

    #[test]
    fn a_newer_image_with_the_same_version_mended_nothing() {
        let fate = fate(&closing(vec![tagged(true, Some("1.2"))]));
        assert!(matches!(fate, Fate::Removed(why) if why.contains("no longer say")));
    }

    #[test]
    fn an_image_that_was_not_read_whole_keeps_the_issue_open() {
        for unread in [
            tagged(false, None),
            tagged(false, Some("1.3")),
            itself(false, None),
        ] {
            let fate = fate(&closing(vec![tagged(true, None), gone(), unread]));
            assert!(matches!(fate, Fate::Kept(_)), "{fate:?}");
        }
    }

    #[test]
    fn what_is_seen_as_it_was_in_an_image_that_was_not_read_whole_is_the_advisories_change() {
        let fate = fate(&closing(vec![itself(false, Some("1.2"))]));
        assert!(matches!(fate, Fate::Removed(why) if why.contains("no longer say")));
    }

    #[test]
    fn a_deleted_image_removes_and_does_not_resolve() {
        let fate = fate(&closing(vec![gone()]));
        assert!(matches!(fate, Fate::Removed(why) if why.contains("api:1")));
    }

    #[test]
    fn an_advisory_that_was_withdrawn_removes_even_what_was_not_read_whole() {
        let mut withdrawn = closing(vec![itself(false, None)]);
        withdrawn.withdrawn = Some("GO-2024-1".to_owned());
        assert!(matches!(fate(&withdrawn), Fate::Removed(why) if why.contains("withdrawn")));
    }

    #[test]
    fn the_word_of_the_tool_ends_what_it_alone_said() {
        let mut closing = closing(vec![itself(false, None)]);
        closing.tool = Some("GitLab no longer reports it.".to_owned());
        assert_eq!(
            fate(&closing),
            Fate::Resolved("GitLab no longer reports it.".to_owned())
        );
        closing.places = vec![gone()];
        assert!(
            matches!(fate(&closing), Fate::Removed(_)),
            "its images were deleted"
        );
    }

    #[test]
    fn the_same_thing_under_another_name_is_not_mended() {
        let mut closing = closing(vec![tagged(true, None)]);
        closing.same_as = Some("OX-7".to_owned());
        assert!(matches!(fate(&closing), Fate::Removed(why) if why.contains("OX-7")));
    }
}
